"""A simulated runtime with a plugin that writes down what it hears."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nri
from nodesim import runtimes
from nodesim.faults import Faults
from nodesim.kernel import Kernel
from nodesim.observer import Mishap
from nodesim.records import Container
from nodesim.runtime import Runtime
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import Event, messages
from weka_cpuset.engine import CpuSet

ALL = CpuSet.parse("0-7")
POD = PodSpec("p", (ContainerSpec("main", Resources(500, 500, 1 << 20, 1 << 20)),))


@dataclass
class Plugin:
    """Hears everything; answers what it is told to answer.

    Attributes:
        heard: Names of events with the container's or pod's id, in order.
        cpus: What a new container gets.
        updates: What the replies to Create, Update and Stop carry, used up by one.
        refuse: Whether creations are refused.
        synced: The ids that each synchronisation listed.
        states: The state of the container that each stop and each other event showed.
    """

    heard: list[str] = field(default_factory=list)
    cpus: str = "1"
    updates: list[messages.ContainerUpdate] = field(default_factory=list)
    refuse: bool = False
    synced: list[list[str]] = field(default_factory=list)
    states: list[messages.ContainerState] = field(default_factory=list)
    on_create: Callable[[], None] = lambda: None

    def configure(self, request: messages.ConfigureRequest) -> int:
        """Subscribe to everything that every runtime knows."""
        del request
        return 0x7FF

    def synchronize(
        self, pods: Sequence[messages.PodSandbox], containers: Sequence[messages.Container]
    ) -> Sequence[messages.ContainerUpdate]:
        """Write down who is there."""
        self.synced.append([*(one.id for one in pods), *(one.id for one in containers)])
        return self._take()

    def create_container(
        self, request: messages.CreateContainerRequest
    ) -> messages.CreateContainerResponse:
        """Pin the container."""
        self.heard.append(f"CREATE {request.container.id}")
        self.on_create()
        if self.refuse:
            raise nri.Refusal("no room")
        return messages.CreateContainerResponse(
            adjust=messages.cpu_adjustment(self.cpus, ""), update=self._take()
        )

    def update_container(
        self, request: messages.UpdateContainerRequest
    ) -> messages.UpdateContainerResponse:
        """Keep the container where it is."""
        self.heard.append(f"UPDATE {request.container.id}")
        own = messages.cpu_update(request.container.id, self.cpus, "")
        return messages.UpdateContainerResponse(update=[*self._take(), own])

    def stop_container(
        self, request: messages.StopContainerRequest
    ) -> messages.StopContainerResponse:
        """Answer with what is to be updated."""
        self.heard.append(f"STOP {request.container.id}")
        self.states.append(request.container.state)
        return messages.StopContainerResponse(update=self._take())

    def state_change(
        self, event: Event, pod: messages.PodSandbox, container: messages.Container | None
    ) -> None:
        """Write it down."""
        if container is not None:
            self.states.append(container.state)
        name = event.name.removesuffix("_CONTAINER").removesuffix("_SANDBOX")
        self.heard.append(f"{name} {pod.id if container is None else container.id}")

    def shutdown(self) -> None:
        """No runtime calls this."""
        raise AssertionError

    def answered(self, method: nri.Method, took_s: float) -> None:
        """Do nothing."""

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Let a defect of the test be seen."""
        raise AssertionError(method) from error

    def _take(self) -> list[messages.ContainerUpdate]:
        taken, self.updates = self.updates, []
        return taken


@dataclass
class Notes:
    """Everything that an observer of the runtime is told."""

    events: list[str] = field(default_factory=list)
    mishaps: list[Mishap] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    placer: str | None = None
    synchronized: asyncio.Event = field(default_factory=asyncio.Event)
    on_noticed: Callable[[Container], None] = lambda _: None

    def event(self, event: Event, subject: str) -> None:
        """An event happens."""
        del subject
        self.events.append(event.name)

    def made(self, container: Container) -> None:
        """A container has a cgroup."""

    def started(self, container: Container) -> None:
        """Plugins were told of a start."""

    def resized(self, container: Container, resources: Resources, *, answered: bool) -> None:
        """A container is resized."""

    def exited(self, container: Container) -> None:
        """A process is gone."""
        self.exits.append(container.exit_code)

    def noticed(self, container: Container) -> None:
        """The end of a process is shown."""
        self.on_noticed(container)

    def mishap(self, container: Container, mishap: Mishap) -> None:
        """Something was kept from a container."""
        del container
        self.mishaps.append(mishap)

    def plugin_synchronized(self, name: str) -> None:
        """A plugin is at work."""
        del name
        self.synchronized.set()

    def plugin_left(self, name: str, reason: str) -> None:
        """A plugin is gone."""
        self.left.append(f"{name}: {reason}")

    def plugin_forgotten(self, name: str) -> None:
        """A plugin is never called again."""
        self.forgotten.append(name)


@dataclass
class Host:
    """A runtime with one plugin."""

    runtime: Runtime
    kernel: Kernel
    faults: Faults
    notes: Notes
    plugin: Plugin
    connection: nri.PluginConnection
    socket: Path

    async def running(self, pod: PodSpec = POD) -> tuple[str, str]:
        """Start a pod of one container; return the ids of sandbox and container."""
        sandbox = await self.runtime.run_pod_sandbox(pod)
        container = await self.runtime.create_container(sandbox, pod.containers[0])
        await self.runtime.start_container(container)
        return sandbox, container

    def cpus(self, container_id: str) -> CpuSet:
        """Return what the kernel enforces for a container."""
        (path,) = (one.path for one in self.runtime.containers if one.id == container_id)
        return self.kernel.read_cpus(path)

    async def connect(self, plugin: Plugin, index: str) -> nri.PluginConnection:
        """Connect one more plugin and wait until it is synchronized."""
        self.notes.synchronized.clear()
        endpoint, identity = nri.SocketEndpoint(str(self.socket)), nri.Identity("other", index)
        connection = await nri.connect(endpoint, identity, plugin)
        await self.notes.synchronized.wait()
        return connection


@contextlib.asynccontextmanager
async def host(kind: str = "containerd-2.1") -> AsyncIterator[Host]:
    """Start a runtime and connect a plugin to it."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "s"
        notes, faults = Notes(), Faults(lambda *_: None)
        kernel = Kernel(ALL, CpuSet.parse("0"))
        runtime = Runtime(runtimes.find(kind), socket, kernel, faults, notes)
        runtime.start()
        plugin = Plugin()
        identity = nri.Identity("test", "50")
        connection = await nri.connect(nri.SocketEndpoint(str(socket)), identity, plugin)
        await notes.synchronized.wait()
        try:
            yield Host(runtime, kernel, faults, notes, plugin, connection, socket)
        finally:
            connection.abort()
            runtime.stop()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
