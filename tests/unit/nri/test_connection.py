"""The shell that moves bytes: order, fairness, faults, deadlines, and every way to end."""

import asyncio
import gc
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from nri import (
    BacklogExceeded,
    CallFailed,
    Connection,
    ConnectionLost,
    FrameTooLarge,
    Limits,
    Method,
    NriError,
    PeerClosed,
    Refusal,
    ReplyReceived,
    RequestReceived,
    Session,
    Side,
    Status,
    StatusError,
    SyncTooLarge,
    TrunkClosedMidFrame,
)
from nri.connection import RECEIVE_BYTES
from nri.messages import (
    Container,
    CreateContainerRequest,
    CreateContainerResponse,
    Empty,
    RegisterPluginRequest,
    StopContainerRequest,
    StopContainerResponse,
    cpu_update,
)
from nri.services import (
    CONFIGURE,
    CREATE_CONTAINER,
    PLUGIN_SERVICE,
    REGISTER_PLUGIN,
    STATE_CHANGE,
    STOP_CONTAINER,
    SYNCHRONIZE,
    UPDATE_CONTAINER,
)
from tests.unit.nri.peers import RawPeer, ScriptedService, served


def raising(error: Exception) -> Callable[[RequestReceived], Empty]:
    """An answer that raises."""

    def answer(_request: RequestReceived) -> Empty:
        raise error

    return answer


def stop(name: str) -> StopContainerRequest:
    """A request that can be told from others."""
    return StopContainerRequest(container=Container(id=name))


def names_of(requests: Sequence[RequestReceived]) -> list[str]:
    """The names that `stop` gave them."""
    names = []
    for request in requests:
        assert isinstance(request.message, StopContainerRequest)
        names.append(request.message.container.id)
    return names


# ---- reading ----


@pytest.mark.asyncio
async def test_small_buffer_reads_each_message_whole() -> None:
    """A message larger than the receive buffer arrives whole; asyncio's own buffer is not used."""
    service = ScriptedService()
    async with served(service) as (connection, peer):
        transport = connection._transport
        assert transport is not None
        assert getattr(transport, "max_size", None) == RECEIVE_BYTES
        request = stop("x" * (3 * RECEIVE_BYTES))
        await peer.call(STOP_CONTAINER, request)
        await peer.expect(ReplyReceived)
        assert [one.message for one in service.handled] == [request]


# ---- requests of the peer ----


@pytest.mark.asyncio
async def test_time_of_each_request_is_told_refusals_included() -> None:
    """From the read to the answer; those that waited their turn count from the same read."""
    service = ScriptedService()
    async with served(service) as (_, peer):
        await peer.call(STOP_CONTAINER, stop("a"))
        await peer.expect(ReplyReceived)
        service.answer = raising(Refusal("no"))
        await peer.call(CREATE_CONTAINER, CreateContainerRequest())
        await peer.expect(CallFailed)
    assert [method for method, _ in service.times] == [STOP_CONTAINER, CREATE_CONTAINER]
    assert all(took_s > 0 for _, took_s in service.times)


@pytest.mark.asyncio
async def test_requests_of_one_read_are_answered_in_order_and_the_loop_gets_turns() -> None:
    """1000 requests in one read: FIFO, 64 per turn of the loop, reading paused meanwhile."""
    service = ScriptedService()
    async with served(service) as (connection, peer):
        streams = [peer.session.call(STOP_CONTAINER, stop(str(n))) for n in range(1000)]
        connection.data_received(b"".join(peer.session.data_to_send()))
        transport = connection._transport
        assert transport is not None
        assert len(service.handled) == connection._limits.requests_per_turn
        assert not transport.is_reading()
        turns = 0
        while len(service.handled) < 1000:
            before = len(service.handled)
            await asyncio.sleep(0)
            turns += 1
            assert len(service.handled) - before <= connection._limits.requests_per_turn
        assert turns >= 1000 // connection._limits.requests_per_turn
        assert names_of(service.handled) == [str(n) for n in range(1000)]
        replies = [(await peer.expect(ReplyReceived)).stream_id for _ in range(1000)]
        assert replies == streams
        assert transport.is_reading()


