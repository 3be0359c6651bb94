"""The plugin's end: find the runtime, register, serve its events.

`connect` opens one connection and does not repeat itself; supervision is the caller's.
The handler is synchronous and works in memory only: a runtime drops a plugin that takes
longer than 2 s for one event, and goes on without it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from google.protobuf.message import Message

from nri.connection import Connection
from nri.endpoint import Endpoint, Identity, open_endpoint
from nri.errors import NriError, RegistrationFailed
from nri.limits import Limits
from nri.messages import (
    ConfigureRequest,
    ConfigureResponse,
    Container,
    ContainerUpdate,
    CreateContainerRequest,
    CreateContainerResponse,
    Empty,
    Event,
    PodSandbox,
    RegisterPluginRequest,
    StateChangeEvent,
    StopContainerRequest,
    StopContainerResponse,
    SynchronizeRequest,
    SynchronizeResponse,
    UpdateContainerRequest,
    UpdateContainerResponse,
    UpdateContainersRequest,
    UpdateContainersResponse,
)
from nri.services import (
    CONFIGURE,
    PLUGIN_METHODS,
    REGISTER_PLUGIN,
    SYNCHRONIZE,
    UPDATE_CONTAINERS,
    UPDATE_POD_SANDBOX,
    VALIDATE_CONTAINER_ADJUSTMENT,
    Method,
    Side,
)
from nri.session import RequestReceived, Session
from nri.synchronize import ChunkMerger
from nri.version import parse_version

_SERVED = PLUGIN_METHODS - {UPDATE_POD_SANDBOX, VALIDATE_CONTAINER_ADJUSTMENT}
_BEFORE_EVENTS = (CONFIGURE, SYNCHRONIZE)
_SAFE_UNSOLICITED = (0, 12, 1)


class PluginHandler(Protocol):
    """What a plugin does. Synchronous, in memory only, called in the order of the trunk."""

    def configure(self, request: ConfigureRequest) -> int:
        """Learns of the runtime. Returns the event mask, see `mask_of`; never 0."""

    def synchronize(
        self, pods: Sequence[PodSandbox], containers: Sequence[Container]
    ) -> Sequence[ContainerUpdate]:
        """Learns of all that runs, chunks merged. Returns updates of running containers."""

    def create_container(self, request: CreateContainerRequest) -> CreateContainerResponse:
        """Adjusts a new container, or raises Refusal. The only way to keep it from running."""

    def update_container(self, request: UpdateContainerRequest) -> UpdateContainerResponse:
        """Answers a change of resources, or raises Refusal."""

    def stop_container(self, request: StopContainerRequest) -> StopContainerResponse:
        """Learns that a container stopped. Returns updates of others."""

    def state_change(self, event: Event, pod: PodSandbox, container: Container | None) -> None:
        """Learns of any other event. `container` is None for events of pods."""

    def shutdown(self) -> None:
        """Learns that the runtime goes down. No runtime known so far says so."""

    def fault(self, method: Method, error: Exception) -> None:
        """Is told of an exception that one of the others raised, Refusal aside."""

    def answered(self, method: Method, took_s: float) -> None:
        """Is told how long a request took, in seconds, from its read to its answer."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of `connect`, in seconds."""

    connect_s: float = 5.0
    """Until the socket is connected."""
    register_s: float = 30.0
    """Until the runtime has registered and configured the plugin. Long, because a silent
    client before this one blocks the runtime's accept loop for 5 s each."""


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What the runtime told of itself in Configure."""

    name: str
    version: str
    nri_version: str
    """Such as "v0.12.1"; empty before NRI 0.12."""
    registration_timeout_s: float | None
    """None before NRI 0.7."""
    request_timeout_s: float | None
    """What every handler, and all synchronisation chunks together, must stay below. None
    before NRI 0.7."""

    @classmethod
    def of(cls, request: ConfigureRequest) -> "RuntimeInfo":
        """Reads a Configure request; its timeouts are in milliseconds."""
        return cls(
            request.runtime_name,
            request.runtime_version,
            request.NRI_version,
            request.registration_timeout / 1000 or None,
            request.request_timeout / 1000 or None,
        )

    @property
    def nri_release(self) -> tuple[int, int, int] | None:
        """The NRI version as numbers, or None if it is not told or no version."""
        return parse_version(self.nri_version)

    @property
    def unsolicited_updates_are_safe(self) -> bool:
        """Whether UpdateContainers cannot dead-lock the runtime: NRI 0.12.1 or newer."""
        return self.nri_release is not None and self.nri_release >= _SAFE_UNSOLICITED

    @property
    def keeps_failed_sync(self) -> bool:
        """Whether a plugin whose synchronisation failed stays connected and is never called.

        NRI before 0.7, which tells no timeouts. A later one closes the connection.
        """
        return self.request_timeout_s is None


class _PluginService:
    """Brings requests to a handler."""

    def __init__(self, handler: PluginHandler, max_sync_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        self._handler = handler
        self._merger = ChunkMerger(max_sync_bytes)
        self.configured: asyncio.Future[RuntimeInfo] = loop.create_future()
        self.synchronized: asyncio.Future[None] = loop.create_future()
        self.called: asyncio.Future[None] = loop.create_future()

    def handle(self, request: RequestReceived) -> Message:
        match request.message:
            case ConfigureRequest() as message:
                return self._configure(message)
            case SynchronizeRequest() as message:
                return self._synchronize(message)
            case CreateContainerRequest() as message:
                return self._handler.create_container(message)
            case UpdateContainerRequest() as message:
                return self._handler.update_container(message)
            case StopContainerRequest() as message:
                return self._handler.stop_container(message)
            case StateChangeEvent() as message:
                return self._state_change(message)
            case Empty():
                self._handler.shutdown()
                return Empty()
            case message:
                return self._dedicated(request.method, message)

    def fault(self, method: Method, error: Exception) -> None:
        self._handler.fault(method, error)

    def answered(self, method: Method, took_s: float) -> None:
        self._handler.answered(method, took_s)
        if not self.called.done() and method not in _BEFORE_EVENTS:
            self.called.set_result(None)

    def _configure(self, request: ConfigureRequest) -> ConfigureResponse:
        mask = self._handler.configure(request)
        if mask == 0:
            raise AssertionError("mask 0 would subscribe to every event, validation included")
        if not self.configured.done():
            self.configured.set_result(RuntimeInfo.of(request))
        return ConfigureResponse(events=mask)

    def _synchronize(self, request: SynchronizeRequest) -> SynchronizeResponse:
        merged = self._merger.add(request)
        if merged is None:
            return SynchronizeResponse(more=True)
        try:
            updates = self._handler.synchronize(merged.pods, merged.containers)
        except Exception as error:
            self._fail_synchronized(error)
            raise
        if not self.synchronized.done():
            self.synchronized.set_result(None)
        return SynchronizeResponse(update=updates)

    def _fail_synchronized(self, error: Exception) -> None:
        if not self.synchronized.done():
            self.synchronized.set_exception(error)
            self.synchronized.exception()  # nobody is obliged to wait for it

    def _state_change(self, message: StateChangeEvent) -> Empty:
        try:
            event = Event(message.event)
        except ValueError:
            return Empty()  # of a newer runtime; nobody subscribed to it
        container = message.container if message.HasField("container") else None
        self._handler.state_change(event, message.pod, container)
        return Empty()

    def _dedicated(self, method: Method, message: Message) -> Message:
        if method.event is None:
            raise AssertionError(f"{method} is served, but nothing handles it")
        fields = cast("Any", message)
        container = fields.container if "container" in message.DESCRIPTOR.fields_by_name else None
        self._handler.state_change(method.event, fields.pod, container)
        return method.response()


class PluginConnection:
    """A registered and configured connection to a runtime. Made by `connect`.

    Args:
        connection: The connection.
        runtime: What the runtime told of itself.
        synchronized: Done when the handler has been synchronised.
        called: Done when it has answered an event.
    """

    def __init__(
        self,
        connection: Connection,
        runtime: RuntimeInfo,
        synchronized: asyncio.Future[None],
        called: asyncio.Future[None],
    ) -> None:
        self.runtime = runtime
        self._connection = connection
        self._synchronized = synchronized
        self._called = called

    async def wait_synchronized(self) -> None:
        """Waits until the handler has been synchronised.

        There is no deadline here: a runtime may delay it for as long as any container takes
        to stop, and containerd 1.7 never synchronises a pre-installed plugin.

        Raises:
            NriError: The connection ended first.
            Exception: What `synchronize` of the handler raised.
        """
        await self._connection.until(self._synchronized)

    async def wait_called(self) -> None:
        """Waits until the handler has answered its first event.

        Only that proves that the runtime counts on the plugin; see
        `RuntimeInfo.keeps_failed_sync`.

        Raises:
            NriError: The connection ended first.
        """
        await self._connection.until(self._called)

    async def wait_closed(self) -> NriError | None:
        """Waits for the end. Returns why, or None if it was closed from this side."""
        return await self._connection.wait_closed()

    async def update_containers(
        self, updates: Sequence[ContainerUpdate], timeout_s: float
    ) -> UpdateContainersResponse:
        """Asks the runtime to update containers, unsolicited.

        Dangerous: never wait for it inside a handler, where it hangs until the runtime drops
        the plugin. On a runtime with NRI before 0.12.1 do not call it at all: if any pod or
        container event overlaps, the runtime can dead-lock for ever, and only its restart
        helps. See `RuntimeInfo.unsolicited_updates_are_safe`.

        Args:
            updates: At most one per container. Each running one costs about 10 ms.
            timeout_s: How long to wait for the answer. It is not told to the runtime.

        Returns:
            The answer. Entries with `ignore_failure` may have failed without a trace.

        Raises:
            StatusError: Some update failed. Which one is not told; the others are applied.
            TimeoutError: No answer in time. The updates may still be applied.
            NriError: The connection is or was ended.
        """
        request = UpdateContainersRequest(update=updates)
        response = await self._connection.call(UPDATE_CONTAINERS, request, timeout_s)
        return cast("UpdateContainersResponse", response)

    def close(self) -> None:
        """Closes after what is waiting has been written. May be called repeatedly."""
        self._connection.close()

    def abort(self) -> None:
        """Closes at once. May be called repeatedly."""
        self._connection.abort()


async def connect(
    endpoint: Endpoint,
    identity: Identity,
    handler: PluginHandler,
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    timeouts: Timeouts = Timeouts(),  # frozen
) -> PluginConnection:
    """Connects to a runtime and registers there.

    Args:
        endpoint: Where the runtime is.
        identity: Name and index to register under.
        handler: What answers the runtime; called from now on, also before this returns.
        limits: What is accepted and sent.
        timeouts: Deadlines, in seconds.

    Returns:
        The connection, registered and configured, not yet synchronised.

    Raises:
        ConnectFailed: No runtime listens there.
        BadEndpoint: The inherited descriptor is no connection.
        RegistrationFailed: The runtime refused, closed, stayed silent, or is none.
    """
    service = _PluginService(handler, limits.max_sync_bytes)
    connection = Connection(Session(Side.PLUGIN, limits, serves=_SERVED), service)
    await open_endpoint(endpoint, connection, timeouts.connect_s)
    try:
        async with asyncio.timeout(timeouts.register_s):
            runtime = await _register(connection, identity, service.configured)
    except TimeoutError:
        connection.abort()
        raise RegistrationFailed(f"no answer within {timeouts.register_s:g} s") from None
    except NriError as error:
        connection.abort()
        raise RegistrationFailed(str(error)) from error
    except BaseException:
        connection.abort()
        raise
    return PluginConnection(connection, runtime, service.synchronized, service.called)


async def _register(
    connection: Connection, identity: Identity, configured: asyncio.Future[RuntimeInfo]
) -> RuntimeInfo:
    request = RegisterPluginRequest(plugin_name=identity.name, plugin_idx=identity.index)
    await connection.call(REGISTER_PLUGIN, request)
    return await connection.until(configured)
