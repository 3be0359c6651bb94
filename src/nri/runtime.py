"""The runtime's end, for simulators and tests: one link per plugin.

It does to a plugin what containerd does: waits for the registration, configures, and
drops a plugin that does not answer in time.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

from google.protobuf.message import Message

from nri.connection import Connection
from nri.endpoint import INDEX_FORM, NAME_FORM
from nri.errors import LinkTimedOut, NriError, Refusal, RegistrationFailed, Status, StatusError
from nri.limits import MIB, Limits
from nri.messages import (
    VALID_MASK,
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
    mask_of,
)
from nri.services import (
    CONFIGURE,
    CREATE_CONTAINER,
    DEDICATED,
    STATE_CHANGE,
    STOP_CONTAINER,
    SYNCHRONIZE,
    UPDATE_CONTAINER,
    Method,
    Side,
)
from nri.session import RequestReceived, Session
from nri.synchronize import cut
from nri.version import parse_version

_RESTRICTS_NAMES = (0, 12, 0)


class Delivery(Enum):
    """How events that only inform are sent."""

    DEDICATED = "dedicated"
    """A method for each event (NRI 0.12); StateChange once a plugin does not know one."""
    STATE_CHANGE = "state-change"
    """StateChange for all (before NRI 0.12)."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What the runtime is and how long it waits; the defaults are those of containerd 2.3."""

    name: str = "containerd"
    version: str = "2.3.4"
    nri_version: str = "v0.12.0"
    """Empty for a runtime before NRI 0.12. Since then the name of a plugin must be of
    `endpoint.NAME_FORM`; before, it must only not be empty."""
    delivery: Delivery = Delivery.DEDICATED
    valid_mask: int = VALID_MASK
    """A plugin that subscribes to any other bit is dropped; VALID_MASK_OLD before NRI 0.10."""
    registration_timeout_s: float = 5.0
    request_timeout_s: float = 2.0
    tells_timeouts: bool = True
    """Whether Configure carries the two timeouts; False for a runtime before NRI 0.7."""


class RuntimeHandler(Protocol):
    """What answers the calls of a plugin."""

    def update_containers(
        self, request: UpdateContainersRequest
    ) -> "UpdateContainersResponse | asyncio.Future[Message]":
        """Applies unsolicited updates, or raises Refusal; a runtime busy with an event promises."""

    def fault(self, method: Method, error: Exception) -> None:
        """Is told of an exception that `update_containers` raised, Refusal aside."""


class _RuntimeService:
    """Brings the calls of a plugin to a handler."""

    def __init__(self, handler: RuntimeHandler, nri_version: str) -> None:
        release = parse_version(nri_version)
        self._handler = handler
        self._restricts_names = release is not None and release >= _RESTRICTS_NAMES
        self.registered: asyncio.Future[RegisterPluginRequest] = (
            asyncio.get_running_loop().create_future()
        )

    def handle(self, request: RequestReceived) -> "Message | asyncio.Future[Message]":
        match request.message:
            case RegisterPluginRequest() as message:
                return self._register(message)
            case UpdateContainersRequest() as message:
                return self._handler.update_containers(message)
            case _:
                raise AssertionError(f"{request.method} is served, but nothing handles it")

    def fault(self, method: Method, error: Exception) -> None:
        self._handler.fault(method, error)

    def answered(self, method: Method, took_s: float) -> None:
        """Does nothing: no plugin has a deadline for a runtime."""

    def _register(self, request: RegisterPluginRequest) -> Empty:
        if not request.plugin_name:
            raise Refusal("invalid (empty) plugin name")
        if self._restricts_names and NAME_FORM.fullmatch(request.plugin_name) is None:
            raise Refusal(f"invalid plugin name: {request.plugin_name!r}")
        if INDEX_FORM.fullmatch(request.plugin_idx) is None:
            raise Refusal(f"invalid plugin index: {request.plugin_idx!r}")
        if not self.registered.done():
            self.registered.set_result(request)
        return Empty()


