"""A second plugin beside the agent, on the simulation's clock and in real NRI bytes.

It hears everything that a plugin can, and is asked before the agent unless the agent's index
is below its own. Like any plugin it connects again when the runtime has dropped it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import Message

import nri
from nodesim import clock
from nodesim.actions import OtherPluginKind
from nri import messages
from nri.endpoint import open_endpoint
from nri.services import (
    CONFIGURE,
    PLUGIN_METHODS,
    REGISTER_PLUGIN,
    SYNCHRONIZE,
    UPDATE_POD_SANDBOX,
    VALIDATE_CONTAINER_ADJUSTMENT,
)
from weka_cpuset.engine import CpuSet

IDENTITY = nri.Identity("other", "50")
"""Its name, and its place among the plugins."""

SLOW_S = 0.2
"""So long a slow plugin takes for each event, in seconds."""

CONNECT_S = 5.0
"""It gives up connecting after so many seconds."""

RETRY_S = 1.0
"""It connects again this long after its connection has ended, in seconds."""

_SERVED = PLUGIN_METHODS - {UPDATE_POD_SANDBOX, VALIDATE_CONTAINER_ADJUSTMENT}
_AT_THE_START = (CONFIGURE, SYNCHRONIZE)


class OtherPlugin:
    """The second plugin.

    Args:
        kind: What it does.
        socket: Where the runtime is.
        cpus: On which cpus it puts new containers, if it pins any.
        on_hold: Called with how long everybody waits for it from now on, in seconds.
    """

    def __init__(
        self,
        kind: OtherPluginKind,
        socket: Path,
        cpus: CpuSet,
        on_hold: Callable[[float], None],
    ) -> None:
        self._kind = kind
        self._endpoint = nri.SocketEndpoint(str(socket))
        self._cpus = cpus
        self._on_hold = on_hold
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect, and stay connected."""
        self._task = clock.spawn(self._work(), "other plugin")

    async def end(self) -> None:
        """End it where it is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        while True:
            with contextlib.suppress(nri.NriError):
                await self._attend()
            await asyncio.sleep(RETRY_S)

    async def _attend(self) -> None:
        """Be connected once, to the end."""
        connection = nri.Connection(nri.Session(nri.Side.PLUGIN, serves=_SERVED), self)
        try:
            await open_endpoint(self._endpoint, connection, CONNECT_S)
            name, index = IDENTITY.name, IDENTITY.index
            request = messages.RegisterPluginRequest(plugin_name=name, plugin_idx=index)
            await connection.call(REGISTER_PLUGIN, request)
            await connection.wait_closed()
        finally:
            connection.abort()

    # ---- for its connection ----

    def handle(self, request: nri.RequestReceived) -> "Message | asyncio.Future[Message]":
        """Answer a request, or promise to if this plugin is slow."""
        response = self._respond(request)
        if self._kind is not OtherPluginKind.SLOW or request.method in _AT_THE_START:
            return response
        loop = asyncio.get_running_loop()
        promise: asyncio.Future[Message] = loop.create_future()
        self._on_hold(SLOW_S)
        loop.call_later(SLOW_S, promise.set_result, response)
        return promise

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Let a defect of the simulation be seen."""
        raise AssertionError(f"{method.name} failed in the other plugin") from error

    def answered(self, method: nri.Method, took_s: float) -> None:
        """Do nothing: nobody looks at how long it took."""

    def _respond(self, request: nri.RequestReceived) -> Message:
        match request.message:
            case messages.ConfigureRequest():
                return messages.ConfigureResponse(events=nri.VALID_MASK_OLD)
            case messages.SynchronizeRequest() as message:
                return messages.SynchronizeResponse(more=message.more)
            case messages.CreateContainerRequest() if self._kind is OtherPluginKind.PINNING:
                adjustment = messages.cpu_adjustment(str(self._cpus), "")
                return messages.CreateContainerResponse(adjust=adjustment)
            case _:
                return request.method.response()
