"""The runtime's side of NRI: connected plugins, and the order in which they are asked.

Faithful to containerd in what plugins feel: one event at a time on the whole host, plugins
asked in the order of their index, two seconds for each answer, whoever does not answer is
dropped and the event goes on without it. The locks are the real ones, taken in the real
order, dead-locks included.
"""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

import nri
from nodesim import clock
from nodesim.actions import FaultKind
from nodesim.faults import Faults
from nodesim.locks import ReadWriteLock
from nodesim.runtimes import RuntimeKind
from nri import Event, messages

_R = TypeVar("_R")

HALF_A_FRAME = bytes.fromhex("000000010000ffff00")
"""The header of a large frame and one byte of it."""

WHOLE = 1 << 30
"""More bytes than any list of containers has: it is not split."""


class EventFailed(Exception):
    """A plugin said no, or plugins contradict each other.

    Attributes:
        problem: In the runtime's words.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class Conflict(EventFailed):
    """Plugins contradict each other; what any of them wanted is not done.

    Attributes:
        dropped: The updates of other containers that nobody applies now.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.dropped: list[messages.ContainerUpdate] = []


class Behind(Protocol):
    """What the plugins' side needs of the runtime behind it."""

    @property
    def placer(self) -> str | None:
        """Name of the plugin that places containers; None: any does."""

    async def apply(self, updates: Iterable[messages.ContainerUpdate]) -> bool:
        """Apply updates one after the other; tell whether all succeeded."""

    def snapshot(
        self, plugin: str
    ) -> tuple[Sequence[messages.PodSandbox], Sequence[messages.Container]]:
        """List what is told to a plugin that synchronizes."""

    def plugin_synchronized(self, name: str) -> None:
        """Take note that a plugin is at work."""

    def plugin_left(self, name: str, reason: str) -> None:
        """Take note that a plugin is gone."""

    def plugin_forgotten(self, name: str) -> None:
        """Take note that a plugin's connection is kept, and that it is never called again."""


@dataclass(slots=True, eq=False)
class _Peer:
    """A connected plugin, and its bare connection for faults."""

    link: nri.PluginLink
    raw: socket.socket

    @property
    def name(self) -> str:
        return self.link.name

    def close(self) -> None:
        """End the connection from this side."""
        self.link.abort()
        self.raw.close()

    def cut(self) -> None:
        """End the connection as a crash would."""
        with contextlib.suppress(OSError):
            self.raw.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Answer:
    """What all plugins together want for one event.

    Attributes:
        cpus: The cpus of the container at hand; empty: nobody said.
        mems: Its memory nodes, likewise.
        updates: Updates of other containers, in order.
        replied: The plugins that have replied, whatever they want.
    """

    cpus: str = ""
    mems: str = ""
    updates: list[messages.ContainerUpdate] = field(default_factory=list)
    replied: set[str] = field(default_factory=set)
    _claims: dict[tuple[str, str], str] = field(default_factory=dict)

    def claim(self, container_id: str, cpu: messages.LinuxCPU, plugin: str) -> None:
        """Note which fields of a container a plugin sets.

        Raises:
            Conflict: Another plugin has set one of them.
        """
        for name, value in (("CPUSetCPUs", cpu.cpus), ("CPUSetMems", cpu.mems)):
            if value:
                other = self._claims.setdefault((container_id, name), plugin)
                if other != plugin:
                    raise Conflict(f"plugins {other!r} and {plugin!r} both tried to set {name}")

    def places(self, container_id: str, plugin: str | None) -> bool:
        """Tell whether a plugin, or any if None, sets a container's cpus."""
        by = self._claims.get((container_id, "CPUSetCPUs"))
        return by is not None and plugin in (None, by)

    def has_reply_of(self, plugin: str | None) -> bool:
        """Tell whether a plugin, or any if None, has replied."""
        return bool(self.replied) if plugin is None else plugin in self.replied

    def adjust(self, container_id: str, cpu: messages.LinuxCPU, plugin: str) -> None:
        """Take a plugin's cpuset for the container at hand."""
        self.claim(container_id, cpu, plugin)
        self.cpus, self.mems = cpu.cpus or self.cpus, cpu.mems or self.mems

    def update(self, updates: Iterable[messages.ContainerUpdate], plugin: str) -> None:
        """Take a plugin's updates of other containers."""
        for update in updates:
            self.claim(update.container_id, update.linux.resources.cpu, plugin)
            self.updates.append(update)


