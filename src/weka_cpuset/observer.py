"""The one who is told of all that is decided and answered: counts, times, and the journal.

The keeper calls it when it has decided, the handlers when they have answered. It works in memory
only, with a bounded amount of it.
"""

from collections.abc import Callable

from weka_cpuset.decided import REBUILT, Decided
from weka_cpuset.engine import Outcome
from weka_cpuset.journal.memory import Journal
from weka_cpuset.latency import Latency

REMEMBERED_MAX = 8192
"""Of so many containers it is remembered since when they have their cpus, the last ones: one for
each cpu that there can be. Not every end of a container is told by its id."""

_ENDS = frozenset({Outcome.RELEASED.value, Outcome.NOTHING.value})


class Observer:
    """Counts what happens, and remembers since when containers have their cpus.

    Args:
        journal: Is told of each decision.
        now_s: Returns the time, in seconds since 1970.

    Attributes:
        journal: The journal.
        latency: How long the runtime waited for answers, by the request's name.
        decisions: How many decisions there were, by event and outcome.
        refusals: How many refusals, by type.
        moves: How often a container was given other cpus for the sake of another one.
        moved_cpus: How many cpus that were.
        updates: How many updates of containers replies have carried.
        last_event_s: When the last request came, in seconds since 1970; 0: none came.
        rebuilt_s: When the whole ledger was last made anew; 0: never.
    """

    def __init__(self, journal: Journal, now_s: Callable[[], float]) -> None:
        self.journal = journal
        self.latency: dict[str, Latency] = {}
        self.decisions: dict[tuple[str, str], int] = {}
        self.refusals: dict[str, int] = {}
        self.moves = 0
        self.moved_cpus = 0
        self.updates = 0
        self.last_event_s = 0.0
        self.rebuilt_s = 0.0
        self._now_s = now_s
        self._since_s: dict[str, float] = {}

    def decided(self, decided: Decided) -> None:
        """Take note of a decision."""
        kind = (decided.event, decided.outcome)
        self.decisions[kind] = self.decisions.get(kind, 0) + 1
        self.moves += len(decided.moves)
        self.moved_cpus += decided.moved_cpus
        self.updates += decided.updates
        if decided.refusal:
            self.refusals[decided.refusal] = self.refusals.get(decided.refusal, 0) + 1
        self._note_since(decided)
        self.journal.add(decided)

    def answered(self, request: str, took_s: float) -> None:
        """Take note of a request that was answered.

        Args:
            request: Its name.
            took_s: How long the runtime waited, in seconds.
        """
        self.last_event_s = self._now_s()
        latency = self.latency.get(request)
        if latency is None:
            latency = self.latency[request] = Latency()
        latency.note(took_s)

    def since_s(self, container_id: str) -> float:
        """Return since when a live container has its cpus, in seconds since 1970.

        What it got before the ledger was last made anew counts from then on. The cpus of the
        pool change with every owner; of a container on the pool it is since when it is there.
        """
        return self._since_s.get(container_id, self.rebuilt_s)

    def _note_since(self, decided: Decided) -> None:
        if decided.outcome == REBUILT:
            self.rebuilt_s = self._now_s()
        elif decided.outcome in _ENDS:
            self._since_s.pop(decided.id, None)
        elif decided.before != decided.after:
            self._note_changed(decided.id)
        for one in decided.moves:
            self._note_changed(one.id)

    def _note_changed(self, container_id: str) -> None:
        self._since_s.pop(container_id, None)  # so that those that changed last are the last ones
        self._since_s[container_id] = self._now_s()
        if len(self._since_s) > REMEMBERED_MAX:
            del self._since_s[next(iter(self._since_s))]
