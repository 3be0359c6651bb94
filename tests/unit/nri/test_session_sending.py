"""What a session sends, how it ends, and what it keeps."""

from collections.abc import Callable

import pytest

from nri.errors import (
    ConnectionLost,
    FrameTooLarge,
    MessageTooLarge,
    OutgoingTooLarge,
    RequestQueueOverflow,
    Status,
    TooManyCalls,
    TrunkClosedMidFrame,
    UnknownStream,
)
from nri.limits import Limits
from nri.messages import (
    ConfigureResponse,
    Container,
    CreateContainerRequest,
    Empty,
    StateChangeEvent,
    UpdateContainersRequest,
    UpdateContainersResponse,
    cpu_update,
)
from nri.mux import Layout
from nri.services import (
    CONFIGURE,
    CREATE_CONTAINER,
    REGISTER_PLUGIN,
    STATE_CHANGE,
    UPDATE_CONTAINERS,
    Side,
)
from nri.session import (
    TRANSITIONS,
    Change,
    PeerClosed,
    ProtocolFailed,
    Session,
    State,
)
from nri.ttrpc import HEADER_BYTES, Header, MessageType, Request
from tests.unit.nri.conversation import (
    CONFIGURE_REQUEST,
    PLUGIN,
    REGISTER_BYTES,
    REGISTER_REQUEST,
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
    events_of,
    frame,
    plain,
    request,
    sent_by,
)


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

    def test_events_are_taken_once(self) -> None:
        """Whoever took the events acts on them; nobody gets them again."""
        session = plugin_session()
        session.receive_data(configured(1) + configured(3) + configured(5))
        assert len(session.events_received()) == 3
        assert session.events_received() == []

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
        answers: list[Callable[[], None]] = [
            lambda: session.reply(1, ConfigureResponse()),
            lambda: session.reply_error(1, Status.UNKNOWN, ""),
        ]
        for answer in answers:
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
