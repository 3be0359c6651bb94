"""The other end: peers driven by hand, and handlers that record what reaches them."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from google.protobuf.message import Message

from nri import (
    Connection,
    Event,
    Identity,
    InheritedEndpoint,
    Limits,
    Method,
    PluginConnection,
    PluginLink,
    RequestReceived,
    RuntimeSettings,
    Session,
    Side,
    connect,
    mask_of,
)
from nri.messages import (
    ConfigureRequest,
    Container,
    ContainerUpdate,
    CreateContainerRequest,
    CreateContainerResponse,
    PodSandbox,
    StopContainerRequest,
    StopContainerResponse,
    UpdateContainerRequest,
    UpdateContainerResponse,
    UpdateContainersRequest,
    UpdateContainersResponse,
)
from nri.session import SessionEvent

IDENTITY = Identity("plugin", "10")
MASK = mask_of(set(Event) - {Event.UPDATE_POD_SANDBOX, Event.VALIDATE_CONTAINER_ADJUSTMENT})

_E = TypeVar("_E")


class RawPeer:
    """One end of a trunk, driven by hand: nothing is answered unless the test does it."""

    def __init__(self, sock: socket.socket, session: Session) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.session = session
        self._loop = asyncio.get_running_loop()
        self._events: deque[SessionEvent] = deque()

    async def flush(self) -> None:
        """Sends what the session wants to send."""
        await self.send(b"".join(self.session.data_to_send()))

    async def send(self, data: bytes) -> None:
        """Sends any bytes."""
        await self._loop.sock_sendall(self.sock, data)

    async def expect(self, kind: type[_E]) -> _E:
        """Waits for the next event, which must be of one kind."""
        while not self._events:
            data = await self._loop.sock_recv(self.sock, 1 << 16)
            if data:
                self.session.receive_data(data)
            else:
                self.session.receive_eof()
            self._events += self.session.events_received()
        event = self._events.popleft()
        assert isinstance(event, kind), event
        return event

    async def call(self, method: Method, request: Message) -> int:
        """Sends a request; returns its stream id."""
        stream_id = self.session.call(method, request)
        await self.flush()
        return stream_id

    async def answer(self, response: Message) -> RequestReceived:
        """Waits for a request, and answers it."""
        request = await self.expect(RequestReceived)
        self.session.reply(request.stream_id, response)
        await self.flush()
        return request

    async def drained(self) -> bool:
        """Reads and throws away all until the end; True, so that it can be asserted."""
        while await self._loop.sock_recv(self.sock, 1 << 16):
            pass
        return True


class ScriptedService:
    """Answers by a function; records the requests, and the faults that it is told of."""

    def __init__(self, answer: Callable[[RequestReceived], Message] | None = None) -> None:
        self.handled: list[RequestReceived] = []
        self.faults: list[tuple[Method, Exception]] = []
        self.times: list[tuple[Method, float]] = []
        self.answer = answer or (lambda request: request.method.response())

    def handle(self, request: RequestReceived) -> Message:
        self.handled.append(request)
        return self.answer(request)

    def fault(self, method: Method, error: Exception) -> None:
        self.faults.append((method, error))

    def answered(self, method: Method, took_s: float) -> None:
        self.times.append((method, took_s))


class RecordingPlugin:
    """A plugin that records what it learns, and raises what it is told to raise."""

    def __init__(self, mask: int = MASK) -> None:
        self.mask = mask
        self.raises: Exception | None = None
        self.updates: Sequence[ContainerUpdate] = ()
        self.configured: list[ConfigureRequest] = []
        self.synchronized: list[tuple[list[PodSandbox], list[Container]]] = []
        self.requests: list[Message] = []
        self.changes: list[tuple[Event, PodSandbox, Container | None]] = []
        self.shutdowns = 0
        self.faults: list[tuple[Method, Exception]] = []
        self.times: list[tuple[Method, float]] = []

    def _maybe_raise(self) -> None:
        if self.raises is not None:
            raise self.raises

    def configure(self, request: ConfigureRequest) -> int:
        self.configured.append(request)
        self._maybe_raise()
        return self.mask

    def synchronize(
        self, pods: Sequence[PodSandbox], containers: Sequence[Container]
    ) -> Sequence[ContainerUpdate]:
        self.synchronized.append((list(pods), list(containers)))
        self._maybe_raise()
        return self.updates

    def create_container(self, request: CreateContainerRequest) -> CreateContainerResponse:
        self.requests.append(request)
        self._maybe_raise()
        return CreateContainerResponse(update=self.updates)

    def update_container(self, request: UpdateContainerRequest) -> UpdateContainerResponse:
        self.requests.append(request)
        self._maybe_raise()
        return UpdateContainerResponse(update=self.updates)

    def stop_container(self, request: StopContainerRequest) -> StopContainerResponse:
        self.requests.append(request)
        self._maybe_raise()
        return StopContainerResponse(update=self.updates)

    def state_change(self, event: Event, pod: PodSandbox, container: Container | None) -> None:
        self.changes.append((event, pod, container))
        self._maybe_raise()

    def shutdown(self) -> None:
        self.shutdowns += 1

    def fault(self, method: Method, error: Exception) -> None:
        self.faults.append((method, error))

    def answered(self, method: Method, took_s: float) -> None:
        self.times.append((method, took_s))


class RecordingRuntime:
    """What answers the calls of a plugin; says that all updates failed, or raises."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.requests: list[UpdateContainersRequest] = []
        self.faults: list[tuple[Method, Exception]] = []

    def update_containers(self, request: UpdateContainersRequest) -> UpdateContainersResponse:
        self.requests.append(request)
        if self.raises is not None:
            raise self.raises
        return UpdateContainersResponse(failed=request.update)

    def fault(self, method: Method, error: Exception) -> None:
        self.faults.append((method, error))


@asynccontextmanager
async def served(
    service: ScriptedService, side: Side = Side.PLUGIN, limits: Limits | None = None
) -> AsyncIterator[tuple[Connection, RawPeer]]:
    """A connection with a peer at the other end that is driven by hand."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(Session(side, limits or Limits()), service)
    peer_side = Side.RUNTIME if side is Side.PLUGIN else Side.PLUGIN
    peer = RawPeer(theirs, Session(peer_side, Limits(max_pending_calls=2000)))
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
    try:
        yield connection, peer
    finally:
        connection.abort()
        theirs.close()
        await connection.wait_closed()


@asynccontextmanager
async def linked(
    handler: RecordingPlugin,
    runtime: RecordingRuntime | None = None,
    settings: RuntimeSettings | None = None,
) -> AsyncIterator[tuple[PluginConnection, PluginLink]]:
    """A plugin that is registered at a runtime; real connections on both sides."""
    ours, theirs = socket.socketpair()
    plugin, link = await asyncio.gather(
        connect(InheritedEndpoint(theirs.detach()), IDENTITY, handler),
        PluginLink.accept(ours, runtime or RecordingRuntime(), settings or RuntimeSettings()),
    )
    try:
        yield plugin, link
    finally:
        plugin.abort()
        link.abort()
        await plugin.wait_closed()
        await link.wait_closed()
