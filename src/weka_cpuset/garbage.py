"""The garbage collector, kept out of the way of the runtime's events.

Left to itself, Python's collector runs in the middle of whatever makes objects: handlers. A
full collection walks everything that the ledger is made of. So it is switched off while the
agent works, and runs between events: after a quiet moment, or at the latest after a bounded
time, because cycles (of exceptions and their tracebacks, mostly) must go at some time.
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator

LOOK_S = 5.0
"""How often it is looked whether a collection is due, in seconds."""

QUIET_LOOKS = 12
"""The oldest objects are looked through at each so many quiet looks: once a minute."""

YOUNG, ALL = 0, 2
"""The youngest generation of the collector, and all of them."""


@contextlib.contextmanager
def off() -> Iterator[None]:
    """Switch the automatic collection off for the length of a `with` block.

    What start-up has made stays and is never looked through again.
    """
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class Collector:
    """Collects between events.

    Args:
        count_events: Returns how many events there have been.
        collect: Collects up to a generation.
    """

    def __init__(
        self, count_events: Callable[[], int], collect: Callable[[int], object] = gc.collect
    ) -> None:
        self._count_events = count_events
        self._collect = collect
        self._events = -1
        self._quiet = 0

    async def run(self) -> None:
        """Collect, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Collect the young objects, and all of them after enough quiet looks.

        The young ones are few and are looked through in any case, so memory cannot grow in
        a storm: what survives is old, and the next quiet moments will come.
        """
        events, before = self._count_events(), self._events
        self._events = events
        if events != before:
            self._collect(YOUNG)
            return
        self._quiet += 1
        if self._quiet >= QUIET_LOOKS:
            self._quiet = 0
            self._collect(ALL)
