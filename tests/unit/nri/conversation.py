"""Sessions at work: what the tests of a session share."""

from collections.abc import Callable, Iterable

from nri.errors import (
    Status,
)
from nri.messages import (
    ConfigureRequest,
    RegisterPluginRequest,
    UpdateContainersRequest,
)
from nri.mux import Channel, Frame
from nri.services import (
    CONFIGURE,
    UPDATE_CONTAINERS,
    Side,
)
from nri.session import (
    Counters,
    RequestReceived,
    Session,
)
from nri.ttrpc import Header, MessageType, Response
from tests.unit.nri.wire import (
    PIECE_OF_HEADER,
    events_of,
    feed_three_ways,
    frame,
    message,
    plain,
    request,
    sent_by,
)

PLUGIN, RUNTIME = Channel.PLUGIN_SERVICE, Channel.RUNTIME_SERVICE
CONFIGURE_REQUEST = ConfigureRequest(runtime_name="containerd", runtime_version="2.1.9")
REGISTER_REQUEST = RegisterPluginRequest(plugin_name="p", plugin_idx="10")

REGISTER_BYTES = bytes.fromhex(
    "00000002 0000000a 00000037 00000001 01 00"
    "00000002 00000037 0a1c 6e72692e706b672e6170692e7631616c706861312e52756e74696d65"
    "120e 5265676973746572506c7567696e 1a07 0a0170 12023130"
)
"""RegisterPlugin of a plugin "p" with index "10", computed by hand from the wire format."""

Outcome = tuple[list[tuple[object, ...]], bytes, Counters]


def plugin_session() -> Session:
    """Makes the session of a plugin."""
    return Session(Side.PLUGIN)


def runtime_session() -> Session:
    """Makes the session of a runtime."""
    return Session(Side.RUNTIME)


def calling_session() -> Session:
    """Makes the session of a plugin whose call of UpdateContainers waits on stream 1."""
    session = plugin_session()
    assert session.call(UPDATE_CONTAINERS, UpdateContainersRequest()) == 1
    session.data_to_send()
    return session


def receive(
    data: bytes, make: Callable[[], Session] = plugin_session, tail: bytes = PIECE_OF_HEADER
) -> Outcome:
    """Feeds a new session in the three ways; returns events, sent bytes and counters."""

    def read(pieces: Iterable[bytes]) -> Outcome:
        session = make()
        for piece in pieces:
            session.receive_data(piece)
        return events_of(session), sent_by(session), session.counters

    return feed_three_ways(read, data, tail)


def configured(stream_id: int) -> bytes:
    """Returns the bytes of a Configure request."""
    return request(stream_id, CONFIGURE, CONFIGURE_REQUEST)


def configure_event(stream_id: int, timeout_ns: int = 0) -> tuple[object, ...]:
    """Returns the event that a Configure request becomes."""
    return plain(RequestReceived(stream_id, CONFIGURE, CONFIGURE_REQUEST, timeout_ns))


def answers_in(data: bytes) -> list[tuple[int, Status, str]]:
    """Reads error responses in layout HEADER_AND_BODY: stream id, code and text of each."""
    answers = []
    while data:
        head = Frame.parse(data, 100)
        assert head is not None
        header = Header.parse(head[0].payload)
        assert header.type == MessageType.RESPONSE
        body = Frame.parse(head[1], header.length)
        assert body is not None
        parsed = Response.parse(body[0].payload)
        assert parsed is not None
        assert parsed.error is not None
        assert head[0].channel == body[0].channel == PLUGIN
        answers.append((header.stream_id, parsed.error.code, parsed.error.message))
        data = body[1]
    return answers


def raw_request(stream_id: int, body: bytes) -> bytes:
    """Returns the bytes of a request to the plugin with any body."""
    return frame(PLUGIN, message(stream_id, MessageType.REQUEST, body))


def raw_response(stream_id: int, body: bytes) -> bytes:
    """Returns the bytes of a response to the plugin with any body."""
    return frame(RUNTIME, message(stream_id, MessageType.RESPONSE, body))
