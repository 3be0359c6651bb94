"""The kernel's events: only those about cpus and memory matter, and there may be none."""

import asyncio
import errno
import socket

import pytest

from weka_cpuset.uevents import heard, no_socket, open_socket


class Broken(socket.socket):
    """A socket whose buffer was too small."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Take a message away and say that others were lost."""
        super().recv(bufsize, flags)
        raise OSError(errno.ENOBUFS, "no room")


def pair() -> tuple[socket.socket, socket.socket]:
    """Return our end and the kernel's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)


async def _passes() -> None:
    """Let the loop look at its sockets some times."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("subsystem", "matters"),
    [("cpu", True), ("memory", True), ("node", True), ("net", False), ("cpuidle", False)],
)
async def test_only_cpus_and_memory_matter(subsystem: str, matters: bool) -> None:  # a case
    """A node that starts pods tells of network devices all the time."""
    ours, kernels = pair()
    told: list[None] = []
    with kernels, heard(lambda: ours, lambda: told.append(None)):
        kernels.send(f"online@/devices/x\0ACTION=online\0SUBSYSTEM={subsystem}\0".encode())
        await _passes()
    assert bool(told) is matters
    assert ours.fileno() == -1


@pytest.mark.asyncio
async def test_lost_events_count() -> None:
    """One of them may have mattered."""
    ours, kernels = pair()
    broken = Broken(ours.family, ours.type, fileno=ours.detach())
    changed = asyncio.Event()
    with kernels, heard(lambda: broken, changed.set):
        kernels.send(b"x")
        await changed.wait()


@pytest.mark.asyncio
async def test_agent_that_may_not_listen_works_on() -> None:
    """It looks once a second anyway."""
    with heard(no_socket, lambda: None):
        await _passes()


def test_kernel_is_listened_to_where_that_is_allowed() -> None:
    """The socket is one for the kernel's events and never blocks; a sandbox may forbid it."""
    try:
        events = open_socket()
    except OSError:
        return
    with events:
        assert events.family is socket.AF_NETLINK
        assert events.getblocking() is False
