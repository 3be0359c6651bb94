"""The kernel's events about cpus and memory, so that hotplug is noticed at once.

Source: the kernel's lib/kobject_uevent.c. A message is `ACTION@PATH` and then `KEY=VALUE`
texts, each with a zero byte behind it. An agent without the host's network name space gets
none of them, and neither does one that may not open such a socket: it looks once a second.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

NETLINK_KOBJECT_UEVENT = 15
"""The protocol, as in the kernel's linux/netlink.h."""

KERNEL_GROUP = 1
"""The multicast group in which the kernel itself speaks; udev repeats it in another one."""

MESSAGE_BYTES = 8192
"""More than a message can have: the kernel's buffer for one has 2 KiB."""

SUBSYSTEMS = (b"SUBSYSTEM=cpu", b"SUBSYSTEM=memory", b"SUBSYSTEM=node")
"""Whose events can change what containers can use."""

OpenSocket = Callable[[], socket.socket]
"""Opens a socket that gets the kernel's events, or raises OSError."""


def no_socket() -> socket.socket:
    """Refuse: there is no kernel that would speak."""
    raise OSError("there are no kernel events here")


def open_socket() -> socket.socket:
    """Open a socket that gets the kernel's events.

    Raises:
        OSError: This process may not have one.
    """
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    events = socket.socket(socket.AF_NETLINK, kind, NETLINK_KOBJECT_UEVENT)
    try:
        events.bind((0, KERNEL_GROUP))
    except OSError:
        events.close()
        raise
    return events


@contextlib.contextmanager
def heard(open_one: OpenSocket, on_change: Callable[[], None]) -> Iterator[None]:
    """Listen for the length of a `with` block, if that is possible.

    Args:
        open_one: Opens the socket.
        on_change: Called when cpus or memory may have changed.
    """
    try:
        events = open_one()
    except OSError as error:
        log.debug("No kernel events, looking once a second: %s", error)
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(events, _receive, events, on_change)
    try:
        yield
    finally:
        loop.remove_reader(events)
        events.close()


def _receive(events: socket.socket, on_change: Callable[[], None]) -> None:
    """Take one message; the loop comes back as long as there are others."""
    try:
        message = events.recv(MESSAGE_BYTES)
    except BlockingIOError:
        return
    except OSError:
        # Some were lost for lack of room (ENOBUFS): one of them may have mattered.
        on_change()
        return
    if any(subsystem in message.split(b"\0") for subsystem in SUBSYSTEMS):
        on_change()
