"""What waits to be told as an Event: bounded, and with repetitions counted instead of kept.

The keeper of the ledger puts things in; that takes a few microseconds and never waits.
"""

import math
from collections.abc import Callable, Hashable
from typing import NamedTuple

from weka_cpuset.decided import Decided
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.kubernetes.pod_event import PodEvent, Series, pod_events

CAPACITY = 500
"""So many different things are remembered, those told lately included: some 500 kB. It is what a
node tells within minutes at its worst; kubelet runs 110 pods at most by default."""

REPEAT_S = 600.0
"""What was told is not told again within so many seconds; what repeats it is counted, and told
as one series at the end. Kubelet repeats a refused creation every few seconds at first."""


class Item(NamedTuple):
    """One thing that is to be told now.

    Attributes:
        series: What.
        number: Different for each item, and rising.
    """

    series: Series
    number: int


class Backlog:
    """What waits to be told, by what it says.

    Args:
        now_s: Returns the time of day, in seconds since 1970.

    Attributes:
        fates: How many refusals and moves have found each fate.
        on_put: Called after something was put in.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.fates = dict.fromkeys(Fate, 0)
        self.on_put: Callable[[], None] = _nobody
        self._now_s = now_s
        self._told: dict[Hashable, _Told] = {}
        self._number = 0

    @property
    def waiting(self) -> int:
        """How many different things wait."""
        return sum(one.series is not None for one in self._told.values())

    @property
    def refused(self) -> int:
        """How many there was no room for."""
        return self.fates[Fate.LOST]

    def decided(self, decided: Decided) -> None:
        """Put in what is to be told of a decision, if anything."""
        if not (decided.refusal or decided.moves):
            return
        for event in pod_events(decided):
            if event is None:
                self.fates[Fate.UNNAMED] += 1
            else:
                self._put(event)
        self.on_put()

    def due_s(self) -> float | None:
        """Return when the next thing is to be told, by the clock of `take`; None: nothing waits."""
        return min((one.due_s for one in self._told.values() if one.series), default=None)

    def take(self, now: float) -> Item | None:
        """Take the next thing that is to be told now, if there is one.

        Args:
            now: The time in seconds, by a clock that only rises.
        """
        for key in [key for key, one in self._told.items() if one.is_over(now)]:
            del self._told[key]
        ready = (one for one in self._told.values() if one.series and one.due_s <= now)
        first = min(ready, key=lambda one: one.due_s, default=None)
        if first is None or first.series is None:
            return None
        series, first.series, first.due_s = first.series, None, now + REPEAT_S
        # In the order of time also over restarts of the agent.
        self._number = max(self._number + 1, int(self._now_s() * 1_000_000))
        return Item(series, self._number)

    def _put(self, event: PodEvent) -> None:
        at_s = self._now_s()
        told = self._told.get(event.key)
        if told is None:
            if len(self._told) >= CAPACITY and not self._make_room():
                self.fates[Fate.LOST] += 1
                return
            told = self._told[event.key] = _Told()
        before = told.series
        if before is not None:
            self.fates[Fate.REPEATED] += 1
        first_s, times = (before.first_s, before.times) if before is not None else (at_s, 0)
        told.series = Series(event, first_s, at_s, times + 1)

    def _make_room(self) -> bool:
        """Forget what was told longest ago; tell whether there is such a thing."""
        idle = (key for key, one in self._told.items() if one.series is None)
        key = next(idle, None)
        if key is not None:
            del self._told[key]
        return key is not None


class _Told:
    """Something that is to be told, or was told lately.

    Attributes:
        due_s: When it may be told next, by the clock of `take`; what is new may be at once.
        series: What is to be told then; None: nothing new.
    """

    __slots__ = ("due_s", "series")

    def __init__(self) -> None:
        self.due_s = -math.inf
        self.series: Series | None = None

    def is_over(self, now: float) -> bool:
        """Tell whether it need not be remembered any more."""
        return self.series is None and self.due_s <= now


def _nobody() -> None:
    """Do nothing: nobody waits for it."""
