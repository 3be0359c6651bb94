"""Two sessions on one trunk, cut anywhere; and sessions that are fed nonsense."""

from collections import deque
from itertools import pairwise

from google.protobuf.message import Message as NriMessage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nri.errors import Status, StatusError
from nri.limits import Limits
from nri.messages import (
    ConfigureRequest,
    ConfigureResponse,
    Container,
    CreateContainerRequest,
    CreateContainerResponse,
    Empty,
    PodSandbox,
    RegisterPluginRequest,
    StateChangeEvent,
    SynchronizeRequest,
    SynchronizeResponse,
    UpdateContainersRequest,
    UpdateContainersResponse,
    cpu_update,
)
from nri.mux import Frame
from nri.services import (
    CONFIGURE,
    CREATE_CONTAINER,
    REGISTER_PLUGIN,
    SHUTDOWN,
    STATE_CHANGE,
    SYNCHRONIZE,
    UPDATE_CONTAINERS,
    Method,
    Side,
)
from nri.session import (
    CallFailed,
    Counters,
    ReplyReceived,
    RequestReceived,
    Session,
    SessionEvent,
    State,
)
from nri.ttrpc import Header, MessageType, Request
from tests.unit.nri.wire import events_of, plain

CALLS: dict[Side, list[tuple[Method, NriMessage, NriMessage]]] = {
    Side.PLUGIN: [
        (REGISTER_PLUGIN, RegisterPluginRequest(plugin_name="p", plugin_idx="10"), Empty()),
        (
            UPDATE_CONTAINERS,
            UpdateContainersRequest(update=[cpu_update(f"c{n}", "0-3") for n in range(400)]),
            UpdateContainersResponse(failed=[cpu_update("c", "0-3")]),
        ),
    ],
    Side.RUNTIME: [
        (CONFIGURE, ConfigureRequest(config="x" * 100), ConfigureResponse(events=0x7FF)),
        (SHUTDOWN, Empty(), Empty()),
        (STATE_CHANGE, StateChangeEvent(pod=PodSandbox(id="p")), Empty()),
        (
            SYNCHRONIZE,
            SynchronizeRequest(pods=[PodSandbox(id=f"p{n}") for n in range(2000)]),
            SynchronizeResponse(update=[cpu_update(f"c{n}", "0-3") for n in range(300)]),
        ),
        (
            CREATE_CONTAINER,
            CreateContainerRequest(container=Container(id="c" * 4000)),
            CreateContainerResponse(update=[cpu_update("c", "0-3")]),
        ),
    ],
}
"""What each side may call: method, request and answer. Some are longer than 4096 bytes."""

RESPONSES = {method: answer for calls in CALLS.values() for method, _, answer in calls}
MAX_CALLS = 4
sides = st.sampled_from(Side)


def other(side: Side) -> Side:
    """Returns the peer of a side."""
    return Side.RUNTIME if side is Side.PLUGIN else Side.PLUGIN


class Trunk(RuleBasedStateMachine):
    """Two sessions wired back to back. What one sent the other sees, in order."""

    def __init__(self) -> None:
        super().__init__()
        limits = Limits(max_pending_calls=MAX_CALLS, max_pending_requests=MAX_CALLS)
        self.sessions = {side: Session(side, limits) for side in Side}
        self.wires = {side: bytearray() for side in Side}
        self.expected: dict[Side, deque[SessionEvent]] = {side: deque() for side in Side}
        self.asked: dict[Side, list[RequestReceived]] = {side: [] for side in Side}
        self.waiting = dict.fromkeys(Side, 0)

    def send(self, side: Side, event: SessionEvent) -> None:
        """Puts on the wire what a side sent, and notes what its peer must see."""
        self.wires[side] += b"".join(self.sessions[side].data_to_send())
        self.expected[other(side)].append(event)

    @rule(side=sides, timeout_ns=st.integers(0, 10**12), data=st.data())
    def call(self, side: Side, timeout_ns: int, data: st.DataObject) -> None:
        """A side calls its peer."""
        if self.waiting[side] == MAX_CALLS:
            return
        method, request, _ = data.draw(st.sampled_from(CALLS[side]))
        stream_id = self.sessions[side].call(method, request, timeout_ns)
        self.waiting[side] += 1
        self.send(side, RequestReceived(stream_id, method, request, timeout_ns))

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data(), code=st.sampled_from(Status), text=st.text(max_size=20))
    def answer(self, data: st.DataObject, code: Status, text: str) -> None:
        """A side answers any request that it has seen, well (code 0) or with an error."""
        side = data.draw(st.sampled_from([side for side in Side if self.asked[side]]))
        number = data.draw(st.integers(0, len(self.asked[side]) - 1))
        asked = self.asked[side].pop(number)
        if code is Status.OK:
            response = RESPONSES[asked.method]
            self.sessions[side].reply(asked.stream_id, response)
            self.send(side, ReplyReceived(asked.stream_id, asked.method, response))
        else:
            self.sessions[side].reply_error(asked.stream_id, code, text)
            error = StatusError(code, text)
            self.send(side, CallFailed(asked.stream_id, asked.method, error))

    @rule(side=sides, size=st.one_of(st.integers(1, 30), st.integers(1, 20_000)))
    def carry(self, side: Side, size: int) -> None:
        """Some bytes of a side reach its peer."""
        wire, receiver = self.wires[side], other(side)
        self.sessions[receiver].receive_data(bytes(wire[:size]))
        del wire[:size]
        for event in self.sessions[receiver].events_received():
            assert plain(event) == plain(self.expected[receiver].popleft())
            if isinstance(event, RequestReceived):
                self.asked[receiver].append(event)
            else:
                self.waiting[receiver] -= 1

    @invariant()
    def nothing_is_ignored_or_broken(self) -> None:
        """Two good sessions never have anything to complain about."""
        for session in self.sessions.values():
            assert session.state is State.OPEN
            assert session.counters == Counters()

    def teardown(self) -> None:
        """When every byte has arrived every event has."""
        for side in Side:
            self.carry(side, len(self.wires[side]))
            assert not self.expected[other(side)]