@pytest.mark.asyncio
async def test_requests_that_come_between_batches_wait_for_their_turn() -> None:
    """Bytes that arrive while a batch waits do not overtake it."""
    service = ScriptedService()
    async with served(service, limits=Limits(requests_per_turn=2)) as (connection, peer):
        for names in ("abc", "de"):
            for name in names:
                peer.session.call(STOP_CONTAINER, stop(name))
            connection.data_received(b"".join(peer.session.data_to_send()))
        for _ in range(5):
            await peer.expect(ReplyReceived)
        assert names_of(service.handled) == list("abcde")


@pytest.mark.asyncio
@pytest.mark.parametrize("method", [CREATE_CONTAINER, UPDATE_CONTAINER, CONFIGURE], ids=str)
async def test_refusal_is_an_error_reply(method: Method) -> None:
    """A refusal is answered with code 2 and its text, and is no fault."""
    service = ScriptedService(raising(Refusal("no room")))
    async with served(service) as (_, peer):
        await peer.call(method, method.request())
        failed = await peer.expect(CallFailed)
        assert (failed.error.code, failed.error.message) == (Status.UNKNOWN, "no room")
        assert service.faults == []


@pytest.mark.asyncio
@pytest.mark.parametrize("method", [CREATE_CONTAINER, UPDATE_CONTAINER, CONFIGURE], ids=str)
async def test_fault_in_a_method_that_may_refuse_is_an_error_reply(method: Method) -> None:
    """A fault of the handler is told once, and answered with an error."""
    fault = RuntimeError("bug")
    service = ScriptedService(raising(fault))
    async with served(service) as (_, peer):
        await peer.call(method, method.request())
        failed = await peer.expect(CallFailed)
        assert (failed.error.code, failed.error.message) == (Status.UNKNOWN, "bug")
        assert service.faults == [(method, fault)]


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [RuntimeError("bug"), Refusal("no")], ids=["fault", "refusal"])
@pytest.mark.parametrize("method", [SYNCHRONIZE, STATE_CHANGE, STOP_CONTAINER], ids=str)
async def test_fault_in_any_other_method_is_an_empty_success(
    method: Method, error: Exception
) -> None:
    """An error would hide the event from later plugins, so the answer is empty; told once."""
    service = ScriptedService(raising(error))
    async with served(service) as (_, peer):
        await peer.call(method, method.request())
        reply = await peer.expect(ReplyReceived)
        assert reply.message == method.response()
        assert service.faults == [(method, error)]


@pytest.mark.asyncio
async def test_answer_that_is_too_large_is_a_fault() -> None:
    """It is answered with code 8, the handler is told, and the connection goes on."""
    large = StopContainerResponse(update=[cpu_update("x" * 500, "0")])
    service = ScriptedService(lambda _: large)
    async with served(service, limits=Limits(max_sent_message_bytes=400)) as (_, peer):
        await peer.call(STOP_CONTAINER, stop("a"))
        assert (await peer.expect(CallFailed)).error.code is Status.RESOURCE_EXHAUSTED
        assert [method for method, _ in service.faults] == [STOP_CONTAINER]
        service.answer = lambda _: StopContainerResponse()
        await peer.call(STOP_CONTAINER, stop("b"))
        await peer.expect(ReplyReceived)


@pytest.mark.asyncio
async def test_unknown_method_is_answered_with_code_12() -> None:
    """Runtimes recognise older plugins by this code; no handler sees the request."""
    unknown = Method(PLUGIN_SERVICE, "FromTheFuture", Empty, Empty)
    service = ScriptedService()
    async with served(service) as (_, peer):
        await peer.call(unknown, Empty())
        assert (await peer.expect(CallFailed)).error.code is Status.UNIMPLEMENTED
        assert service.handled == []
        await peer.call(STOP_CONTAINER, stop("a"))
        await peer.expect(ReplyReceived)


