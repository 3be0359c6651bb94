"""The part of the journal that is in memory: the last entries, and who is told of new ones."""

from collections import deque
from collections.abc import Callable, Sequence

from weka_cpuset.decided import Decided
from weka_cpuset.journal.entry import Entry


class Journal:
    """Keeps the last entries. All calls are made on the event loop's thread.

    Args:
        capacity: How many entries it keeps.
        now_s: Returns the time, in seconds since 1970.

    Attributes:
        put: Is given each new entry; must not wait, and tells whether there was room for it.
        lost: How many entries it did not take.
        number: The number of the last entry; 0: there is none.
    """

    def __init__(self, capacity: int, now_s: Callable[[], float]) -> None:
        self.put: Callable[[Entry], bool] = _keep_no_file
        self.lost = 0
        self.number = 0
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self._now_s = now_s

    def add(self, decided: Decided) -> None:
        """Make an entry of a decision, if it is news."""
        if not decided.is_news:
            return
        self.number += 1
        entry = Entry(self.number, self._now_s(), decided)
        self._entries.append(entry)
        self.lost += not self.put(entry)

    def since(self, number: int) -> Sequence[Entry]:
        """Return the entries in memory after the one with a number, oldest first."""
        wanted = min(self.number - number, len(self._entries))
        newest = [entry for entry, _ in zip(reversed(self._entries), range(wanted), strict=False)]
        return newest[::-1]


def _keep_no_file(entry: Entry) -> bool:  # noqa: ARG001  # nobody writes it
    """Say that all is well: there is no file."""
    return True
