"""What one read from a socket costs, with asyncio's own buffer and with ours."""

import asyncio
import socket
import time
from collections.abc import Callable

from nri.connection import RECEIVE_BYTES

EVENT_BYTES = 1500
"""The size of a usual event."""

EVENTS = 20_000


class _Echo(asyncio.Protocol):
    """Answers each event with one byte."""

    def __init__(self, size_bytes: int | None) -> None:
        self._size_bytes = size_bytes
        self._received = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the buffer's size."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport
        if self._size_bytes is not None and hasattr(transport, "max_size"):
            transport.max_size = self._size_bytes

    def data_received(self, data: bytes) -> None:
        """Answer when an event is whole."""
        self._received += len(data)
        if self._received >= EVENT_BYTES and self._transport is not None:
            self._received -= EVENT_BYTES
            self._transport.write(b"x")


async def measure(size_bytes: int | None) -> float:
    """Return the microseconds of one event's way there and back.

    Args:
        size_bytes: The buffer of the receiving side; None: asyncio's own, 256 KiB.
    """
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    transport, _ = await loop.create_connection(lambda: _Echo(size_bytes), sock=ours)
    event = bytes(EVENT_BYTES)
    started = time.perf_counter()
    with theirs:
        for _ in range(EVENTS):
            await loop.sock_sendall(theirs, event)
            await loop.sock_recv(theirs, 1)
    taken = time.perf_counter() - started
    transport.close()
    return taken / EVENTS * 1e6


def report(out: Callable[[str], None] = print) -> None:
    """Measure both buffers and print a line."""
    own, small = asyncio.run(measure(None)), asyncio.run(measure(RECEIVE_BYTES))
    out(
        f"An event of {EVENT_BYTES} bytes there and back: {own:.1f} us with asyncio's buffer, "
        f"{small:.1f} us with {RECEIVE_BYTES} bytes"
    )