@pytest.mark.asyncio
async def test_violation_that_the_service_finds_ends_the_connection() -> None:
    """A ProtocolError of the service is the reason of the end, and no fault."""
    violation = SyncTooLarge(2, 1)
    service = ScriptedService(raising(violation))
    async with served(service) as (connection, peer):
        for name in "ab":
            peer.session.call(STOP_CONTAINER, stop(name))
        await peer.flush()
        assert await connection.wait_closed() is violation
        assert len(service.handled) == 1
        assert service.faults == []


# ---- closing ----


@pytest.mark.asyncio
@pytest.mark.parametrize("closer", [0, 1])
async def test_close_inside_a_handler_loses_no_answer(closer: int) -> None:
    """What was answered in the same batch arrives, also the own answer; the rest is dropped."""
    async with served(service := ScriptedService()) as (connection, peer):

        def answer(_request: RequestReceived) -> StopContainerResponse:
            if len(service.handled) == closer + 1:
                connection.close()
            return StopContainerResponse(update=[cpu_update("x", str(len(service.handled)))])

        service.answer = answer
        streams = [peer.session.call(STOP_CONTAINER, stop(name)) for name in "abc"]
        await peer.flush()
        replies = [await peer.expect(ReplyReceived) for _ in range(closer + 1)]
        await peer.expect(PeerClosed)
        assert [reply.stream_id for reply in replies] == streams[: closer + 1]
        assert len(service.handled) == closer + 1
        assert await connection.wait_closed() is None


@pytest.mark.asyncio
async def test_close_writes_what_waits_before() -> None:
    """A peer that reads slowly still gets everything."""
    response = StopContainerResponse(update=[cpu_update("x" * 1_000_000, "0")])
    async with served(ScriptedService(lambda _: response)) as (connection, peer):
        peer.session.call(STOP_CONTAINER, stop("a"))
        connection.data_received(b"".join(peer.session.data_to_send()))
        connection.close()
        connection.close()
        assert (await peer.expect(ReplyReceived)).message == response
        await peer.expect(PeerClosed)
        assert await connection.wait_closed() is None


@pytest.mark.asyncio
async def test_abort_and_close_after_the_end_do_nothing() -> None:
    """Also when the transport closed itself after it had written the rest of its buffer."""
    response = StopContainerResponse(update=[cpu_update("x" * 1_000_000, "0")])
    async with served(ScriptedService(lambda _: response)) as (connection, peer):
        peer.session.call(STOP_CONTAINER, stop("a"))
        connection.data_received(b"".join(peer.session.data_to_send()))
        connection.close()
        assert await peer.drained()
        await connection.wait_closed()
        connection.abort(ConnectionLost("late"))
        connection.close()
        assert await connection.wait_closed() is None


@pytest.mark.asyncio
async def test_abort_ends_what_close_cannot() -> None:
    """A peer that never reads cannot keep a connection open; the first reason counts."""
    response = StopContainerResponse(update=[cpu_update("x" * 1_000_000, "0")])
    async with served(ScriptedService(lambda _: response)) as (connection, peer):
        peer.session.call(STOP_CONTAINER, stop("a"))
        connection.data_received(b"".join(peer.session.data_to_send()))
        connection.close()
        connection.abort(ConnectionLost("late"))
        connection.abort()
        assert await connection.wait_closed() is None


@pytest.mark.asyncio
async def test_abort_inside_a_handler_ends_at_once() -> None:
    """No further request is handled, and nothing is raised."""
    async with served(service := ScriptedService()) as (connection, peer):

        def answer(_request: RequestReceived) -> StopContainerResponse:
            connection.abort()
            return StopContainerResponse()

        service.answer = answer
        for name in "ab":
            peer.session.call(STOP_CONTAINER, stop(name))
        await peer.flush()
        assert await connection.wait_closed() is None
        assert len(service.handled) == 1
        assert service.faults == []


