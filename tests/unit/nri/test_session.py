"""A session is the whole protocol of one trunk: bytes in, events out, and the reverse."""

from collections.abc import Callable, Iterable

import pytest

from nri.errors import (
    ConnectionLost,
    FrameTooLarge,
    MessageTooLarge,
    OutgoingTooLarge,
    RequestQueueOverflow,
    Status,
    StatusError,
    TooManyCalls,
    TrunkClosedMidFrame,
    UnknownStream,
)
from nri.limits import Limits
from nri.messages import (
    ConfigureRequest,
    ConfigureResponse,
    Container,
    CreateContainerRequest,
    Empty,
    RegisterPluginRequest,
    StateChangeEvent,
    UpdateContainersRequest,
    UpdateContainersResponse,
    cpu_update,
)
from nri.mux import Channel, Frame, Layout
from nri.services import (
    CONFIGURE,
    CREATE_CONTAINER,
    REGISTER_PLUGIN,
    STATE_CHANGE,
    UPDATE_CONTAINERS,
    VALIDATE_CONTAINER_ADJUSTMENT,
    Side,
)
from nri.session import (
    TRANSITIONS,
    CallFailed,
    Change,
    Counters,
    PeerClosed,
    ProtocolFailed,
    ReplyReceived,
    RequestReceived,
    Session,
    State,
)
from nri.ttrpc import HEADER_BYTES, Header, MessageType, Request, Response
from tests.unit.nri.wire import (
    PIECE_OF_HEADER,
    events_of,
    feed_three_ways,
    frame,
    message,
    plain,
    request,
    response,
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


class TestRequestsOfThePeer:
    """What the peer calls arrives as it was meant."""

    def test_a_request_becomes_an_event(self) -> None:
        """A request arrives with its method, message and the time that is left."""
        data = request(1, CONFIGURE, CONFIGURE_REQUEST, timeout_ns=2_000_000_000)
        events, sent, counters = receive(data)
        assert events == [configure_event(1, 2_000_000_000)]
        assert sent == b""
        assert counters == Counters()

    def test_the_computed_registration_becomes_an_event(self) -> None:
        """A runtime understands the bytes that were computed by hand."""
        events, sent, _ = receive(REGISTER_BYTES, runtime_session)
        assert events == [plain(RequestReceived(1, REGISTER_PLUGIN, REGISTER_REQUEST, 0))]
        assert sent == b""

    def test_requests_keep_their_order_and_ids_may_skip(self) -> None:
        """Ids need only be odd and increase."""
        events, _, _ = receive(configured(1) + configured(7) + configured(0xFFFFFFFF))
        assert events == [configure_event(1), configure_event(7), configure_event(0xFFFFFFFF)]

    def test_two_messages_may_share_a_frame(self) -> None:
        """The borders of frames mean nothing to the reader."""
        two = configured(1)[8:] + configured(3)[8:]
        events, _, _ = receive(frame(PLUGIN, two))
        assert events == [configure_event(1), configure_event(3)]

    def test_a_message_may_span_frames_between_those_of_the_other_connection(self) -> None:
        """Each logical connection is a byte stream of its own."""
        served, called = configured(1)[8:], raw_response(1, b"")[8:]
        data = (
            frame(PLUGIN, served[:3])
            + frame(RUNTIME, called[:7])
            + frame(PLUGIN, b"")
            + frame(PLUGIN, served[3:20])
            + frame(RUNTIME, called[7:])
            + frame(PLUGIN, served[20:])
        )
        events, _, _ = receive(data, calling_session)
        reply = ReplyReceived(1, UPDATE_CONTAINERS, UpdateContainersResponse())
        assert events == [plain(reply), configure_event(1)]

    def test_unknown_fields_do_no_harm(self) -> None:
        """A newer runtime may send fields and metadata that nobody here knows."""
        payload = CONFIGURE_REQUEST.SerializeToString()
        metadata = bytes.fromhex("2a06 0a0161 120162")
        body = Request(CONFIGURE.service, "Configure", payload).serialize() + metadata
        events, sent, _ = receive(raw_request(1, body))
        assert events == [configure_event(1)]
        assert sent == b""


class TestRequestsThatAreRejected:
    """The session answers by itself, and goes on: Configure on stream 101 still arrives."""

    def rejected(
        self, data: bytes, make: Callable[[], Session] = plugin_session
    ) -> list[tuple[int, Status, str]]:
        """Returns how the requests in `data` were answered."""
        events, sent, counters = receive(data + configured(101), make)
        assert events == [configure_event(101)]
        answers = answers_in(sent)
        assert counters == Counters(rejected_requests=len(answers))
        return answers

    def test_an_even_stream_id_is_answered_with_code_3(self) -> None:
        """Stream ids of a client are odd; 0 is even as well."""
        text = "StreamID must be odd for client initiated streams"
        expected = [(2, Status.INVALID_ARGUMENT, text), (0, Status.INVALID_ARGUMENT, text)]
        assert self.rejected(configured(2) + configured(0)) == expected

    def test_a_stream_id_that_does_not_increase_is_answered_with_code_3(self) -> None:
        """An id is good once, and bars all lower ones, even when the request was not served."""
        unknown = raw_request(5, Request(CONFIGURE.service, "X", b"").serialize())
        text = "StreamID cannot be re-used and must increment"
        assert self.rejected(unknown + configured(5) + configured(3)) == [
            (5, Status.UNIMPLEMENTED, "method X"),
            (5, Status.INVALID_ARGUMENT, text),
            (3, Status.INVALID_ARGUMENT, text),
        ]

    def test_an_unknown_method_or_service_is_answered_with_code_12(self) -> None:
        """Runtimes recognise older plugins by exactly this code."""
        method = Request(CONFIGURE.service, "X", b"").serialize()
        service = Request("no.such.Service", "Configure", b"").serialize()
        runtimes = Request(REGISTER_PLUGIN.service, "RegisterPlugin", b"").serialize()
        data = raw_request(1, method) + raw_request(3, service) + raw_request(5, runtimes)
        assert self.rejected(data) == [
            (1, Status.UNIMPLEMENTED, "method X"),
            (3, Status.UNIMPLEMENTED, "service no.such.Service"),
            (5, Status.UNIMPLEMENTED, f"service {REGISTER_PLUGIN.service}"),
        ]

    def test_the_answer_to_an_unknown_method_has_the_computed_body(self) -> None:
        """Code 12 and "method X" are these very bytes."""
        _, sent, _ = receive(raw_request(1, Request(CONFIGURE.service, "X", b"").serialize()))
        assert sent == bytes.fromhex(
            "00000001 0000000a 0000000e 00000001 0200"
            "00000001 0000000e 0a0c 080c 1208 6d6574686f642058"
        )

    def test_a_method_that_is_not_served_is_answered_with_code_12(self) -> None:
        """A plugin chooses what it serves; the rest is as if it did not exist."""
        data = raw_request(
            1, Request(CONFIGURE.service, "ValidateContainerAdjustment", b"").serialize()
        )

        def make() -> Session:
            return Session(Side.PLUGIN, serves=[CONFIGURE])

        text = f"method {VALIDATE_CONTAINER_ADJUSTMENT.name}"
        assert self.rejected(data, make) == [(1, Status.UNIMPLEMENTED, text)]

    def test_a_made_up_name_is_repeated_only_in_part(self) -> None:
        """A peer cannot make us send back what it sent."""
        data = raw_request(1, Request("s" * 100_000, "m", b"").serialize())
        [(_, _, text)] = self.rejected(data)
        assert len(text) < 300

    def test_an_undecodable_envelope_is_answered_with_code_3(self) -> None:
        """Neither a cut field nor bytes that are no UTF-8 are a request."""
        data = raw_request(1, b"\x0a\xff") + raw_request(3, bytes.fromhex("0a01ff"))
        assert self.rejected(data) == [
            (1, Status.INVALID_ARGUMENT, "unmarshal request error"),
            (3, Status.INVALID_ARGUMENT, "unmarshal request error"),
        ]

    def test_an_undecodable_payload_is_answered_with_code_13(self) -> None:
        """The envelope is well, its content is not."""
        data = raw_request(1, Request(CONFIGURE.service, "Configure", b"\x0a\xff").serialize())
        text = "ttrpc: error unmarshalling payload"
        assert self.rejected(data) == [(1, Status.INTERNAL, text)]

    def test_a_message_that_is_too_large_is_skipped_and_answered_with_code_8(self) -> None:
        """The bytes of the body are dropped; what follows is understood again."""

        def make() -> Session:
            return Session(Side.PLUGIN, Limits(max_message_bytes=100, max_skipped_bytes=200))

        text = "message length 200 exceed maximum message size of 100"
        data = raw_request(1, b"x" * 200)
        assert self.rejected(data, make) == [(1, Status.RESOURCE_EXHAUSTED, text)]


class TestWhatIsIgnored:
    """What means nothing does no harm."""

    @pytest.mark.parametrize("kind", [0, MessageType.RESPONSE, 3, 9, 255])
    def test_a_server_ignores_all_but_requests(self, kind: int) -> None:
        """Responses, streaming data and unknown types mean nothing to a server."""
        data = frame(PLUGIN, message(1, kind, b"abc")) + configured(1)
        events, sent, counters = receive(data)
        assert events == [configure_event(1)]
        assert sent == b""
        assert counters == Counters(ignored_messages=1)

    @pytest.mark.parametrize("kind", [0, MessageType.REQUEST, 3, 9, 255])
    def test_a_client_ignores_all_but_responses(self, kind: int) -> None:
        """The call still waits after a message of a type that means nothing to a client."""
        data = frame(RUNTIME, message(1, kind, b"abc")) + raw_response(1, b"")
        events, sent, counters = receive(data, calling_session)
        assert events == [plain(ReplyReceived(1, UPDATE_CONTAINERS, UpdateContainersResponse()))]
        assert sent == b""
        assert counters == Counters(ignored_messages=1)

    @pytest.mark.parametrize("channel", [0, 3, 0x01000000, 0xFFFFFFFF])
    def test_other_connections_are_dropped(self, channel: int) -> None:
        """A frame for a connection that does not exist is read and dropped."""
        data = frame(channel, b"x") + configured(1)
        events, sent, counters = receive(data)
        assert events == [configure_event(1)]
        assert sent == b""
        assert counters == Counters(dropped_pieces=1)

    def test_a_response_that_nobody_waits_for_is_counted(self) -> None:
        """Neither a wrong id nor a second answer is an event."""
        data = raw_response(3, b"") + raw_response(1, b"") + raw_response(1, b"")
        events, sent, counters = receive(data, calling_session)
        assert [event[0] for event in events] == [ReplyReceived]
        assert sent == b""
        assert counters == Counters(stray_responses=2)

    def test_a_late_answer_to_an_abandoned_call_is_counted(self) -> None:
        """Who gave up is not bothered."""

        def make() -> Session:
            session = calling_session()
            session.abandon(1)
            session.abandon(1)
            return session

        events, _, counters = receive(raw_response(1, b""), make)
        assert events == []
        assert counters == Counters(stray_responses=1)


class TestAnswersToOurCalls:
    """Every answer ends one call, well or not."""

    def test_an_empty_body_is_success(self) -> None:
        """A success without content has a body of length 0 (computed bytes)."""

        def make() -> Session:
            session = plugin_session()
            session.call(REGISTER_PLUGIN, REGISTER_REQUEST)
            session.data_to_send()
            return session

        data = bytes.fromhex("00000002 0000000a 00000000 00000001 02 00")
        events, sent, _ = receive(data, make)
        assert events == [plain(ReplyReceived(1, REGISTER_PLUGIN, Empty()))]
        assert sent == b""

    def test_a_reply_carries_the_message(self) -> None:
        """The payload is read as the response of the method that was called."""
        content = UpdateContainersResponse(failed=[cpu_update("abc", "0-1")])
        data = response(1, UPDATE_CONTAINERS, Response(content.SerializeToString()))
        events, _, _ = receive(data, calling_session)
        assert events == [plain(ReplyReceived(1, UPDATE_CONTAINERS, content))]

    def failure(self, data: bytes, make: Callable[[], Session] = calling_session) -> StatusError:
        """Returns how the call on stream 1 failed; the session goes on."""
        events, sent, counters = receive(data + configured(1), make)
        assert events[1:] == [configure_event(1)]
        assert events[0][:3] == (CallFailed, 1, UPDATE_CONTAINERS)
        assert sent == b""
        assert counters == Counters()
        session = make()
        session.receive_data(data)
        [event] = session.events_received()
        assert isinstance(event, CallFailed)
        return event.error

    def test_an_error_fails_the_call(self) -> None:
        """Code and text arrive."""
        answer = Response(error=StatusError(Status.DEADLINE_EXCEEDED, "too slow"))
        error = self.failure(response(1, UPDATE_CONTAINERS, answer))
        assert (error.code, error.message) == (Status.DEADLINE_EXCEEDED, "too slow")

    @pytest.mark.parametrize("code", ["08b960", "08ffffffffffffffffff01"])
    def test_a_code_that_nobody_knows_is_unknown(self, code: str) -> None:
        """A code outside of the list, also a negative one, becomes UNKNOWN."""
        status = bytes.fromhex(code)
        error = self.failure(raw_response(1, bytes([0x0A, len(status)]) + status))
        assert error.code is Status.UNKNOWN

    def test_an_undecodable_envelope_fails_the_call(self) -> None:
        """A body that is no response is an internal error."""
        assert self.failure(raw_response(1, b"\x0a\xff")).code is Status.INTERNAL

    def test_an_undecodable_payload_fails_the_call(self) -> None:
        """A payload that is not the response of the method is an internal error."""
        data = raw_response(1, Response(b"\x0a\xff").serialize())
        assert self.failure(data).code is Status.INTERNAL

    def test_an_answer_that_is_too_large_fails_the_call(self) -> None:
        """It is skipped, and the caller learns why there is no answer."""

        def make() -> Session:
            session = Session(Side.PLUGIN, Limits(max_message_bytes=100, max_skipped_bytes=200))
            session.call(UPDATE_CONTAINERS, UpdateContainersRequest())
            session.data_to_send()
            return session

        error = self.failure(raw_response(1, b"x" * 200), make)
        assert error.code is Status.RESOURCE_EXHAUSTED


class TestCalls:
    """What we call goes out as a Go peer expects it, within the limits."""

    def test_a_registration_has_the_computed_bytes(self) -> None:
        """RegisterPlugin of a plugin is laid out as header and body."""
        session = plugin_session()
        assert session.call(REGISTER_PLUGIN, REGISTER_REQUEST) == 1
        assert sent_by(session) == REGISTER_BYTES

    def test_stream_ids_are_odd_and_increase(self) -> None:
        """As clients of ttrpc number their calls."""
        session = runtime_session()
        ids = [session.call(STATE_CHANGE, StateChangeEvent()) for _ in range(3)]
        assert ids == [1, 3, 5]

    def test_the_peer_is_told_the_deadline(self) -> None:
        """The time that is left travels in the envelope."""
        caller, peer = runtime_session(), plugin_session()
        caller.call(CONFIGURE, CONFIGURE_REQUEST, timeout_ns=495_000_000)
        peer.receive_data(sent_by(caller))
        assert events_of(peer) == [configure_event(1, 495_000_000)]

    def test_too_many_calls_are_refused(self) -> None:
        """The call that is one too many sends nothing; a reply or giving up makes room."""
        session = Session(Side.PLUGIN, Limits(max_pending_calls=2))
        calls = [session.call(UPDATE_CONTAINERS, UpdateContainersRequest()) for _ in range(2)]
        session.data_to_send()
        with pytest.raises(TooManyCalls) as caught:
            session.call(UPDATE_CONTAINERS, UpdateContainersRequest())
        assert caught.value.limit == 2
        assert sent_by(session) == b""
        session.receive_data(raw_response(calls[0], b""))
        session.abandon(calls[1])
        assert session.call(UPDATE_CONTAINERS, UpdateContainersRequest()) == 5
        assert session.call(UPDATE_CONTAINERS, UpdateContainersRequest()) == 7

    def test_a_call_that_is_too_large_is_refused(self) -> None:
        """The body may have the limit and not a byte more; what is refused takes no id."""
        asked = UpdateContainersRequest(update=[cpu_update("x" * 1000, "0")])
        body = Request(
            UPDATE_CONTAINERS.service, UPDATE_CONTAINERS.name, asked.SerializeToString()
        ).serialize()
        session = Session(Side.PLUGIN, Limits(max_sent_message_bytes=len(body) - 1))
        with pytest.raises(OutgoingTooLarge) as caught:
            session.call(UPDATE_CONTAINERS, asked)
        assert (caught.value.size, caught.value.limit) == (len(body), len(body) - 1)
        assert sent_by(session) == b""
        assert session.call(UPDATE_CONTAINERS, UpdateContainersRequest()) == 1
        fitting = Session(Side.PLUGIN, Limits(max_sent_message_bytes=len(body)))
        assert fitting.call(UPDATE_CONTAINERS, asked) == 1

    def test_data_to_send_is_taken_once(self) -> None:
        """Whoever took the frames writes them; nobody gets them again."""
        session = plugin_session()
        session.call(REGISTER_PLUGIN, REGISTER_REQUEST)
        assert session.data_to_send()
        assert session.data_to_send() == []


class TestReplies:
    """Every request is answered once."""

    def asked(self, limits: Limits = Limits()) -> Session:  # noqa: B008  # frozen
        """Makes the session of a plugin in which Configure waits on stream 1."""
        session = Session(Side.PLUGIN, limits)
        session.receive_data(configured(1))
        assert events_of(session) == [configure_event(1)]
        return session

    def test_a_reply_has_the_computed_bytes(self) -> None:
        """The reply to Configure with mask 0x7ff."""
        session = self.asked()
        session.reply(1, ConfigureResponse(events=0x7FF))
        assert sent_by(session) == bytes.fromhex(
            "00000001 0000000a 00000005 00000001 0200 00000001 00000005 1203 10ff0f"
        )

    def test_an_empty_reply_is_a_bare_header(self) -> None:
        """No frame is empty, so an empty body has none."""
        session = runtime_session()
        session.receive_data(REGISTER_BYTES)
        session.reply(1, Empty())
        assert sent_by(session) == bytes.fromhex("00000002 0000000a 00000000 00000001 0200")

    def test_an_error_reply_carries_code_and_text(self) -> None:
        """A refusal arrives as it was given."""
        session = self.asked()
        session.reply_error(1, Status.UNKNOWN, "no CPUs left")
        assert answers_in(sent_by(session)) == [(1, Status.UNKNOWN, "no CPUs left")]

    def test_an_absurd_text_is_cut(self) -> None:
        """An error can always be sent, however long its text is."""
        session = self.asked(Limits(max_sent_message_bytes=800))
        session.reply_error(1, Status.UNKNOWN, "\N{SNOWMAN}" * 1000)
        [(_, _, text)] = answers_in(sent_by(session))
        assert text == "\N{SNOWMAN}" * 100

    def test_a_text_that_is_no_unicode_is_sent_all_the_same(self) -> None:
        """A path from the system may hold lone surrogates; the answer must get out."""
        session = self.asked()
        session.reply_error(1, Status.UNKNOWN, "no file caf\udce9")
        [(stream_id, code, text)] = answers_in(sent_by(session))
        assert (stream_id, code) == (1, Status.UNKNOWN)
        assert text.startswith("no file caf")

    def test_a_request_is_answered_once(self) -> None:
        """A second answer is the caller's mistake."""
        session = self.asked()
        session.reply(1, ConfigureResponse())
        session.data_to_send()
        for answer in (
            lambda: session.reply(1, ConfigureResponse()),
            lambda: session.reply_error(1, Status.UNKNOWN, ""),
        ):
            with pytest.raises(UnknownStream) as caught:
                answer()
            assert caught.value.stream_id == 1
        assert sent_by(session) == b""

    def test_only_a_request_can_be_answered(self) -> None:
        """The ids of our own calls are not those of requests."""
        session = calling_session()
        with pytest.raises(UnknownStream):
            session.reply(1, UpdateContainersResponse())

    def test_a_rejected_request_cannot_be_answered_again(self) -> None:
        """The session has answered it already."""
        session = plugin_session()
        session.receive_data(raw_request(1, b""))
        with pytest.raises(UnknownStream):
            session.reply(1, Empty())

    def test_a_reply_that_is_too_large_is_refused(self) -> None:
        """Nothing is sent, and the request still waits for a smaller answer."""
        session = Session(Side.RUNTIME, Limits(max_sent_message_bytes=100))
        session.receive_data(request(1, UPDATE_CONTAINERS, UpdateContainersRequest()))
        large = UpdateContainersResponse(failed=[cpu_update("x" * 200, "0")])
        with pytest.raises(OutgoingTooLarge):
            session.reply(1, large)
        assert sent_by(session) == b""
        session.reply_error(1, Status.RESOURCE_EXHAUSTED, "")
        assert sent_by(session)


class TestLayout:
    """How a large message is cut."""

    large = CreateContainerRequest(container=Container(id="c" * 5000))

    def sizes(self, session: Session) -> list[int]:
        """Returns the frame sizes of a large message."""
        if session.side is Side.RUNTIME:
            session.call(CREATE_CONTAINER, self.large)
        else:
            updates = [cpu_update("c" * 5000, "0")]
            session.call(UPDATE_CONTAINERS, UpdateContainersRequest(update=updates))
        return [len(data) - 8 for data in session.data_to_send()]

    def test_a_plugin_sends_header_and_body_apart(self) -> None:
        """The layout that Go runtimes accept at any length."""
        head, body = self.sizes(plugin_session())
        assert head == HEADER_BYTES
        assert body > 5000

    def test_a_runtime_sends_what_go_sends(self) -> None:
        """Plugins meet in a simulation what they meet on a node."""
        first, rest = self.sizes(runtime_session())
        assert first == 4096
        assert rest > 900

    def test_the_layout_can_be_chosen(self) -> None:
        """Tests play a plugin that is written in Go."""
        first, _ = self.sizes(Session(Side.PLUGIN, layout=Layout.GO))
        assert first == 4096


class TestTheEnd:
    """However a session ends, it ends once."""

    def assert_over(self, session: Session, error: type[Exception]) -> None:
        """Nothing more goes in or out."""
        session.receive_data(configured(11))
        session.receive_eof()
        assert events_of(session) == []
        for verb in (
            lambda: session.call(UPDATE_CONTAINERS, UpdateContainersRequest()),
            lambda: session.reply(1, ConfigureResponse()),
            lambda: session.reply_error(1, Status.UNKNOWN, ""),
        ):
            with pytest.raises(error):
                verb()
        assert sent_by(session) == b""
        state = session.state
        session.close()
        assert session.state is state

    def test_eof_between_frames_is_a_proper_end(self) -> None:
        """Also inside of a message: only frames have an end that counts."""
        session = plugin_session()
        session.receive_data(configured(1) + frame(PLUGIN, b"\0\0"))
        session.receive_eof()
        assert events_of(session) == [configure_event(1), plain(PeerClosed())]
        assert session.state is State.CLOSED
        assert session.error is None
        self.assert_over(session, ConnectionLost)

    @pytest.mark.parametrize(("kept", "missing"), [(1, 7), (7, 1), (8, 5), (12, 1)])
    def test_eof_inside_a_frame_breaks_the_protocol(self, kept: int, missing: int) -> None:
        """In its header as well as in its payload."""
        session = plugin_session()
        session.receive_data(frame(PLUGIN, b"12345")[:kept])
        session.receive_eof()
        assert events_of(session) == [(ProtocolFailed, (TrunkClosedMidFrame, (missing,)))]
        assert session.state is State.FAILED
        self.assert_over(session, TrunkClosedMidFrame)

    def test_a_frame_that_is_too_large_breaks_the_protocol(self) -> None:
        """What came before counts, what comes after does not."""
        limit = Limits().max_frame_bytes
        too_large = (1).to_bytes(4, "big") + (limit + 1).to_bytes(4, "big")
        events, sent, _ = receive(configured(1) + too_large, tail=configured(3))
        failed = (ProtocolFailed, (FrameTooLarge, (limit + 1, limit)))
        assert events == [configure_event(1), failed]
        assert sent == b""
        session = plugin_session()
        session.receive_data(too_large)
        session.events_received()
        self.assert_over(session, FrameTooLarge)

    def test_a_message_too_large_to_skip_breaks_the_protocol(self) -> None:
        """A peer that announces nonsense is not listened to for hours."""
        limit = Limits().max_skipped_bytes
        header = Header(limit + 1, 1, MessageType.REQUEST).serialize()
        events, sent, _ = receive(configured(1) + frame(PLUGIN, header), tail=configured(3))
        failed = (ProtocolFailed, (MessageTooLarge, (limit + 1, limit)))
        assert events == [configure_event(1), failed]
        assert sent == b""

    def test_too_many_requests_break_the_protocol(self) -> None:
        """The limit itself is allowed."""

        def make() -> Session:
            return Session(Side.PLUGIN, Limits(max_pending_requests=2))

        data = configured(1) + configured(3) + configured(5)
        events, _, _ = receive(data, make, tail=configured(7))
        failed = (ProtocolFailed, (RequestQueueOverflow, (2,)))
        assert events == [configure_event(1), configure_event(3), failed]

    def test_an_answer_makes_room_for_the_next_request(self) -> None:
        """Only requests without an answer count."""
        session = Session(Side.PLUGIN, Limits(max_pending_requests=1))
        for stream_id in (1, 3, 5):
            session.receive_data(configured(stream_id))
            session.reply(stream_id, ConfigureResponse())
        session.receive_data(configured(7))
        session.reply_error(7, Status.UNKNOWN, "")
        session.receive_data(configured(9))
        assert events_of(session) == [configure_event(stream_id) for stream_id in (1, 3, 5, 7, 9)]

    def test_what_was_sent_before_the_close_still_goes_out(self) -> None:
        """Closing stops further verbs, not the frames that wait already."""
        session = plugin_session()
        session.call(REGISTER_PLUGIN, REGISTER_REQUEST)
        session.close()
        assert sent_by(session) == REGISTER_BYTES
        assert session.state is State.CLOSED
        self.assert_over(session, ConnectionLost)

    def test_no_state_leads_back(self) -> None:
        """A session that is over stays over, and a failure is never glossed over."""
        assert set(TRANSITIONS) == set(State)
        assert set(TRANSITIONS[State.OPEN]) == set(Change)
        for state in (State.CLOSED, State.FAILED):
            assert set(TRANSITIONS[state].values()) == {state}


class TestMemory:
    """What a peer sends cannot make a session grow."""

    def test_an_announced_size_alone_takes_no_memory(self) -> None:
        """Only bytes that arrived are kept."""
        session = plugin_session()
        size = Limits().max_message_bytes
        header = Header(size, 1, MessageType.REQUEST).serialize()
        whole = PLUGIN.to_bytes(4, "big") + (size - 100).to_bytes(4, "big") + header
        session.receive_data(whole + b"x" * 1000)
        assert session._readers[PLUGIN]._buffer.held == 1000

    def test_a_skipped_message_is_not_kept(self) -> None:
        """A body beyond the limit passes through without being held."""
        session = Session(Side.PLUGIN, Limits(max_message_bytes=100))
        header = Header(1 << 20, 1, MessageType.REQUEST).serialize()
        session.receive_data(frame(PLUGIN, header))
        for _ in range(15):
            session.receive_data(frame(PLUGIN, b"x" * (1 << 16)))
            assert session._readers[PLUGIN]._buffer.held == 0
        assert events_of(session) == []
