"""Reading what may hang, beside the event loop.

A read of sysfs can wait for a lock of the kernel, and many reads take longer than an event
may wait. The threads are daemons of their own, not the event loop's: one that hangs holds up
nobody, the end of the process included.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Offload(Protocol):
    """Runs a function and waits for its result without holding up the event loop."""

    def __call__(self, read: Callable[[], T], /) -> Awaitable[T]:
        """Return what `read` returns; raises what it raises."""


async def in_thread(read: Callable[[], T], /) -> T:
    """Run a function in a thread of its own.

    Args:
        read: The function; it must not touch anything of the event loop.

    Returns:
        Its result.

    Raises:
        Exception: What it raised.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: Exception | None) -> None:
        if done.done():
            return  # nobody waits any more
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only beside an error

    def work() -> None:
        result, error = None, None
        try:
            result = read()
        except Exception as problem:  # noqa: BLE001  # it is raised where somebody waits
            error = problem
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=work, name="offload", daemon=True).start()
    return await done


async def at_once(read: Callable[[], T], /) -> T:
    """Run a function right here: where nothing can hang, as in a simulation."""
    return read()
