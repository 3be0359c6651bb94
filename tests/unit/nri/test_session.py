"""A session turns received bytes into events, and rejects or ignores the rest."""

from collections.abc import Callable

import pytest

from nri.errors import (
    Status,
    StatusError,
)
from nri.limits import Limits
from nri.messages import (
    Empty,
    UpdateContainersRequest,
    UpdateContainersResponse,
    cpu_update,
)
from nri.services import (
    CONFIGURE,
    REGISTER_PLUGIN,
    UPDATE_CONTAINERS,
    VALIDATE_CONTAINER_ADJUSTMENT,
    Side,
)
from nri.session import (
    CallFailed,
    Counters,
    ReplyReceived,
    RequestReceived,
    Session,
)
from nri.ttrpc import MessageType, Request, Response
from tests.unit.nri.conversation import (
    CONFIGURE_REQUEST,
    PLUGIN,
    REGISTER_BYTES,
    REGISTER_REQUEST,
    RUNTIME,
    answers_in,
    calling_session,
    configure_event,
    configured,
    plugin_session,
    raw_request,
    raw_response,
    receive,
    runtime_session,
)
from tests.unit.nri.wire import (
    frame,
    message,
    plain,
    request,
    response,
)


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