TestTrunk = Trunk.TestCase
TestTrunk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


LIMITS = Limits(
    max_frame_bytes=1 << 16,
    max_message_bytes=500,
    max_skipped_bytes=2000,
    max_pending_requests=3,
)


@st.composite
def nonsense(draw: st.DrawFn) -> bytes:
    """Bytes that are wrong on some layer: trunk, frame, header, envelope or payload."""
    body = draw(
        st.one_of(
            st.binary(max_size=30),
            st.integers(0, 800).map(bytes),
            st.builds(
                lambda method, payload: Request(method.service, method.name, payload).serialize(),
                st.sampled_from(sorted(RESPONSES, key=str)),
                st.binary(max_size=30),
            ),
        )
    )
    header = Header(
        draw(st.one_of(st.just(len(body)), st.integers(0, 2100), st.integers(0, 2**32 - 1))),
        draw(st.one_of(st.integers(0, 9), st.integers(0, 2**32 - 1))),
        draw(st.one_of(st.sampled_from(MessageType), st.integers(0, 255))),
        draw(st.integers(0, 255)),
    )
    payload = draw(st.one_of(st.just(header.serialize() + body), st.binary(max_size=40)))
    channel = draw(st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1)))
    return draw(st.one_of(st.just(Frame(channel, payload).serialize()), st.binary(max_size=20)))


streams = st.lists(nonsense(), max_size=12).map(b"".join)


def calling(side: Side) -> Session:
    """Makes a session with calls that wait for an answer."""
    session = Session(side, LIMITS)
    for method, request, _ in CALLS[side]:
        session.call(method, request)
    session.data_to_send()
    return session


def held_by(session: Session) -> int:
    """Returns the bytes that a session keeps of what it has not understood yet."""
    buffers = [reader._buffer for reader in session._readers.values()]
    return sum(buffer.held for buffer in [session._mux._header, *buffers])


@given(side=sides, pieces=st.lists(streams, max_size=5))
@settings(max_examples=300, deadline=None)
def test_nonsense_never_raises_and_is_never_kept(side: Side, pieces: list[bytes]) -> None:
    """Whatever comes, a session answers, ignores or ends; it holds two messages at most."""
    session = calling(side)
    open_before = session.state is State.OPEN
    for piece in pieces:
        session.receive_data(piece)
        assert held_by(session) <= 8 + 2 * LIMITS.max_message_bytes
        assert len(session._requests) <= LIMITS.max_pending_requests
        assert sum(map(len, session.data_to_send())) <= 20 * len(piece) + 300
        if not open_before:
            assert session.events_received() == []
        open_before = session.state is State.OPEN
        session.events_received()
    session.receive_eof()
    assert session.state is not State.OPEN
    assert len(session.events_received()) == (1 if open_before else 0)


@given(side=sides, data=streams, cuts=st.lists(st.integers(0, 4000), max_size=20))
@settings(max_examples=300, deadline=None)
def test_where_the_stream_is_cut_changes_nothing(side: Side, data: bytes, cuts: list[int]) -> None:
    """Events, answers and the end are the same, also for nonsense."""
    whole, cut = calling(side), calling(side)
    whole.receive_data(data)
    for start, end in pairwise([0, *sorted(cuts), max([len(data), *cuts])]):
        cut.receive_data(data[start:end])
    assert events_of(cut) == events_of(whole)
    assert b"".join(cut.data_to_send()) == b"".join(whole.data_to_send())
    assert cut.state is whole.state
    assert held_by(cut) == held_by(whole)


@given(side=sides, data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_random_bytes_do_not_raise(side: Side, data: bytes) -> None:
    """Without any structure the first header mostly ends it all; nothing else happens."""
    session = Session(side)
    session.receive_data(data)
    session.receive_eof()
    assert session.state is not State.OPEN
    assert held_by(session) <= len(data)
