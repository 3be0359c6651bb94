"""The plugin's end: registration against good, late, refusing and foolish runtimes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nri import (
    BadEndpoint,
    CallFailed,
    ConnectFailed,
    ConnectionLost,
    Delivery,
    Event,
    InheritedEndpoint,
    Limits,
    NriError,
    PeerClosed,
    PluginConnection,
    Refusal,
    RegistrationFailed,
    ReplyReceived,
    RequestReceived,
    RuntimeInfo,
    RuntimeSettings,
    Session,
    Side,
    SocketEndpoint,
    Status,
    StatusError,
    SyncTooLarge,
    Timeouts,
    connect,
    cpu_update,
)
from nri.messages import (
    ConfigureRequest,
    ConfigureResponse,
    Container,
    CreateContainerRequest,
    Empty,
    PodSandbox,
    RegisterPluginRequest,
    StateChangeEvent,
    StopContainerRequest,
    SynchronizeRequest,
    SynchronizeResponse,
    UpdateContainerRequest,
    UpdateContainersResponse,
)
from nri.services import (
    CONFIGURE,
    DEDICATED,
    SHUTDOWN,
    STATE_CHANGE,
    SYNCHRONIZE,
    UPDATE_POD_SANDBOX,
    VALIDATE_CONTAINER_ADJUSTMENT,
    Method,
)
from tests.unit.nri.peers import (
    IDENTITY,
    MASK,
    RawPeer,
    RecordingPlugin,
    RecordingRuntime,
    linked,
)


@dataclass
class Registering:
    """A plugin that is connecting, and the runtime at the other end, driven by hand."""

    handler: RecordingPlugin
    runtime: RawPeer
    task: asyncio.Task[PluginConnection]

    async def registered(self) -> PluginConnection:
        """Plays the part of a good runtime."""
        await self.runtime.answer(Empty())
        await self.runtime.call(CONFIGURE, ConfigureRequest(runtime_name="test"))
        await self.runtime.expect(ReplyReceived)
        return await self.task


@asynccontextmanager
async def registering(limits: Limits | None = None) -> AsyncIterator[Registering]:
    """A plugin that sends its registration to a runtime driven by hand."""
    ours, theirs = socket.socketpair()
    handler = RecordingPlugin()
    runtime = RawPeer(theirs, Session(Side.RUNTIME))
    endpoint = InheritedEndpoint(ours.detach())
    task = asyncio.ensure_future(connect(endpoint, IDENTITY, handler, limits=limits or Limits()))
    try:
        yield Registering(handler, runtime, task)
    finally:
        theirs.close()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, PluginConnection):
            await outcome.wait_closed()


# ---- registration ----


@pytest.mark.asyncio
@pytest.mark.parametrize("configure_first", [True, False])
async def test_registers_in_both_orders(configure_first: bool) -> None:
    """Configure is served before the reply to RegisterPlugin arrived, and after."""
    async with registering() as case:
        runtime = case.runtime
        registration = await runtime.expect(RequestReceived)
        assert isinstance(registration.message, RegisterPluginRequest)
        assert registration.message.plugin_name == IDENTITY.name
        assert registration.message.plugin_idx == IDENTITY.index
        if not configure_first:
            runtime.session.reply(registration.stream_id, Empty())
        await runtime.call(CONFIGURE, ConfigureRequest(runtime_name="test"))
        answer = await runtime.expect(ReplyReceived)
        assert answer.message == ConfigureResponse(events=MASK)
        if configure_first:
            assert not case.task.done()
            runtime.session.reply(registration.stream_id, Empty())
            await runtime.flush()
        assert (await case.task).runtime.name == "test"
        assert len(case.handler.configured) == 1


@pytest.mark.asyncio
async def test_knows_the_runtime() -> None:
    """Name, version and deadlines are those of Configure, in seconds."""
    settings = RuntimeSettings(nri_version="v0.12.1")
    async with linked(RecordingPlugin(), settings=settings) as (plugin, _):
        assert plugin.runtime == RuntimeInfo("containerd", "2.3.4", "v0.12.1", 5.0, 2.0)
        assert plugin.runtime.nri_release == (0, 12, 1)
        assert plugin.runtime.unsolicited_updates_are_safe


@pytest.mark.parametrize("version", ["", "v0.12.0", "v0.11.9", "unknown"])
def test_unsolicited_updates_are_not_safe_on_old_runtimes(version: str) -> None:
    """They are safe only on runtimes that say so by their version."""
    assert not RuntimeInfo("containerd", "", version, None, None).unsolicited_updates_are_safe


@pytest.mark.parametrize(("timeout_s", "keeps"), [(None, True), (2.0, False)])
def test_old_runtimes_keep_whom_they_call_no_more(timeout_s: float | None, *, keeps: bool) -> None:
    """They are those that do not tell how long they wait."""
    assert RuntimeInfo("containerd", "", "", None, timeout_s).keeps_failed_sync is keeps


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize("replies", [True, False])
async def test_registration_has_a_deadline(looptime: float, replies: bool) -> None:
    """A runtime that does not reply, or does not configure, is given up after 30 s."""
    async with registering() as case:
        registration = await case.runtime.expect(RequestReceived)
        if replies:
            case.runtime.session.reply(registration.stream_id, Empty())
            await case.runtime.flush()
        with pytest.raises(RegistrationFailed, match="30 s"):
            await case.task
        assert looptime == 30
        await case.runtime.expect(PeerClosed)


@pytest.mark.asyncio
async def test_refused_registration_fails() -> None:
    """The words of the runtime are kept, and the connection is closed."""
    async with registering() as case:
        registration = await case.runtime.expect(RequestReceived)
        case.runtime.session.reply_error(registration.stream_id, Status.UNKNOWN, "bad index")
        await case.runtime.flush()
        with pytest.raises(RegistrationFailed, match="bad index"):
            await case.task
        await case.runtime.expect(PeerClosed)


@pytest.mark.asyncio
async def test_runtime_that_closes_during_registration() -> None:
    """It is a failed registration, whatever came before."""
    async with registering() as case:
        await case.runtime.answer(Empty())
        case.runtime.sock.close()
        with pytest.raises(RegistrationFailed) as failure:
            await case.task
        assert isinstance(failure.value.__cause__, ConnectionLost)


@pytest.mark.asyncio
async def test_peer_that_is_no_runtime() -> None:
    """Something that speaks another protocol is recognised, and left."""
    async with registering() as case:
        await case.runtime.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(RegistrationFailed):
            await case.task
        assert await case.runtime.drained()


@pytest.mark.asyncio
async def test_runtime_that_answers_nonsense() -> None:
    """A reply that is no response fails the registration."""
    async with registering() as case:
        registration = await case.runtime.expect(RequestReceived)
        message = (
            b"\0\0\0\3" + registration.stream_id.to_bytes(4, "big") + b"\2\0" + b"\xff\xff\xff"
        )
        await case.runtime.send(b"\0\0\0\2" + len(message).to_bytes(4, "big") + message)
        with pytest.raises(RegistrationFailed) as failure:
            await case.task
        assert isinstance(failure.value.__cause__, StatusError)
        assert failure.value.__cause__.code is Status.INTERNAL


@pytest.mark.asyncio
@pytest.mark.parametrize("mask", [0, MASK])
async def test_configure_that_fails_is_an_error_reply(mask: int) -> None:
    """An empty answer would subscribe to everything; so does mask 0, which is a fault."""
    async with registering() as case:
        case.handler.mask = mask
        case.handler.raises = RuntimeError("bug") if mask else None
        await case.runtime.answer(Empty())
        await case.runtime.call(CONFIGURE, ConfigureRequest())
        assert (await case.runtime.expect(CallFailed)).error.code is Status.UNKNOWN
        assert [method for method, _ in case.handler.faults] == [CONFIGURE]
        assert not case.task.done()


@pytest.mark.asyncio
async def test_cancelled_connect_closes() -> None:
    """Nothing is left open behind a cancelled registration."""
    async with registering() as case:
        await case.runtime.expect(RequestReceived)
        case.task.cancel()
        await case.runtime.expect(PeerClosed)
        with pytest.raises(asyncio.CancelledError):
            await case.task


# ---- endpoints ----


@pytest.mark.asyncio
async def test_missing_socket(tmp_path: Path) -> None:
    """The error tells the path."""
    path = str(tmp_path / "nri.sock")
    with pytest.raises(ConnectFailed) as failure:
        await connect(SocketEndpoint(path), IDENTITY, RecordingPlugin())
    assert failure.value.path == path


@pytest.mark.asyncio
async def test_file_that_is_no_socket(tmp_path: Path) -> None:
    """A plain file in the place of the socket is a failed connection."""
    path = tmp_path / "nri.sock"
    path.write_text("no socket")
    with pytest.raises(ConnectFailed):
        await connect(SocketEndpoint(str(path)), IDENTITY, RecordingPlugin())


@pytest.mark.asyncio
async def test_socket_of_another_type(tmp_path: Path) -> None:
    """A datagram socket, such as that of a log service, is a failed connection."""
    path = str(tmp_path / "log.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        with pytest.raises(ConnectFailed):
            await connect(SocketEndpoint(path), IDENTITY, RecordingPlugin())


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_listener_that_never_accepts(tmp_path: Path, looptime: float) -> None:
    """A socket with a listener that hangs costs the registration deadline, no more."""
    path = str(tmp_path / "nri.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        with pytest.raises(RegistrationFailed):
            await connect(
                SocketEndpoint(path), IDENTITY, RecordingPlugin(), timeouts=Timeouts(1, 2)
            )
        assert looptime == 2


@pytest.mark.asyncio
async def test_unmapped_descriptor() -> None:
    """A descriptor that nobody opened is a bad endpoint, not a crash."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    with pytest.raises(BadEndpoint) as failure:
        await connect(InheritedEndpoint(descriptor), IDENTITY, RecordingPlugin())
    assert failure.value.descriptor == str(descriptor)


