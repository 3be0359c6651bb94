"""The runtime's end: registration of good and bad plugins, deadlines, and the fallback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from nri import (
    VALID_MASK,
    VALID_MASK_OLD,
    CallFailed,
    ConnectionLost,
    Delivery,
    Event,
    LinkTimedOut,
    PeerClosed,
    PluginLink,
    RegistrationFailed,
    ReplyReceived,
    RequestReceived,
    RuntimeSettings,
    Session,
    Side,
    Status,
    StatusError,
    cpu_update,
)
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
    StopContainerRequest,
    StopContainerResponse,
    SynchronizeResponse,
    UpdateContainerRequest,
    UpdateContainerResponse,
    UpdateContainersRequest,
    mask_of,
)
from nri.services import (
    DEDICATED,
    PLUGIN_METHODS,
    REGISTER_PLUGIN,
    STATE_CHANGE,
    STOP_CONTAINER,
    UPDATE_CONTAINERS,
)
from tests.unit.nri.peers import IDENTITY, RawPeer, RecordingPlugin, RecordingRuntime, linked

POD = PodSandbox(id="pod")
OLD_METHODS = PLUGIN_METHODS - set(DEDICATED.values())


@dataclass
class Accepting:
    """A runtime that waits for a registration, and the plugin, driven by hand."""

    handler: RecordingRuntime
    plugin: RawPeer
    task: asyncio.Task[PluginLink]

    async def register(self, name: str = "plugin", index: str = "10") -> None:
        """Sends the registration."""
        await self.plugin.call(
            REGISTER_PLUGIN, RegisterPluginRequest(plugin_name=name, plugin_idx=index)
        )

    async def registered(self, mask: int = VALID_MASK) -> PluginLink:
        """Plays the part of a good plugin."""
        await self.register()
        await self.plugin.expect(ReplyReceived)
        await self.plugin.answer(ConfigureResponse(events=mask))
        return await self.task


@asynccontextmanager
async def accepting(
    settings: RuntimeSettings | None = None, *, old: bool = False
) -> AsyncIterator[Accepting]:
    """A runtime with a plugin driven by hand; an old one knows no dedicated methods."""
    ours, theirs = socket.socketpair()
    handler = RecordingRuntime()
    session = Session(Side.PLUGIN, serves=OLD_METHODS if old else None)
    plugin = RawPeer(theirs, session)
    accept = PluginLink.accept(ours, handler, settings or RuntimeSettings())
    task = asyncio.ensure_future(accept)
    try:
        yield Accepting(handler, plugin, task)
    finally:
        theirs.close()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, PluginLink):
            await outcome.wait_closed()


# ---- registration ----


@pytest.mark.asyncio
async def test_link_knows_its_plugin() -> None:
    """Name and index are those of the registration, the mask that of Configure."""
    handler = RecordingPlugin(mask_of([Event.CREATE_CONTAINER]))
    async with linked(handler) as (_, link):
        assert (link.name, link.index) == (IDENTITY.name, IDENTITY.index)
        assert link.mask == handler.mask
        assert link.subscribes(Event.CREATE_CONTAINER)
        assert not link.subscribes(Event.STOP_CONTAINER)


@pytest.mark.asyncio
@pytest.mark.parametrize("tells", [True, False])
async def test_timeouts_are_told_since_0_7(tells: bool) -> None:
    """A newer runtime tells both in milliseconds, an older one neither."""
    settings = RuntimeSettings(nri_version="", tells_timeouts=tells)
    async with accepting(settings) as case:
        await case.register()
        await case.plugin.expect(ReplyReceived)
        request = (await case.plugin.expect(RequestReceived)).message
        assert isinstance(request, ConfigureRequest)
        told = (request.registration_timeout, request.request_timeout)
        assert told == ((5000, 2000) if tells else (0, 0))


@pytest.mark.asyncio
async def test_plugin_of_a_runtime_before_0_7_knows_no_deadline() -> None:
    """What was not told is None, not zero."""
    settings = RuntimeSettings(nri_version="", tells_timeouts=False)
    async with linked(RecordingPlugin(), settings=settings) as (plugin, _):
        assert plugin.runtime.registration_timeout_s is None
        assert plugin.runtime.request_timeout_s is None


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["sp ace/..", "größe", "a\n"])
@pytest.mark.parametrize(
    ("version", "refuses"),
    [("", False), ("v0.11.0", False), ("v0.12.0", True), ("v0.12.1", True), ("1.0.0", True)],
)
async def test_names_are_restricted_since_0_12(
    name: str,
    version: str,
    refuses: bool,
) -> None:
    """A newer runtime refuses names beyond letters, digits and some signs."""
    async with accepting(RuntimeSettings(nri_version=version)) as case:
        await case.register(name)
        if refuses:
            failed = await case.plugin.expect(CallFailed)
            assert failed.error.code is Status.UNKNOWN
            assert "invalid plugin name" in failed.error.message
        else:
            await case.plugin.expect(ReplyReceived)
            await case.plugin.answer(ConfigureResponse(events=1))
            assert (await case.task).name == name


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "index", "text"),
    [
        ("", "10", "invalid (empty) plugin name"),
        ("a", "1", "invalid plugin index"),
        ("a", "100", "invalid plugin index"),
        ("a", "\u0661\u0662", "invalid plugin index"),
    ],
)
async def test_bad_registration_is_refused_by_every_runtime(
    name: str, index: str, text: str
) -> None:
    """An empty name or an index that is not two ASCII digits is an error reply."""
    async with accepting(RuntimeSettings(nri_version="")) as case:
        await case.register(name, index)
        assert text in (await case.plugin.expect(CallFailed)).error.message
        assert not case.task.done()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_registration_has_a_deadline(looptime: float) -> None:
    """A silent client is dropped after 5 s."""
    async with accepting() as case:
        with pytest.raises(RegistrationFailed, match="5 s"):
            await case.task
        assert looptime == 5
        await case.plugin.expect(PeerClosed)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_configure_has_a_deadline(looptime: float) -> None:
    """A plugin that registers but does not configure is dropped after 2 s."""
    async with accepting() as case:
        await case.register()
        with pytest.raises(RegistrationFailed) as failure:
            await case.task
        assert isinstance(failure.value.__cause__, LinkTimedOut)
        assert looptime == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("asked", "valid"), [(VALID_MASK + 1, VALID_MASK), (1 << 11, VALID_MASK_OLD), (-1, VALID_MASK)]
)
async def test_events_that_do_not_exist_drop_the_plugin(asked: int, valid: int) -> None:
    """One invalid bit in the mask ends the connection."""
    async with accepting(RuntimeSettings(valid_mask=valid)) as case:
        with pytest.raises(RegistrationFailed, match="invalid plugin events"):
            await case.registered(asked)
        await case.plugin.expect(PeerClosed)


@pytest.mark.asyncio
async def test_mask_0_means_every_event() -> None:
    """As in every runtime so far."""
    async with accepting() as case:
        assert (await case.registered(0)).mask == VALID_MASK


@pytest.mark.asyncio
@pytest.mark.parametrize("data", [b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n"])
async def test_client_that_is_no_plugin(data: bytes) -> None:
    """It is dropped at once, and the cause tells what it did."""
    async with accepting() as case:
        await case.plugin.send(data)
        with pytest.raises(RegistrationFailed):
            await case.task
        assert await case.plugin.drained()


@pytest.mark.asyncio
async def test_client_that_closes() -> None:
    """A client that closes before it registers is a failed registration."""
    async with accepting() as case:
        case.plugin.sock.close()
        with pytest.raises(RegistrationFailed) as failure:
            await case.task
        assert isinstance(failure.value.__cause__, ConnectionLost)


# ---- events ----


@pytest.mark.asyncio
async def test_events_without_subscription_are_not_sent() -> None:
    """The plugin sees only what it asked for; the others are answered empty on the spot."""
    async with accepting() as case:
        link = await case.registered(mask_of([Event.STOP_CONTAINER]))
        assert await link.create_container(CreateContainerRequest()) == CreateContainerResponse()
        assert await link.update_container(UpdateContainerRequest()) == UpdateContainerResponse()
        await link.state_change(Event.RUN_POD_SANDBOX, POD)
        waiting = asyncio.ensure_future(link.stop_container(StopContainerRequest()))
        request = await case.plugin.answer(StopContainerResponse())
        assert request.method is STOP_CONTAINER
        assert await waiting == StopContainerResponse()


@pytest.mark.asyncio
async def test_stop_without_subscription_is_not_sent() -> None:
    """Stop too is answered on the spot."""
    async with accepting() as case:
        link = await case.registered(mask_of([Event.RUN_POD_SANDBOX]))
        assert await link.stop_container(StopContainerRequest()) == StopContainerResponse()


@pytest.mark.asyncio
async def test_dedicated_method_first() -> None:
    """A plugin that knows the dedicated methods never sees StateChange."""
    async with accepting() as case:
        link = await case.registered()
        for event, method in DEDICATED.items():
            waiting = asyncio.ensure_future(link.state_change(event, POD))
            assert (await case.plugin.answer(method.response())).method is method
            await waiting


@pytest.mark.asyncio
async def test_one_code_12_means_state_change_for_good() -> None:
    """One probe is refused, that event is repeated, and no other is probed again."""
    async with accepting(old=True) as case:
        link = await case.registered()
        for event in (Event.RUN_POD_SANDBOX, Event.START_CONTAINER):
            waiting = asyncio.ensure_future(link.state_change(event, POD))
            while not case.plugin.session.counters.rejected_requests:
                case.plugin.session.receive_data(
                    await asyncio.get_running_loop().sock_recv(case.plugin.sock, 1 << 16)
                )
            await case.plugin.flush()
            request = await case.plugin.answer(Empty())
            assert request.method is STATE_CHANGE
            assert isinstance(request.message, StateChangeEvent)
            assert Event(request.message.event) is event
            await waiting
        assert case.plugin.session.counters.rejected_requests == 1


@pytest.mark.asyncio
async def test_old_runtime_sends_state_change_only() -> None:
    """No dedicated method is ever tried."""
    async with accepting(RuntimeSettings(delivery=Delivery.STATE_CHANGE)) as case:
        link = await case.registered()
        container = Container(id="container")
        waiting = asyncio.ensure_future(link.state_change(Event.START_CONTAINER, POD, container))
        request = await case.plugin.answer(Empty())
        await waiting
        assert request.message == StateChangeEvent(
            event=Event.START_CONTAINER.name, pod=POD, container=container
        )


@pytest.mark.asyncio
async def test_any_other_error_is_no_reason_to_fall_back() -> None:
    """The event is lost, and the next one uses its dedicated method again."""
    async with accepting() as case:
        link = await case.registered()
        for _ in range(2):
            waiting = asyncio.ensure_future(link.state_change(Event.RUN_POD_SANDBOX, POD))
            request = await case.plugin.expect(RequestReceived)
            assert request.method is DEDICATED[Event.RUN_POD_SANDBOX]
            case.plugin.session.reply_error(request.stream_id, Status.UNKNOWN, "no")
            await case.plugin.flush()
            with pytest.raises(StatusError, match="no"):
                await waiting


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_plugin_that_does_not_answer_is_dropped(looptime: float) -> None:
    """After 2 s the link ends, and every later call tells why."""
    async with accepting() as case:
        link = await case.registered()
        with pytest.raises(LinkTimedOut) as failure:
            await link.create_container(CreateContainerRequest())
        assert looptime == 2
        assert failure.value.method == "CreateContainer"
        assert await link.wait_closed() is failure.value
        with pytest.raises(LinkTimedOut):
            await link.stop_container(StopContainerRequest())


# ---- synchronisation ----


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_all_chunks_share_one_deadline(looptime: float) -> None:
    """A plugin that takes 1.5 s for the first chunk has 0.5 s for the rest."""
    async with accepting() as case:
        link = await case.registered()
        pods = [PodSandbox(id="x" * 300) for _ in range(3)]
        waiting = asyncio.ensure_future(link.synchronize(pods, [], chunk_bytes=600))
        first = await case.plugin.expect(RequestReceived)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.shield(waiting)
        case.plugin.session.reply(first.stream_id, SynchronizeResponse(more=True))
        await case.plugin.flush()
        with pytest.raises(LinkTimedOut):
            await waiting
        assert looptime == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer", [SynchronizeResponse(), SynchronizeResponse(more=True, update=[cpu_update("a", "0")])]
)
async def test_plugin_that_does_not_merge_chunks_is_dropped(answer: SynchronizeResponse) -> None:
    """An answer to a first chunk that says it is the last, or has updates, ends the link."""
    async with accepting() as case:
        link = await case.registered()
        pods = [PodSandbox(id="x" * 300) for _ in range(3)]
        waiting = asyncio.ensure_future(link.synchronize(pods, [], chunk_bytes=600))
        await case.plugin.answer(answer)
        with pytest.raises(RegistrationFailed):
            await waiting
        assert isinstance(await link.wait_closed(), RegistrationFailed)


# ---- calls of the plugin ----


@pytest.mark.asyncio
async def test_fault_of_the_handler_is_an_error_reply() -> None:
    """The plugin learns that its updates failed, the handler is told of the fault once."""
    async with accepting() as case:
        await case.registered()
        case.handler.raises = fault = RuntimeError("bug")
        await case.plugin.call(UPDATE_CONTAINERS, UpdateContainersRequest())
        assert (await case.plugin.expect(CallFailed)).error.code is Status.UNKNOWN
        assert case.handler.faults == [(UPDATE_CONTAINERS, fault)]


@pytest.mark.asyncio
async def test_second_registration_changes_nothing() -> None:
    """It is answered well, and nothing is configured again."""
    async with accepting() as case:
        link = await case.registered()
        await case.register("other", "99")
        await case.plugin.expect(ReplyReceived)
        assert (link.name, link.index) == ("plugin", "10")


@pytest.mark.asyncio
async def test_close_ends_calls_that_wait() -> None:
    """Calls that wait raise, and the side that closes has no reason."""
    async with accepting() as case:
        link = await case.registered()
        waiting = asyncio.ensure_future(link.create_container(CreateContainerRequest()))
        await case.plugin.expect(RequestReceived)
        link.close()
        with pytest.raises(ConnectionLost):
            await waiting
        assert await link.wait_closed() is None