@pytest.mark.asyncio
async def test_abort_reason_reaches_every_caller() -> None:
    """Calls that wait, calls that come later, and wait_closed tell the same reason."""
    reason = ConnectionLost("enough")
    async with served(ScriptedService()) as (connection, peer):
        waiting = asyncio.ensure_future(connection.call(REGISTER_PLUGIN, RegisterPluginRequest()))
        await peer.expect(RequestReceived)
        connection.abort(reason)
        with pytest.raises(ConnectionLost, match="enough"):
            await waiting
        with pytest.raises(ConnectionLost, match="enough"):
            await connection.call(REGISTER_PLUGIN, RegisterPluginRequest())
        assert await connection.wait_closed() is reason


@pytest.mark.asyncio
async def test_until_ends_with_the_connection() -> None:
    """What comes in time is returned; else the reason of the end is raised."""
    loop = asyncio.get_running_loop()
    async with served(ScriptedService()) as (connection, peer):
        event: asyncio.Future[int] = loop.create_future()
        loop.call_soon(event.set_result, 7)
        assert await connection.until(event) == 7
        peer.sock.close()
        with pytest.raises(ConnectionLost):
            await connection.until(loop.create_future())


@pytest.mark.asyncio
async def test_connection_that_ended_before_its_transport_came() -> None:
    """The transport is closed at once."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(Session(Side.PLUGIN), ScriptedService())
    connection.abort()
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
    peer = RawPeer(theirs, Session(Side.RUNTIME))
    await peer.expect(PeerClosed)
    assert await connection.wait_closed() is None
    theirs.close()


# ---- how a peer ends ----


@pytest.mark.asyncio
@pytest.mark.parametrize("end", ["eof", "half-close", "reset", "broken-pipe"])
async def test_all_ends_of_a_peer_mean_the_same(end: str) -> None:
    """EOF, ECONNRESET and EPIPE are one thing: the connection is lost, calls fail with it."""
    async with served(ScriptedService()) as (connection, peer):
        call = connection.call(REGISTER_PLUGIN, RegisterPluginRequest(plugin_name="a"))
        if end == "broken-pipe":
            peer.sock.close()  # our write comes before the loop sees the end
            waiting = asyncio.ensure_future(call)
        else:
            waiting = asyncio.ensure_future(call)
            await asyncio.sleep(0)  # the request is written now
            if end != "reset":
                await peer.expect(RequestReceived)
            if end == "half-close":
                peer.sock.shutdown(socket.SHUT_WR)
            else:
                peer.sock.close()  # with unread bytes this is a reset
        with pytest.raises(ConnectionLost):
            await waiting
        assert isinstance(await connection.wait_closed(), ConnectionLost)


@pytest.mark.asyncio
async def test_end_inside_a_frame_is_a_violation() -> None:
    """The reason tells how much is missing."""
    async with served(ScriptedService()) as (connection, peer):
        await peer.send(b"\0\0\0\1\0\0\0\x0aabc")
        peer.sock.shutdown(socket.SHUT_WR)
        reason = await connection.wait_closed()
        assert isinstance(reason, TrunkClosedMidFrame)
        assert reason.missing == 7


@pytest.mark.asyncio
async def test_violation_ends_the_connection_and_its_calls() -> None:
    """Who waits for an answer learns what the peer did."""
    async with served(ScriptedService()) as (connection, peer):
        waiting = asyncio.ensure_future(connection.call(REGISTER_PLUGIN, RegisterPluginRequest()))
        await peer.send(b"GET / HTTP/1.1\r\n")
        with pytest.raises(FrameTooLarge):
            await waiting
        assert isinstance(await connection.wait_closed(), FrameTooLarge)


@pytest.mark.asyncio
async def test_peer_that_does_not_read_is_dropped() -> None:
    """The write buffer has a bound, and the reason tells it."""
    response = StopContainerResponse(update=[cpu_update("x" * 100_000, "0")])
    limits = Limits(max_unsent_bytes=200_000, requests_per_turn=1)
    service = ScriptedService(lambda _: response)
    async with served(service, limits=limits) as (connection, peer):
        for number in range(64):
            peer.session.call(STOP_CONTAINER, stop(str(number)))
        await peer.flush()
        reason = await connection.wait_closed()
        assert isinstance(reason, BacklogExceeded)
        assert reason.limit == 200_000 < reason.size < 400_000
        assert len(service.handled) < 64


# ---- own calls ----


@pytest.mark.asyncio
async def test_call_returns_the_answer_or_raises_the_error() -> None:
    """An error reply is a StatusError, and the connection goes on."""
    async with served(ScriptedService(), Side.RUNTIME) as (connection, peer):
        for refuses in (True, False):
            call = connection.call(CREATE_CONTAINER, CreateContainerRequest())
            waiting = asyncio.ensure_future(call)
            request = await peer.expect(RequestReceived)
            if refuses:
                peer.session.reply_error(request.stream_id, Status.UNKNOWN, "no")
                await peer.flush()
                with pytest.raises(StatusError, match="no"):
                    await waiting
            else:
                peer.session.reply(request.stream_id, CreateContainerResponse())
                await peer.flush()
                assert await waiting == CreateContainerResponse()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("side", "method", "told_ns"),
    [(Side.RUNTIME, STOP_CONTAINER, 1_500_000_000), (Side.PLUGIN, REGISTER_PLUGIN, 0)],
)
async def test_only_a_runtime_tells_its_deadline(side: Side, method: Method, told_ns: int) -> None:
    """A runtime would take the deadline of a plugin for that of the whole operation."""
    async with served(ScriptedService(), side) as (connection, peer):
        waiting = asyncio.ensure_future(connection.call(method, method.request(), 1.5))
        assert (await peer.answer(method.response())).timeout_ns == told_ns
        assert await waiting == method.response()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_call_that_times_out_does_not_end_the_connection(looptime: float) -> None:
    """TimeoutError at the deadline; the late answer is ignored and the next call works."""
    async with served(ScriptedService()) as (connection, peer):
        with pytest.raises(TimeoutError):
            await connection.call(REGISTER_PLUGIN, RegisterPluginRequest(), 3)
        assert looptime == 3
        await peer.answer(Empty())
        waiting = asyncio.ensure_future(connection.call(REGISTER_PLUGIN, RegisterPluginRequest()))
        await peer.answer(Empty())
        assert await waiting == Empty()
        assert connection._session.counters.stray_responses == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("fails", [True, False])
async def test_answer_in_the_turn_of_the_timeout_leaves_no_trace(fails: bool) -> None:
    """A call that was given up in the same turn swallows its answer; nothing is reported."""
    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with served(ScriptedService()) as (connection, peer):
        waiting = asyncio.ensure_future(connection.call(REGISTER_PLUGIN, RegisterPluginRequest()))
        request = await peer.expect(RequestReceived)
        if fails:
            peer.session.reply_error(request.stream_id, Status.UNKNOWN, "no")
        else:
            peer.session.reply(request.stream_id, Empty())
        waiting.cancel()  # as asyncio.timeout does
        connection.data_received(b"".join(peer.session.data_to_send()))
        with suppress(asyncio.CancelledError):
            await waiting
        assert waiting.cancelled()
        gc.collect()
        assert reports == []
        assert not connection._calls


@pytest.mark.asyncio
async def test_call_before_the_transport_is_there_is_sent_when_it_comes() -> None:
    """Nothing is lost between creation and connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(Session(Side.PLUGIN), ScriptedService())
    waiting = asyncio.ensure_future(connection.call(REGISTER_PLUGIN, RegisterPluginRequest()))
    await asyncio.sleep(0)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
    await RawPeer(theirs, Session(Side.RUNTIME)).answer(Empty())
    assert await waiting == Empty()
    theirs.close()
    assert isinstance(await connection.wait_closed(), NriError)
