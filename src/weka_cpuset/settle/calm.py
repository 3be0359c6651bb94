"""Bursts of creations: while one lasts, shared containers do not grow.

What they would get they would soon have to leave again, at the price of an update of each for
which the pods of the burst wait.
"""

import asyncio
from collections.abc import Callable

from weka_cpuset.settle.in_flight import InFlight

CALM_S = 1.0
"""A burst of creations is over after so many seconds without one. A node creates its pods
within some tenths of a second of each other, and shared containers wait no longer than need be."""

BURST_LATEST_S = 5.0
"""In a burst that lasts longer than so many seconds shared containers grow all the same."""

INSTANT_S = 0.001
"""Less than this is not waited for, in seconds: a loop's timers may fire that early."""


class Calm:
    """Tells whether a burst is under way.

    Args:
        in_flight: What the runtime still has to apply: no creation comes before.
        on_calm: Called when a burst is over.
    """

    def __init__(self, in_flight: InFlight, on_calm: Callable[[], None]) -> None:
        self._in_flight = in_flight
        self._on_calm = on_calm
        self._last_s = self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def note_burst(self) -> None:
        """Take note of a creation that took cpus off the pool: others may follow."""
        loop = asyncio.get_running_loop()
        self._last_s = loop.time()
        if self._timer is None:
            self._began_s = self._last_s
            self._timer = loop.call_later(CALM_S, self._look)

    @property
    def is_calm(self) -> bool:
        """Whether no burst is under way."""
        return self._timer is None

    @property
    def may_grow(self) -> bool:
        """Whether shared containers grow now: in a burst they would soon shrink again."""
        return self.is_calm or self._last_s - self._began_s > BURST_LATEST_S

    def cancel(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """End the burst once nothing more has come for some time."""
        loop = asyncio.get_running_loop()
        calm_s = self._last_s + CALM_S
        if self._in_flight.until_s > loop.time():
            # The next creation cannot come before the runtime has applied this reply.
            calm_s = min(self._in_flight.until_s, loop.time() + CALM_S)
        if calm_s - loop.time() > INSTANT_S:
            self._timer = loop.call_at(calm_s, self._look)
        else:
            self._timer = None
            self._on_calm()
