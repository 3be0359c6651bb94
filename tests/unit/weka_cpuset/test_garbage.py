"""The garbage collector runs between events, not within."""

import asyncio
import gc

import pytest

from weka_cpuset.garbage import ALL, LOOK_S, QUIET_LOOKS, YOUNG, Collector, off


def test_automatic_collection_is_off_and_comes_back() -> None:
    """While the agent works nothing is collected by chance; afterwards all is as before."""
    assert gc.isenabled()
    with off():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_all_is_collected_only_in_quiet_times() -> None:
    """In a storm only young objects are looked through; in quiet times all, once a minute."""
    events = 0
    collected: list[int] = []
    task = asyncio.create_task(Collector(lambda: events, collected.append).run())
    for _ in range(30):
        events += 1
        await asyncio.sleep(LOOK_S)
    assert set(collected) == {YOUNG}
    collected.clear()
    await asyncio.sleep(LOOK_S * QUIET_LOOKS * 5)
    assert collected.count(ALL) in (4, 5)
    assert collected.count(YOUNG) <= 1
    task.cancel()
