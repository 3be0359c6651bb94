"""ttrpc: requests and responses on one logical connection.

A message is a 10-byte header (body length and stream id, big-endian uint32; type; flags)
and the body, a protobuf envelope. NRI uses unary calls only: one request, one response,
flags 0 (ttrpc PROTOCOL). Streaming data (type 3) is never sent, since it crashes runtimes
with ttrpc up to 1.2.7, and is ignored when received, as is every unknown type.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError

from nri import ttrpc_pb2
from nri.buffer import Buffer
from nri.errors import MessageTooLarge, Status, StatusError

_HEADER = struct.Struct(">IIBB")
HEADER_BYTES = _HEADER.size


class MessageType(IntEnum):
    """The types of messages that this library sends or understands."""

    REQUEST = 1
    RESPONSE = 2


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a message. `type` is the bare number, since a peer may send any."""

    length: int
    stream_id: int
    type: int
    flags: int = 0

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """Reads a header from exactly 10 bytes."""
        return cls(*_HEADER.unpack(data))

    def serialize(self) -> bytes:
        """Returns the 10 bytes of the header."""
        return _HEADER.pack(self.length, self.stream_id, self.type, self.flags)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received. `body` is None if it was too large and skipped."""

    header: Header
    body: bytes | None


class MessageReader:
    """Cuts the stream of one logical connection into messages.

    Args:
        max_message_bytes: A larger body is skipped.
        max_skipped_bytes: A body larger than this ends the connection.
    """

    def __init__(self, max_message_bytes: int, max_skipped_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_skipped_bytes = max_skipped_bytes
        self._buffer = Buffer(HEADER_BYTES)
        self._header: Header | None = None
        self._skip = 0

    def feed(self, data: memoryview) -> Iterator[Message]:
        """Reads the next bytes of the stream.

        Args:
            data: The bytes, cut anywhere, not empty.

        Yields:
            The messages that are complete now.

        Raises:
            MessageTooLarge: The announced body is too large even to skip.
        """
        while data:
            if self._skip:
                data = self._pass_over(data)
                if not self._skip:
                    yield self._end(None)
                continue
            unit, data = self._buffer.collect(data)
            if unit is None:
                return
            if self._header is not None:
                yield self._end(unit)
            elif not self._begin(Header.parse(unit)):
                yield self._end(b"")

    def _begin(self, header: Header) -> int:
        """Begins a message; returns the bytes of its body."""
        if header.length > self._max_skipped_bytes:
            raise MessageTooLarge(header.length, self._max_skipped_bytes)
        self._header = header
        if header.length > self._max_message_bytes:
            self._skip = header.length
        else:
            self._buffer.expect(header.length)
        return header.length

    def _pass_over(self, data: memoryview) -> memoryview:
        """Skips what belongs to a body that is too large; returns the rest."""
        size = min(self._skip, len(data))
        self._skip -= size
        return data[size:]

    def _end(self, body: bytes | None) -> Message:
        header, self._header = self._header, None
        if header is None:
            raise AssertionError("a message ends after it has begun")
        self._buffer.expect(HEADER_BYTES)
        return Message(header, body)


@dataclass(frozen=True, slots=True)
class Request:
    """The envelope of a request. `timeout_ns` is what is left of the caller's time; 0: none."""

    service: str
    method: str
    payload: bytes
    timeout_ns: int = 0

    @classmethod
    def parse(cls, body: bytes) -> "Request | None":
        """Reads the body of a request; None if it is not one."""
        try:
            wire = ttrpc_pb2.Request.FromString(body)
        except DecodeError:
            return None
        return cls(wire.service, wire.method, wire.payload, wire.timeout_nano)

    def serialize(self) -> bytes:
        """Returns the body of the request."""
        return ttrpc_pb2.Request(
            service=self.service,
            method=self.method,
            payload=self.payload,
            timeout_nano=self.timeout_ns,
        ).SerializeToString()


@dataclass(frozen=True, slots=True)
class Response:
    """The envelope of a response: a payload, or an error."""

    payload: bytes = b""
    error: StatusError | None = None

    @classmethod
    def parse(cls, body: bytes) -> "Response | None":
        """Reads the body of a response; None if it is not one."""
        try:
            wire = ttrpc_pb2.Response.FromString(body)
        except DecodeError:
            return None
        if wire.status.code == Status.OK:
            return cls(wire.payload)
        try:
            code = Status(wire.status.code)
        except ValueError:
            code = Status.UNKNOWN
        return cls(error=StatusError(code, wire.status.message))

    def serialize(self) -> bytes:
        """Returns the body of the response; empty for a success without payload."""
        if self.error is None:
            return ttrpc_pb2.Response(payload=self.payload).SerializeToString()
        text = self.error.message.encode(errors="replace").decode()  # without lone surrogates
        status = ttrpc_pb2.Status(code=self.error.code, message=text)
        return ttrpc_pb2.Response(status=status).SerializeToString()


class StreamIds:
    """The rule of stream ids: a client uses odd ones, each larger than the one before."""

    def __init__(self) -> None:
        self._last = -1

    def next(self) -> int:
        """Returns the next id of our own calls: 1, 3, 5, ..."""
        self._last += 2
        return self._last

    def accept(self, stream_id: int) -> str | None:
        """Takes the id of a request of the peer.

        Returns:
            None if the id is good, else the text of the error (code 3) to answer with.
        """
        if stream_id % 2 == 0:
            return "StreamID must be odd for client initiated streams"
        if stream_id <= self._last:
            return "StreamID cannot be re-used and must increment"
        self._last = stream_id
        return None
