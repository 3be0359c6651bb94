"""An event loop on virtual time: hours pass in seconds, in the same order each time.

Sockets are real; only the clock is not. As long as anything can be read or written, no time
passes. When nothing can, the clock is set to the next timer. Everything that talks to each
other must therefore be in this process, on this loop.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Stuck(Exception):
    """Nothing will ever happen again, and the simulation is not at its end.

    Attributes:
        now_s: The time at which everything stopped, in simulated seconds.
    """

    def __init__(self, now_s: float) -> None:
        super().__init__(now_s)
        self.now_s = now_s

    def __str__(self) -> str:
        return f"at {self.now_s:.3f} s everything waits for something that will never happen"


class _VirtualSelector(selectors.DefaultSelector):
    """Never waits: where the loop would wait, its clock moves on instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; if nothing is, let `timeout` pass at once."""
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready:
            if timeout is None:
                raise Stuck(self.now_s)
            self.now_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop. Its clock starts at 0."""

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)
        # Timers this close to each other are due together. Less than that is lost in the
        # precision of a float after some years.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual.now_s

    def leap(self, seconds: float) -> None:
        """Let the clock leap: all timers of that time come due at once."""
        self._virtual.now_s += seconds


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end on a virtual-time loop of its own.

    Args:
        main: The coroutine.

    Returns:
        Its result.

    Raises:
        Stuck: It can never end.
        Exception: What the coroutine raised.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
