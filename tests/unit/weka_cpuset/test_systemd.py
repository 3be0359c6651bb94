"""systemd notifications: sent when systemd listens, never in the way when it does not."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from weka_cpuset.systemd import Notifier


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A datagram socket in the place of systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
        peer.bind(str(tmp_path / "notify"))
        yield peer


def test_states_arrive_as_datagrams(listener: socket.socket) -> None:
    """Ready, status and stopping are one datagram each, in systemd's words."""
    notifier = Notifier({"NOTIFY_SOCKET": listener.getsockname()})
    notifier.ready("at work")
    notifier.status("waiting")
    notifier.stopping()
    received = [listener.recv(200).decode() for _ in range(3)]
    assert received == ["READY=1\nSTATUS=at work", "STATUS=waiting", "STOPPING=1"]


def test_abstract_socket_is_understood() -> None:
    """An address with a leading @ is in the abstract name space."""
    name = f"weka-cpuset-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
        peer.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert peer.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}])
def test_nobody_listening_is_no_error(environment: dict[str, str]) -> None:
    """Without systemd, or with a dead socket, telling is a quiet no-op."""
    notifier = Notifier(environment)
    notifier.ready("at work")
    assert notifier.watchdog_s == 0.0


def test_full_socket_does_not_block(listener: socket.socket) -> None:
    """When systemd does not read, messages are lost and the agent goes on."""
    notifier = Notifier({"NOTIFY_SOCKET": listener.getsockname()})
    for _ in range(5000):
        notifier.status("x" * 100)
    assert listener.recv(200).startswith(b"STATUS=")


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_watchdog_is_fed_twice_per_period(listener: socket.socket) -> None:
    """WATCHDOG is sent at half of the period that systemd allows."""
    environment = {"NOTIFY_SOCKET": listener.getsockname(), "WATCHDOG_USEC": "10000000"}
    notifier = Notifier(environment)
    feeding = asyncio.create_task(notifier.feed_watchdog())
    await asyncio.sleep(29)
    feeding.cancel()
    received = [listener.recv(100) for _ in range(6)]
    assert received == [b"WATCHDOG=1"] * 6
    with pytest.raises(BlockingIOError):
        listener.recv(100)


@pytest.mark.parametrize(
    ("environment", "expected_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_watchdog_period(environment: dict[str, str], expected_s: float) -> None:
    """The period is read from the environment, when it is meant for this process."""
    assert expected_s == Notifier(environment).watchdog_s


@pytest.mark.asyncio
async def test_no_watchdog_ends_at_once() -> None:
    """Without a watchdog the task has nothing to do and ends."""
    await asyncio.wait_for(Notifier({}).feed_watchdog(), 1)
