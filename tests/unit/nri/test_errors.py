"""The errors: their families, their fields and their texts."""

import inspect

import pytest

from nri import errors
from nri.errors import (
    BacklogExceeded,
    BadEndpoint,
    BadIdentity,
    ConnectFailed,
    ConnectionLost,
    FrameTooLarge,
    LinkTimedOut,
    MessageTooLarge,
    MisuseError,
    NriError,
    OutgoingTooLarge,
    ProtocolError,
    Refusal,
    RegistrationFailed,
    RequestQueueOverflow,
    Status,
    StatusError,
    SyncTooLarge,
    TooManyCalls,
    TrunkClosedMidFrame,
    UnknownStream,
)

TEXTS = {
    FrameTooLarge(9, 5): "peer announced a frame of 9 bytes, the limit is 5",
    MessageTooLarge(9, 5): "peer announced a message of 9 bytes, the limit is 5",
    RequestQueueOverflow(5): "peer has more than 5 requests without an answer",
    TrunkClosedMidFrame(3): "peer closed inside a frame, 3 bytes are missing",
    SyncTooLarge(9, 5): "synchronisation reached 9 bytes, the limit is 5",
    UnknownStream(7): "no request on stream 7 waits for an answer",
    OutgoingTooLarge(9, 5): "message of 9 bytes not sent, the limit is 5",
    TooManyCalls(5): "5 calls already wait for an answer",
    BadIdentity("index", "7"): "plugin index '7' is not valid",
    BadEndpoint("x", "not a number"): "inherited file descriptor 'x' cannot be used: not a number",
    StatusError(Status.UNIMPLEMENTED, "method X"): "UNIMPLEMENTED: method X",
    ConnectionLost("reset"): "connection lost: reset",
    BacklogExceeded(9, 5): "peer left 9 bytes unread, the limit is 5",
    ConnectFailed("/s", "refused"): "cannot connect to /s: refused",
    RegistrationFailed("busy"): "registration failed: busy",
    LinkTimedOut("Configure", 2.5): "no answer to Configure within 2.5 s",
    Refusal("no CPUs left"): "no CPUs left",
}


@pytest.mark.parametrize("error", TEXTS, ids=lambda error: type(error).__name__)
def test_an_error_keeps_its_facts_and_tells_them(error: NriError) -> None:
    """Each argument is a field, and the text holds what people need."""
    names = list(inspect.signature(type(error)).parameters)
    assert tuple(getattr(error, name) for name in names) == error.args
    assert str(error) == TEXTS[error]


def test_every_error_is_covered_here() -> None:
    """An error that is added needs its text; the bases are never raised themselves."""
    classes = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, NriError)
    }
    bases = {NriError, ProtocolError, MisuseError}
    assert classes - bases == {type(error) for error in TEXTS}


def test_the_families_tell_whose_fault_it_is() -> None:
    """The peer's, the caller's, or nobody's."""
    peer = {FrameTooLarge, MessageTooLarge, RequestQueueOverflow, TrunkClosedMidFrame, SyncTooLarge}
    caller = {UnknownStream, OutgoingTooLarge, TooManyCalls, BadIdentity, BadEndpoint}
    kinds = {type(error) for error in TEXTS}
    assert {kind for kind in kinds if issubclass(kind, ProtocolError)} == peer
    assert {kind for kind in kinds if issubclass(kind, MisuseError)} == caller


def test_the_status_codes_are_those_of_grpc() -> None:
    """The numbers 0 to 16, without a gap."""
    assert sorted(Status) == list(range(17))
    assert (Status.UNKNOWN, Status.RESOURCE_EXHAUSTED, Status.UNIMPLEMENTED) == (2, 8, 12)