@pytest.mark.asyncio
async def test_descriptor_that_is_no_stream_socket() -> None:
    """A file or a datagram socket is a bad endpoint, and stays open for its owner."""
    with (
        Path(os.devnull).open() as file,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        for descriptor in (file.fileno(), datagrams.fileno()):
            with pytest.raises(BadEndpoint):
                await connect(InheritedEndpoint(descriptor), IDENTITY, RecordingPlugin())
            os.fstat(descriptor)


@pytest.mark.asyncio
async def test_inherited_socket_that_is_not_connected() -> None:
    """It has the right type but no one at the other end: the registration fails."""
    lonely = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with pytest.raises(RegistrationFailed):
        await connect(InheritedEndpoint(lonely.detach()), IDENTITY, RecordingPlugin())


# ---- synchronisation ----


@pytest.mark.asyncio
async def test_chunks_are_merged() -> None:
    """The handler is called once, with everything in order, however it was cut."""
    handler = RecordingPlugin()
    handler.updates = [cpu_update("a", "0-1")]
    pods = [PodSandbox(id=f"pod-{n}") for n in range(100)]
    containers = [Container(id=f"container-{n}") for n in range(1000)]
    async with linked(handler) as (plugin, link):
        assert await link.synchronize(pods, containers, chunk_bytes=1000) == handler.updates
        await plugin.wait_synchronized()
    assert handler.synchronized == [(pods, containers)]


@pytest.mark.asyncio
async def test_only_the_last_chunk_synchronizes() -> None:
    """Each chunk before is answered with more and no updates; nothing is concluded from it."""
    async with registering() as case:
        case.handler.updates = [cpu_update("a", "0")]
        plugin = await case.registered()
        waiting = asyncio.ensure_future(plugin.wait_synchronized())
        for name in "ab":
            chunk = SynchronizeRequest(pods=[PodSandbox(id=name)], more=True)
            await case.runtime.call(SYNCHRONIZE, chunk)
            reply = await case.runtime.expect(ReplyReceived)
            assert reply.message == SynchronizeResponse(more=True)
            assert not waiting.done()
        await case.runtime.call(SYNCHRONIZE, SynchronizeRequest(pods=[PodSandbox(id="c")]))
        reply = await case.runtime.expect(ReplyReceived)
        assert reply.message == SynchronizeResponse(update=case.handler.updates)
        await waiting
        assert case.handler.synchronized == [([PodSandbox(id=name) for name in "abc"], [])]


@pytest.mark.asyncio
async def test_synchronize_that_fails_is_told_to_who_waits() -> None:
    """The runtime gets an empty success, the owner the exception, the handler the fault."""
    handler = RecordingPlugin()
    async with linked(handler) as (plugin, link):
        handler.raises = fault = RuntimeError("bug")
        assert await link.synchronize([], []) == []
        with pytest.raises(RuntimeError, match="bug"):
            await plugin.wait_synchronized()
        assert handler.faults == [(SYNCHRONIZE, fault)]


@pytest.mark.asyncio
async def test_connection_that_ends_before_synchronisation() -> None:
    """Who waits for it learns of the end."""
    async with linked(RecordingPlugin()) as (plugin, link):
        link.close()
        with pytest.raises(ConnectionLost):
            await plugin.wait_synchronized()


@pytest.mark.asyncio
async def test_endless_synchronisation_is_cut_off() -> None:
    """Chunks beyond the limit end the connection."""
    async with registering(Limits(max_sync_bytes=100)) as case:
        plugin = await case.registered()
        chunk = SynchronizeRequest(pods=[PodSandbox(id="x" * 60)], more=True)
        await case.runtime.call(SYNCHRONIZE, chunk)
        await case.runtime.expect(ReplyReceived)
        await case.runtime.call(SYNCHRONIZE, chunk)
        await case.runtime.expect(PeerClosed)
        assert isinstance(await plugin.wait_closed(), SyncTooLarge)


# ---- events ----


@pytest.mark.asyncio
@pytest.mark.parametrize("delivery", list(Delivery), ids=lambda delivery: delivery.value)
@pytest.mark.parametrize("event", sorted(DEDICATED), ids=lambda event: event.name)
async def test_informing_events_reach_one_handler(event: Event, delivery: Delivery) -> None:
    """The dedicated methods and StateChange are the same to a handler."""
    handler = RecordingPlugin(mask=0x3FFF)
    pod = PodSandbox(id="pod")
    container = None if "POD" in event.name else Container(id="container")
    async with linked(handler, settings=RuntimeSettings(delivery=delivery)) as (_, link):
        await link.state_change(event, pod, container)
    assert handler.changes == [(event, pod, container)]


@pytest.mark.asyncio
async def test_state_change_of_the_future_is_ignored() -> None:
    """An event that this library does not know is answered well, and reaches nobody."""
    async with registering() as case:
        await case.registered()
        # Field 1 is a varint: as bytes, because no event that can be named has this number.
        of_the_future = StateChangeEvent.FromString(bytes([1 << 3, 99]))
        await case.runtime.call(STATE_CHANGE, of_the_future)
        await case.runtime.expect(ReplyReceived)
        assert case.handler.changes == []
        assert case.handler.faults == []


@pytest.mark.asyncio
@pytest.mark.parametrize("method", [UPDATE_POD_SANDBOX, VALIDATE_CONTAINER_ADJUSTMENT], ids=str)
async def test_methods_nobody_subscribes_to_are_unknown(method: Method) -> None:
    """They are answered with code 12."""
    async with registering() as case:
        await case.registered()
        await case.runtime.call(method, method.request())
        assert (await case.runtime.expect(CallFailed)).error.code is Status.UNIMPLEMENTED


@pytest.mark.asyncio
async def test_requests_reach_the_handler_and_answers_the_runtime() -> None:
    """Create, update and stop pass both ways unchanged."""
    handler = RecordingPlugin()
    handler.updates = [cpu_update("other", "2")]
    container = Container(id="container")
    async with linked(handler) as (_, link):
        create = CreateContainerRequest(container=container)
        update = UpdateContainerRequest(container=container)
        stop = StopContainerRequest(container=container)
        answered = [
            (await link.create_container(create)).update,
            (await link.update_container(update)).update,
            (await link.stop_container(stop)).update,
        ]
        assert handler.requests == [create, update, stop]
        assert all(list(updates) == handler.updates for updates in answered)
        handler.raises = Refusal("no room")
        with pytest.raises(StatusError, match="no room"):
            await link.create_container(create)
        assert handler.faults == []


@pytest.mark.asyncio
async def test_shutdown_reaches_the_handler() -> None:
    """It is passed on and answered."""
    async with registering() as case:
        await case.registered()
        await case.runtime.call(SHUTDOWN, Empty())
        await case.runtime.expect(ReplyReceived)
        assert case.handler.shutdowns == 1


@pytest.mark.asyncio
async def test_first_event_shows_that_the_runtime_calls() -> None:
    """Configuration and synchronisation do not: a failed one may follow."""
    async with registering() as case:
        plugin = await case.registered()
        waiting = asyncio.ensure_future(plugin.wait_called())
        await case.runtime.call(SYNCHRONIZE, SynchronizeRequest())
        await case.runtime.expect(ReplyReceived)
        await plugin.wait_synchronized()
        assert not waiting.done()
        stopped = StateChangeEvent(event=Event.STOP_POD_SANDBOX.name)
        await case.runtime.call(STATE_CHANGE, stopped)
        await case.runtime.expect(ReplyReceived)
        await waiting


@pytest.mark.asyncio
async def test_connection_that_ends_before_the_first_event() -> None:
    """Who waits for a call learns of the end."""
    async with registering() as case:
        plugin = await case.registered()
        case.runtime.sock.close()
        with pytest.raises(ConnectionLost):
            await plugin.wait_called()


# ---- calls of the plugin ----


@pytest.mark.asyncio
async def test_unsolicited_updates() -> None:
    """The runtime gets the updates; its answer or its error comes back."""
    runtime = RecordingRuntime()
    updates = [cpu_update("a", "0"), cpu_update("b", "1")]
    async with linked(RecordingPlugin(), runtime) as (plugin, _):
        answer = await plugin.update_containers(updates, 1)
        assert answer == UpdateContainersResponse(failed=updates)
        assert list(runtime.requests[0].update) == updates
        runtime.raises = Refusal("failed to update some containers")
        with pytest.raises(StatusError, match="failed to update"):
            await plugin.update_containers(updates, 1)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_unsolicited_updates_have_a_deadline(looptime: float) -> None:
    """A dead-locked runtime costs the deadline; it is not told to the runtime."""
    async with registering() as case:
        plugin = await case.registered()
        with pytest.raises(TimeoutError):
            await plugin.update_containers([], 7)
        assert looptime == 7
        assert (await case.runtime.expect(RequestReceived)).timeout_ns == 0


@pytest.mark.asyncio
async def test_close_tells_no_reason() -> None:
    """The side that closes has none; the other lost the connection."""
    async with linked(RecordingPlugin()) as (plugin, link):
        plugin.close()
        plugin.close()
        assert await plugin.wait_closed() is None
        assert isinstance(await link.wait_closed(), ConnectionLost)
        with pytest.raises(NriError):
            await plugin.update_containers([], 1)
