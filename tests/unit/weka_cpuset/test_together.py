"""Tasks that end together."""

import asyncio

import pytest

from weka_cpuset.together import end_all


async def fail(problem: str) -> None:
    """End with a failure at once."""
    raise OSError(problem)


async def wait() -> None:
    """End only when cancelled."""
    await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_all_have_ended_and_failures_are_known_in_order() -> None:
    """Being cancelled is no failure."""
    tasks = [asyncio.create_task(one) for one in (wait(), fail("first"), fail("second"), wait())]
    await asyncio.sleep(0)

    failed = await end_all(tasks)

    assert [str(one) for one in failed] == ["first", "second"]
    assert all(task.done() for task in tasks)
