"""What may hang runs beside the event loop."""

import asyncio
import threading

import pytest

from weka_cpuset.offload import at_once, in_thread


@pytest.mark.asyncio
async def test_result_and_error_of_a_thread_arrive() -> None:
    """Whoever waits gets what the function returned or raised, from another thread."""
    here = threading.get_ident()
    assert await in_thread(threading.get_ident) != here
    assert await at_once(threading.get_ident) == here
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.asyncio
async def test_hanging_read_holds_up_nobody() -> None:
    """The loop goes on, whoever waits can be cancelled, and a late result does no harm."""
    hang = threading.Event()
    waiting = asyncio.create_task(in_thread(hang.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hang.set()
    assert await in_thread(lambda: 1) == 1
