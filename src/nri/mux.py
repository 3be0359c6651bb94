"""The multiplexer: frames of several logical connections on one trunk.

A frame is an 8-byte header (connection id, payload length, both big-endian uint32) and the
payload. There is no greeting, no ping and no close frame. For the reader a frame has no
meaning beyond its bytes: the payload goes on to the logical connection as it arrives, no
frame is ever held. For the writer the borders do matter: Go peers read a frame in one go
through a 4096-byte buffer, and some layouts stop or even crash them. See `Layout`.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import assert_never

from nri.buffer import Buffer
from nri.errors import FrameTooLarge, TrunkClosedMidFrame
from nri.limits import MIB

_HEADER = struct.Struct(">II")
HEADER_BYTES = _HEADER.size
MAX_SENT_FRAME_BYTES = 4 * MIB + 10
"""The largest payload that Go senders write into one frame since NRI 0.7."""

GO_READ_BYTES = 4096
"""The buffer through which the Go side reads, and so the first frame of its long messages."""


class Channel(IntEnum):
    """The logical connections. Id 0 is reserved; frames for all other ids are dropped."""

    PLUGIN_SERVICE = 1
    """The plugin serves, the runtime calls."""
    RUNTIME_SERVICE = 2
    """The runtime serves, the plugin calls."""


class Layout(Enum):
    """How one ttrpc message is cut into frames. No frame ever carries parts of two."""

    HEADER_AND_BODY = "header-and-body"
    """One frame for the header, one for the body: accepted by Go peers at any length."""
    GO = "go"
    """What Go senders produce: one frame up to 4096 bytes, else 4096 bytes and the rest."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `channel` is the bare id, since a peer may send any."""

    channel: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes, max_bytes: int) -> "tuple[Frame, bytes] | None":
        """Cuts one frame off the front of some bytes.

        Args:
            data: Bytes of a trunk, starting at a frame.
            max_bytes: Limit of the payload.

        Returns:
            The frame and the bytes after it; None if it is not complete yet.

        Raises:
            FrameTooLarge: The announced payload exceeds the limit.
        """
        if len(data) < HEADER_BYTES:
            return None
        channel, size = parse_header(data[:HEADER_BYTES], max_bytes)
        end = HEADER_BYTES + size
        if len(data) < end:
            return None
        return cls(channel, data[HEADER_BYTES:end]), data[end:]

    def serialize(self) -> bytes:
        """Returns the bytes of the frame."""
        return _HEADER.pack(self.channel, len(self.payload)) + self.payload

    def check(self) -> None:
        """Asserts what every frame that we send keeps."""
        if not self.payload:
            raise AssertionError("an empty frame says nothing and costs the peer a queue slot")
        if len(self.payload) > MAX_SENT_FRAME_BYTES:
            raise AssertionError("a message that fits its limit fits two frames")

    def __str__(self) -> str:
        head = self.payload[:16].hex()
        dots = "..." if len(self.payload) > 16 else ""
        return f"frame channel={self.channel} bytes={len(self.payload)} {head}{dots}"


def parse_header(header: bytes, max_bytes: int) -> tuple[int, int]:
    """Reads the header of a frame.

    Args:
        header: Exactly 8 bytes.
        max_bytes: Limit of the payload.

    Returns:
        Connection id and payload length.

    Raises:
        FrameTooLarge: The announced payload exceeds the limit.
    """
    channel, size = _HEADER.unpack(header)
    if size > max_bytes:
        raise FrameTooLarge(size, max_bytes)
    return channel, size


def lay_out(channel: Channel, header: bytes, body: bytes, layout: Layout) -> list[Frame]:
    """Cuts one message into frames.

    Args:
        channel: The logical connection.
        header: Header of the message, 10 bytes.
        body: Body of the message, may be empty.
        layout: Where to cut.

    Returns:
        One or two frames, none of them empty.
    """
    match layout:
        case Layout.HEADER_AND_BODY:
            parts = [header, body]
        case Layout.GO:
            message = header + body
            parts = [message[:GO_READ_BYTES], message[GO_READ_BYTES:]]
        case _:
            assert_never(layout)
    frames = [Frame(channel, part) for part in parts if part]
    for frame in frames:
        frame.check()
    return frames


class MuxReader:
    """Separates the bytes of a trunk by logical connection.

    Args:
        max_frame_bytes: Limit of the payload of one frame.
    """

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._header = Buffer(HEADER_BYTES)
        self._channel = 0
        self._left = 0

    def feed(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Reads the next bytes of the trunk.

        Args:
            data: The bytes, cut anywhere. The views that are yielded point into them.

        Yields:
            Connection id and a piece of its stream, never empty. Nothing is kept of them.

        Raises:
            FrameTooLarge: The announced payload exceeds the limit.
        """
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                yield self._channel, piece
                continue
            header, data = self._header.collect(data)
            if header is not None:
                self._channel, self._left = parse_header(header, self._max_frame_bytes)

    def feed_eof(self) -> None:
        """Is told that the trunk ended.

        Raises:
            TrunkClosedMidFrame: It ended inside a frame.
        """
        if self._left:
            raise TrunkClosedMidFrame(self._left)
        if self._header.held:
            raise TrunkClosedMidFrame(self._header.missing)
