"""Virtual time: it passes only when nothing else happens, and the same way each time."""

import asyncio
import socket
import time

import pytest

from nodesim import clock


def test_a_year_takes_no_time() -> None:
    """Sleeping moves the virtual clock and not the real one."""

    async def main() -> float:
        await asyncio.sleep(365 * 86400)
        return asyncio.get_running_loop().time()

    started = time.monotonic()
    assert clock.run(main()) == 365 * 86400
    assert time.monotonic() - started < 1


def test_no_time_passes_while_bytes_are_on_their_way() -> None:
    """What a socket holds is read before the next timer comes due."""

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        seen: list[str] = []
        loop.call_later(1e-3, seen.append, "timer")
        await loop.sock_sendall(near, b"x")
        await loop.sock_recv(far, 1)
        seen.append(f"read at {loop.time()}")
        await asyncio.sleep(1)
        near.close()
        far.close()
        return seen

    assert clock.run(main()) == ["read at 0.0", "timer"]


def test_timers_come_due_in_order() -> None:
    """Timers fire by their time, whatever the order in which they were set."""

    async def main() -> list[float]:
        seen: list[float] = []
        loop = asyncio.get_running_loop()
        for delay in (3.0, 1.0, 2.0, 0.0):
            loop.call_later(delay, lambda: seen.append(loop.time()))
        await asyncio.sleep(5)
        return seen

    assert clock.run(main()) == [0.0, 1.0, 2.0, 3.0]


def test_waiting_for_nothing_is_told() -> None:
    """A simulation that can never end says so instead of hanging the test."""

    async def main() -> None:
        await asyncio.sleep(2)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(clock.Stuck) as stuck:
        clock.run(main())
    assert stuck.value.now_s == 2.0
    assert "2.000 s" in str(stuck.value)


def test_a_leap_makes_timers_due_at_once() -> None:
    """After a leap of the clock everything that should have happened happens."""

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        seen: list[str] = []
        loop.call_later(5, seen.append, "five")
        loop.call_later(50, seen.append, "fifty")
        loop.leap(10)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return seen

    assert clock.run(main()) == ["five"]