class PluginLink:
    """A registered and configured plugin. Made by `accept`.

    A call that gets no answer in time aborts the link and raises LinkTimedOut; a refusal by
    the plugin raises StatusError; all calls on a link that ended raise why it ended.
    An event to which the plugin did not subscribe is not sent.

    Args:
        connection: The connection.
        settings: What the runtime is.
        registration: What the plugin told of itself.
    """

    def __init__(
        self, connection: Connection, settings: RuntimeSettings, registration: RegisterPluginRequest
    ) -> None:
        self.name = registration.plugin_name
        self.index = registration.plugin_idx
        self.mask = 0
        self._connection = connection
        self._settings = settings
        self._delivery = settings.delivery

    @classmethod
    async def accept(
        cls,
        sock: socket.socket,
        handler: RuntimeHandler,
        settings: RuntimeSettings = RuntimeSettings(),  # frozen
        *,
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> "PluginLink":
        """Takes a new connection, waits for the registration, and configures the plugin.

        Args:
            sock: A connected unix stream socket; owned by the link from now on.
            handler: What answers the calls of the plugin.
            settings: What the runtime is.
            limits: What is accepted and sent.

        Returns:
            The link.

        Raises:
            RegistrationFailed: The plugin did not register and configure in time, closed,
                broke the protocol, or asked for events that do not exist.
        """
        service = _RuntimeService(handler, settings.nri_version)
        connection = Connection(Session(Side.RUNTIME, limits), service)
        sock.settimeout(0)  # non-blocking
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: connection, sock)
        try:
            async with asyncio.timeout(settings.registration_timeout_s):
                registration = await connection.until(service.registered)
            link = cls(connection, settings, registration)
            await link._configure()
        except TimeoutError:
            connection.abort()
            raise RegistrationFailed(
                f"no registration within {settings.registration_timeout_s:g} s"
            ) from None
        except NriError as error:
            connection.abort()
            raise RegistrationFailed(str(error)) from error
        except BaseException:
            connection.abort()
            raise
        return link

    def subscribes(self, event: Event) -> bool:
        """Tells whether the plugin wants an event."""
        return bool(self.mask & mask_of([event]))

    async def synchronize(
        self,
        pods: Sequence[PodSandbox],
        containers: Sequence[Container],
        *,
        chunk_bytes: int = 4 * MIB - 1024,
    ) -> list[ContainerUpdate]:
        """Tells the plugin all that runs. All chunks share one request timeout.

        Args:
            pods: All pods.
            containers: All containers.
            chunk_bytes: Cut the state into messages of this size; by default just below the
                maximum of ttrpc.

        Returns:
            The updates that the plugin asks for.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.request_timeout_s
        updates: list[ContainerUpdate] = []
        for chunk in cut(pods, containers, chunk_bytes):
            response = await self._synchronize_chunk(chunk, max(end - loop.time(), 0.001))
            updates = list(response.update)
        return updates

    async def create_container(self, request: CreateContainerRequest) -> CreateContainerResponse:
        """Asks the plugin to adjust a new container."""
        if not self.subscribes(Event.CREATE_CONTAINER):
            return CreateContainerResponse()
        return cast("CreateContainerResponse", await self._call(CREATE_CONTAINER, request))

    async def update_container(self, request: UpdateContainerRequest) -> UpdateContainerResponse:
        """Asks the plugin about a change of resources."""
        if not self.subscribes(Event.UPDATE_CONTAINER):
            return UpdateContainerResponse()
        return cast("UpdateContainerResponse", await self._call(UPDATE_CONTAINER, request))

    async def stop_container(self, request: StopContainerRequest) -> StopContainerResponse:
        """Tells the plugin that a container stopped."""
        if not self.subscribes(Event.STOP_CONTAINER):
            return StopContainerResponse()
        return cast("StopContainerResponse", await self._call(STOP_CONTAINER, request))

    async def state_change(
        self, event: Event, pod: PodSandbox, container: Container | None = None
    ) -> None:
        """Tells the plugin of an event that only informs.

        Args:
            event: One of `services.DEDICATED`.
            pod: The pod.
            container: The container; None for events of pods.
        """
        if not self.subscribes(event):
            return
        if self._delivery is Delivery.DEDICATED and await self._call_dedicated(
            event, pod, container
        ):
            return
        change = StateChangeEvent(event=event.name, pod=pod, container=container)
        await self._call(STATE_CHANGE, change)

    async def wait_closed(self) -> NriError | None:
        """Waits for the end. Returns why, or None if it was closed from this side."""
        return await self._connection.wait_closed()

    def hold(self) -> None:
        """Reads nothing more from the plugin: to its caller it looks as if it hung."""
        self._connection.hold()

    def close(self) -> None:
        """Closes after what is waiting has been written. May be called repeatedly."""
        self._connection.close()

    def abort(self) -> None:
        """Closes at once. May be called repeatedly."""
        self._connection.abort()

    async def _configure(self) -> None:
        settings = self._settings
        request = ConfigureRequest(
            runtime_name=settings.name,
            runtime_version=settings.version,
            NRI_version=settings.nri_version,
        )
        if settings.tells_timeouts:
            request.registration_timeout = int(settings.registration_timeout_s * 1000)
            request.request_timeout = int(settings.request_timeout_s * 1000)
        response = cast("ConfigureResponse", await self._call(CONFIGURE, request))
        if response.events & ~settings.valid_mask:
            raise RegistrationFailed(f"invalid plugin events: {response.events:#x}")
        self.mask = response.events or settings.valid_mask

    async def _synchronize_chunk(
        self, chunk: SynchronizeRequest, timeout_s: float
    ) -> SynchronizeResponse:
        response = cast("SynchronizeResponse", await self._call(SYNCHRONIZE, chunk, timeout_s))
        if chunk.more and (not response.more or response.update):
            failure = RegistrationFailed("plugin does not handle split sync requests")
            self._connection.abort(failure)
            raise failure
        return response

    async def _call_dedicated(
        self, event: Event, pod: PodSandbox, container: Container | None
    ) -> bool:
        method = DEDICATED[event]
        make = cast("Any", method.request)
        request = make(pod=pod) if container is None else make(pod=pod, container=container)
        try:
            await self._call(method, request)
        except StatusError as error:
            if error.code is not Status.UNIMPLEMENTED:
                raise
            self._delivery = Delivery.STATE_CHANGE
            return False
        return True

    async def _call(
        self, method: Method, request: Message, timeout_s: float | None = None
    ) -> Message:
        timeout_s = self._settings.request_timeout_s if timeout_s is None else timeout_s
        try:
            return await self._connection.call(method, request, timeout_s)
        except TimeoutError:
            failure = LinkTimedOut(method.name, timeout_s)
            self._connection.abort(failure)
            raise failure from None
