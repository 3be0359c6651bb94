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
        if timeout == 0:
            # Callbacks wait on the loop. Sockets are looked at when these are done.
            return []
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
        Exception: What the coroutine raised, or anything else on the loop that failed.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_ended_by_failures(main))


def spawn(work: Coroutine[Any, Any, _T], name: str) -> "asyncio.Task[_T]":
    """Start a task that nobody waits for; its failure ends the simulation.

    Args:
        work: What it does.
        name: Its name.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name=name)

    def surface(task: "asyncio.Task[_T]") -> None:
        if not task.cancelled() and task.exception() is not None:
            context = {"message": f"task {name} failed", "exception": task.exception()}
            loop.call_exception_handler(context)

    task.add_done_callback(surface)
    return task


async def _ended_by_failures(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine until it ends or anything else on the loop fails."""
    failures: list[BaseException] = []
    task = asyncio.create_task(main)

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failures.append(context.get("exception") or RuntimeError(context["message"]))
        task.cancel()

    asyncio.get_running_loop().set_exception_handler(failed)
    try:
        return await task
    except asyncio.CancelledError:
        if failures:
            raise failures[0] from None
        raise
