"""A value that is shared by all who ask for it within a moment."""

import asyncio

import pytest

from weka_cpuset.fresh import Fresh

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


class Maker:
    """Makes numbers, after a turn of the loop."""

    def __init__(self) -> None:
        self.made = 0
        self.broken = False

    async def make(self) -> int:
        """Return the next number."""
        await asyncio.sleep(0)
        if self.broken:
            raise OSError
        self.made += 1
        return self.made


async def test_all_who_ask_at_once_get_the_same() -> None:
    fresh = Fresh(Maker().make, 1.0)
    assert [1, 1, 1] == list(await asyncio.gather(fresh.get(), fresh.get(), fresh.get()))


async def test_it_is_made_anew_after_its_time() -> None:
    fresh = Fresh(Maker().make, 1.0)
    await fresh.get()
    await asyncio.sleep(0.9)
    assert 1 == await fresh.get()
    await asyncio.sleep(0.2)
    assert 2 == await fresh.get()


async def test_who_goes_away_takes_it_from_nobody() -> None:
    fresh = Fresh(Maker().make, 1.0)
    first = asyncio.create_task(fresh.get())
    second = asyncio.create_task(fresh.get())
    await asyncio.sleep(0)
    first.cancel()
    assert 1 == await second


async def test_failure_is_told_to_all_and_not_kept() -> None:
    maker = Maker()
    maker.broken = True
    fresh = Fresh(maker.make, 1.0)
    with pytest.raises(OSError, match=r"^$"):
        await fresh.get()
    maker.broken = False
    assert 1 == await fresh.get()