class Plugins:
    """All connected plugins.

    Args:
        kind: Which runtime this is.
        faults: What is broken on purpose.
        behind: The runtime.

    Attributes:
        delivered: How many events were sent to plugins.
    """

    def __init__(self, kind: RuntimeKind, faults: Faults, behind: Behind) -> None:
        self.delivered = 0
        self._kind = kind
        self._faults = faults
        self._behind = behind
        self._peers: list[_Peer] = []
        self._zombies: list[_Peer] = []
        self._event_lock = asyncio.Lock()
        self._library_lock = asyncio.Lock()
        self._sync_lock = ReadWriteLock() if kind.has_sync_lock else None
        # In order: what ends them all together must do so in the same order each time.
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._listener: socket.socket | None = None

    def open(self, path: Path) -> None:
        """Listen for plugins on a socket; what is at its path gives way."""
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(0)
        self._listener.bind(str(path))
        self._listener.listen()
        self._spawn(self._accept_all(self._listener), "accept plugins")

    def close(self) -> None:
        """End as the runtime's process does: no goodbye, the socket's file stays."""
        for task in self._tasks:
            task.cancel()
        for peer in (*self._peers, *self._zombies):
            peer.close()
        for peer in self._peers:
            self._behind.plugin_left(peer.name, "the runtime ended")
        self._peers.clear()
        self._zombies.clear()
        if self._listener is not None:
            self._listener.close()

    def calling(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Hold the lock that each lifecycle call holds for most of its duration."""
        return contextlib.nullcontext() if self._sync_lock is None else self._sync_lock.reading()

    def turn(self) -> asyncio.Lock:
        """Return the lock of the host's one event at a time."""
        return self._event_lock

    async def create(self, request: messages.CreateContainerRequest) -> Answer:
        """Ask all plugins about a new container; the event's turn must be held.

        Raises:
            EventFailed: One refused it, or they contradict each other.
        """
        own = request.container.id
        answer = Answer()
        event = Event.CREATE_CONTAINER
        replies = await self._ask(event, own, lambda link: link.create_container(request))
        try:
            for peer, reply in replies:
                answer.replied.add(peer)
                answer.adjust(own, reply.adjust.linux.resources.cpu, peer)
                answer.update(reply.update, peer)
        except Conflict as conflict:
            conflict.dropped = [one for _, reply in replies for one in reply.update]
            raise
        if any(update.container_id == own for update in answer.updates):
            raise EventFailed(f"a plugin asked update of {own!r} during creation")
        return answer

    async def update(self, request: messages.UpdateContainerRequest) -> Answer:
        """Ask all plugins about a change of resources; the event's turn must be held.

        Raises:
            EventFailed: One refused it, or they contradict each other.
        """
        own = request.container.id
        answer = Answer()
        event = Event.UPDATE_CONTAINER
        for peer, reply in await self._ask(event, own, lambda link: link.update_container(request)):
            answer.replied.add(peer)
            answer.update(reply.update, peer)
        for update in list(answer.updates):
            if update.container_id == own:
                answer.updates.remove(update)
                cpu = update.linux.resources.cpu
                answer.cpus, answer.mems = cpu.cpus or answer.cpus, cpu.mems or answer.mems
        return answer

    async def stop(self, request: messages.StopContainerRequest) -> Answer:
        """Tell all plugins of a stopped container; the event's turn must be held."""
        answer = Answer()
        event, own = Event.STOP_CONTAINER, request.container.id
        with contextlib.suppress(EventFailed):  # only logged by the runtime
            for peer, reply in await self._ask(
                event, own, lambda link: link.stop_container(request)
            ):
                answer.update(reply.update, peer)
        return answer

    async def tell(
        self, event: Event, pod: messages.PodSandbox, container: messages.Container | None
    ) -> None:
        """Tell all plugins of an event that needs no answer; the event's turn must be held."""
        subject = pod.id if container is None else container.id
        with contextlib.suppress(EventFailed):  # only logged by the runtime
            await self._ask(event, subject, lambda link: link.state_change(event, pod, container))

    def update_containers(
        self, request: messages.UpdateContainersRequest
    ) -> "asyncio.Future[Message]":
        """Promise to apply a plugin's unsolicited updates once no event is under way."""
        # A refusal is an answer. Raised by the task, it would end the simulation.
        promise: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._spawn(self._update_unsolicited(request, promise), "unsolicited update")
        return promise

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Let a defect of the simulation be seen."""
        raise AssertionError(f"{method.name} failed in the simulated runtime") from error

    async def _update_unsolicited(
        self, request: messages.UpdateContainersRequest, promise: "asyncio.Future[Message]"
    ) -> None:
        if self._kind.can_deadlock:
            # Events hold the other lock first: whoever overlaps one waits for ever.
            async with self._library_lock, self._event_lock:
                succeeded = await self._behind.apply(request.update)
        else:
            async with self._event_lock:
                succeeded = await self._behind.apply(request.update)
        if succeeded:
            promise.set_result(messages.UpdateContainersResponse())
        else:
            promise.set_exception(nri.Refusal("NRI update of some containers failed"))

    async def _ask(
        self, event: Event, subject: str, send: Callable[[nri.PluginLink], Awaitable[_R]]
    ) -> list[tuple[str, _R]]:
        """Ask each plugin in turn; drop who does not answer, stop at who says no."""
        replies: list[tuple[str, _R]] = []
        async with self._library_lock:
            for peer in tuple(self._peers):
                if peer.link.subscribes(event):
                    answers = await self._ask_one(peer, event, subject, send)
                    replies += [(peer.name, answer) for answer in answers]
        return replies

    async def _ask_one(
        self,
        peer: _Peer,
        event: Event,
        subject: str,
        send: Callable[[nri.PluginLink], Awaitable[_R]],
    ) -> list[_R]:
        times = self._strike(peer, event, subject) if self._may_strike(peer) else 1
        try:
            self.delivered += times
            return [await send(peer.link) for _ in range(times)]
        except nri.StatusError as refusal:
            raise EventFailed(refusal.message) from refusal
        except nri.NriError as lost:
            self._drop(peer, str(lost))
            return []

    def _may_strike(self, peer: _Peer) -> bool:
        """Tell whether faults wait, and may strike this plugin: only the placer is struck."""
        return bool(self._faults) and self._behind.placer in (None, peer.name)

    def _strike(self, peer: _Peer, event: Event, subject: str) -> int:
        """Let faults strike that wait for this event; return how often it is to be told."""
        strikes = functools.partial(self._faults.strikes, event=event.name, subject=subject)
        times = 2 if strikes(FaultKind.DUPLICATE) else 1
        if strikes(FaultKind.CUT_BEFORE):
            peer.cut()
        if strikes(FaultKind.HALF_FRAME):
            with contextlib.suppress(OSError):
                peer.raw.send(HALF_A_FRAME)
            peer.cut()
        if strikes(FaultKind.DELAY):
            peer.link.hold()
        if strikes(FaultKind.CUT):
            asyncio.get_running_loop().call_soon(peer.cut)
        return times

    def _drop(self, peer: _Peer, reason: str) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
            peer.close()
            self._behind.plugin_left(peer.name, reason)

    async def _accept_all(self, listener: socket.socket) -> None:
        """Take in one plugin after the other, as the runtime does."""
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            raw = sock.dup()
            try:
                link = await nri.PluginLink.accept(sock, self, self._kind.wire)
            except nri.NriError:
                raw.close()
                continue
            peer = _Peer(link, raw)
            try:
                await self._synchronize(peer)
            except asyncio.CancelledError:
                peer.close()
                raise

    async def _synchronize(self, peer: _Peer) -> None:
        alone = contextlib.nullcontext() if self._sync_lock is None else self._sync_lock.writing()
        async with alone, self._event_lock:
            pods, containers = self._behind.snapshot(peer.name)
            chunk_bytes = 4 * 1024 * 1024 - 1024 if self._kind.splits_sync else WHOLE
            self._strike_synchronization(peer)
            try:
                updates = await peer.link.synchronize(pods, containers, chunk_bytes=chunk_bytes)
            except nri.NriError:
                self._refuse_synchronization(peer)
                return
            await self._behind.apply(updates)
            self._peers.append(peer)
            self._peers.sort(key=lambda one: (one.link.index, one.link.name))
        self._behind.plugin_synchronized(peer.name)
        self._spawn(self._watch(peer), "watch a plugin")

    def _strike_synchronization(self, peer: _Peer) -> None:
        if not self._may_strike(peer):
            return
        strikes = self._faults.strikes
        if strikes(FaultKind.DELAY, "SYNCHRONIZE", peer.name):
            peer.link.hold()
        if strikes(FaultKind.CUT, "SYNCHRONIZE", peer.name):
            asyncio.get_running_loop().call_soon(peer.cut)

    def _refuse_synchronization(self, peer: _Peer) -> None:
        if self._kind.keeps_failed_sync:
            self._zombies.append(peer)
            self._behind.plugin_forgotten(peer.name)
        else:
            peer.close()

    async def _watch(self, peer: _Peer) -> None:
        """Notice the end of a connection, also between events."""
        reason = await peer.link.wait_closed()
        self._drop(peer, str(reason or "closed by the runtime"))

    def _spawn(self, work: Coroutine[Any, Any, _R], name: str) -> "asyncio.Task[_R]":
        task = clock.spawn(work, name)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task
