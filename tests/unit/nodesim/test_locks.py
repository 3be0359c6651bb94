"""The readers-writer lock, with the manners of Go's."""

import asyncio

import pytest

from nodesim import clock
from nodesim.locks import ReadWriteLock


def test_readers_share_and_a_writer_is_alone() -> None:
    """Readers overlap; a writer overlaps nobody."""

    async def main() -> list[str]:
        lock = ReadWriteLock()
        seen: list[str] = []

        async def read(name: str) -> None:
            async with lock.reading():
                seen.append(f"+{name}")
                await asyncio.sleep(1)
                seen.append(f"-{name}")

        async def write() -> None:
            async with lock.writing():
                seen.append("+w")
                await asyncio.sleep(1)
                seen.append("-w")

        await asyncio.gather(read("a"), read("b"), write(), read("c"))
        return seen

    seen = clock.run(main())
    assert {"+a", "+b"} == set(seen[:2])
    assert {"-a", "-b"} == set(seen[2:4])
    assert ["+w", "-w", "+c", "-c"] == seen[4:]


def test_reading_again_behind_a_waiting_writer_hangs_for_ever() -> None:
    """This is the hang of a runtime whose plugin connects during a RemovePodSandbox."""

    async def main() -> None:
        lock = ReadWriteLock()

        async def write() -> None:
            async with lock.writing():
                pass

        async with lock.reading():
            writer = asyncio.create_task(write())
            await asyncio.sleep(0)
            try:
                async with lock.reading():
                    pass
            finally:
                writer.cancel()

    with pytest.raises(clock.Stuck):
        clock.run(main())


def test_a_waiter_that_gives_up_lets_the_others_pass() -> None:
    """A cancelled writer holds up nobody."""

    async def main() -> bool:
        lock = ReadWriteLock()

        async def write() -> None:
            async with lock.writing():
                pass

        async with lock.reading():
            writer = asyncio.create_task(write())
            await asyncio.sleep(0)
            writer.cancel()
            await asyncio.sleep(0)
            async with lock.reading():
                return True

    assert clock.run(main())


def test_who_is_let_in_and_gives_up_in_the_same_moment_gives_it_back() -> None:
    """Otherwise nobody would ever hold the lock again."""

    async def main() -> None:
        lock = ReadWriteLock()

        async def write() -> None:
            async with lock.writing():
                raise AssertionError

        async with lock.writing():
            writers = [asyncio.create_task(write()) for _ in range(3)]
            await asyncio.sleep(0)
        # The first one has been let in, and does not know it yet.
        for writer in writers:
            writer.cancel()
        results = await asyncio.gather(*writers, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in results)
        async with lock.writing():
            pass

    clock.run(main())
