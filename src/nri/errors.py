"""What can go wrong, and whose fault it is.

    NriError
    ├── ProtocolError           the peer broke the protocol; the connection is over
    │   ├── FrameTooLarge
    │   ├── MessageTooLarge
    │   ├── RequestQueueOverflow
    │   ├── TrunkClosedMidFrame
    │   └── SyncTooLarge
    ├── MisuseError             the caller of this library did
    │   ├── UnknownStream
    │   ├── OutgoingTooLarge
    │   ├── TooManyCalls
    │   ├── BadIdentity
    │   └── BadEndpoint
    ├── StatusError             the peer answered a call with an error
    ├── ConnectionLost          the connection ended; nobody broke a rule
    ├── BacklogExceeded         the peer does not read what we send
    ├── ConnectFailed           there is no one at the other end
    ├── RegistrationFailed      the runtime did not take the plugin, or is no runtime
    ├── LinkTimedOut            the plugin did not answer in time; it was dropped
    └── Refusal                 raised by a handler: the answer is no

Every error keeps its facts in fields. The text is for people; nobody matches it.
"""

from enum import IntEnum


class Status(IntEnum):
    """Status codes of ttrpc, which are those of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    """Any plain error, also a refusal by a plugin."""
    INVALID_ARGUMENT = 3
    """Misuse of the protocol: a wrong stream id, an undecodable envelope."""
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    """A message is larger than the receiver accepts."""
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    """Unknown service or method. Runtimes recognise older plugins by exactly this code."""
    INTERNAL = 13
    """The payload is not the message that the method takes."""
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class NriError(Exception):
    """Base of all errors of this library."""


class ProtocolError(NriError):
    """The peer broke the protocol."""


class FrameTooLarge(ProtocolError):
    """The peer announced a frame beyond the limit. Sizes in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"peer announced a frame of {self.size} bytes, the limit is {self.limit}"


class MessageTooLarge(ProtocolError):
    """The peer announced a message that is too large even to skip. Sizes in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"peer announced a message of {self.size} bytes, the limit is {self.limit}"


class RequestQueueOverflow(ProtocolError):
    """The peer has more requests waiting for an answer than the limit allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"peer has more than {self.limit} requests without an answer"


class TrunkClosedMidFrame(ProtocolError):
    """The trunk ended inside a frame. `missing` is in bytes, at least."""

    def __init__(self, missing: int) -> None:
        super().__init__(missing)
        self.missing = missing

    def __str__(self) -> str:
        return f"peer closed inside a frame, {self.missing} bytes are missing"


class SyncTooLarge(ProtocolError):
    """The chunks of one synchronisation are too large together. Sizes in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"synchronisation reached {self.size} bytes, the limit is {self.limit}"


class MisuseError(NriError):
    """The caller of this library broke its contract."""


class UnknownStream(MisuseError):
    """There is no request with this stream id that waits for an answer."""

    def __init__(self, stream_id: int) -> None:
        super().__init__(stream_id)
        self.stream_id = stream_id

    def __str__(self) -> str:
        return f"no request on stream {self.stream_id} waits for an answer"


class OutgoingTooLarge(MisuseError):
    """A message of ours is larger than a peer accepts. Sizes in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"message of {self.size} bytes not sent, the limit is {self.limit}"


class TooManyCalls(MisuseError):
    """More calls of ours wait for an answer than the limit allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} calls already wait for an answer"


class BadIdentity(MisuseError):
    """A plugin cannot be registered under this name or index."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(field, value)
        self.field = field
        self.value = value

    def __str__(self) -> str:
        return f"plugin {self.field} {self.value!r} is not valid"


class BadEndpoint(MisuseError):
    """The inherited connection cannot be used. `descriptor` is as it was given."""

    def __init__(self, descriptor: str, reason: str) -> None:
        super().__init__(descriptor, reason)
        self.descriptor = descriptor
        self.reason = reason

    def __str__(self) -> str:
        return f"inherited file descriptor {self.descriptor!r} cannot be used: {self.reason}"


class StatusError(NriError):
    """The peer answered a call with an error."""

    def __init__(self, code: Status, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


class ConnectionLost(NriError):
    """The connection ended. EOF, reset and broken pipe mean the same thing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"connection lost: {self.reason}"


class BacklogExceeded(NriError):
    """The peer does not read what is sent to it. Sizes in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"peer left {self.size} bytes unread, the limit is {self.limit}"


class ConnectFailed(NriError):
    """The socket of the runtime cannot be reached."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot connect to {self.path}: {self.reason}"


class RegistrationFailed(NriError):
    """The peer did not register the plugin, or is no NRI runtime at all."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"registration failed: {self.reason}"


class LinkTimedOut(NriError):
    """The plugin did not answer in time. Times in seconds."""

    def __init__(self, method: str, timeout_s: float) -> None:
        super().__init__(method, timeout_s)
        self.method = method
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return f"no answer to {self.method} within {self.timeout_s:g} s"


class Refusal(NriError):
    """Raised by a handler to answer a request with an error (code 2) and this text."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message
