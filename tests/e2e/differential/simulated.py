"""The simulated runtime as a stage."""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from os import sysconf
from pathlib import Path
from unittest.mock import patch

import nri
from nodesim import clock, records, runtimes
from nodesim.actions import Fault, FaultKind
from nodesim.agent import AgentProcess, logged
from nodesim.faults import Faults
from nodesim.kernel import Kernel
from nodesim.observer import CriError, Mishap
from nodesim.records import Container, Phase, Sandbox
from nodesim.runtime import Runtime
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import Event
from tests.e2e import pods
from tests.e2e.differential.play import PUSH_TIMEOUT_S, CallFailed, Played, play
from tests.e2e.differential.scenes import BRIEF, NO_PROGRAM, Scene
from tests.e2e.differential.witness import Witness
from tests.e2e.kernel import online_cpus
from tests.e2e.pods import SLEEP
from weka_cpuset import settings
from weka_cpuset.engine import CpuSet
from weka_cpuset.sysfs import read_topology

SETTLE_S = 3.0
"""Virtual seconds after which nothing is under way any more."""

SHOWN = {
    Phase.CREATED: "CREATED",
    Phase.STARTING: "CREATED",
    Phase.RUNNING: "RUNNING",
    Phase.EXITED: "EXITED",
}


def play_simulated(scene: Scene, kind: str) -> tuple[Played, ...]:
    """Play a scene on the simulated runtime of a kind, on virtual time."""

    async def main() -> tuple[Played, ...]:
        async with _stage(scene, kind) as stage:
            return await play(scene, stage)

    memory = sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES")
    quiet = logged(logging.NullHandler(), logging.CRITICAL)
    with patch.object(records, "MACHINE_MEMORY", memory), quiet:
        return clock.run(main())


@asynccontextmanager
async def _stage(scene: Scene, kind: str) -> AsyncIterator["SimulatedStage"]:
    with tempfile.TemporaryDirectory() as folder:
        stage = SimulatedStage(scene, kind, Path(folder) / "s")
        stage.runtime.start()
        try:
            yield stage
        finally:
            await stage.stop_agent(kill=True)
            await stage.stop_plugin()
            stage.runtime.stop()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


class SimulatedStage:
    """A simulated runtime with the witness as its plugin.

    Args:
        scene: The scene to be played.
        kind: Which runtime is simulated.
        socket: Where the two meet.

    Attributes:
        witness: The plugin.
        runtime: The runtime.
    """

    def __init__(self, scene: Scene, kind: str, socket: Path) -> None:
        self.witness = Witness(scene.pins, "", silent=bool(scene.plays))
        self._scene = scene
        self._socket = socket
        self._kernel = Kernel(CpuSet.of(online_cpus()), CpuSet.of([0]))
        self._faults = Faults(lambda *_: None)
        self._arrivals = _Arrivals()
        self.runtime = Runtime(
            runtimes.find(kind), socket, self._kernel, self._faults, self._arrivals
        )
        self._plugin: nri.PluginConnection | None = None
        self._runs = True
        self._agent: AgentProcess | None = None
        self._sandboxes: dict[str, str] = {}
        self._containers: dict[str, str] = {}

    async def run_pod(self, pod: str) -> None:
        """Make a pod's sandbox."""
        with _failures():
            spec = simulated_pod(self._scene.pod(pod))
            self._sandboxes[pod] = await self.runtime.run_pod_sandbox(spec)

    async def create(self, container: str) -> None:
        """Create a container."""
        pod, spec = self._scene.find(container)
        with _failures():
            self._containers[container] = await self.runtime.create_container(
                self._sandboxes[pod.name], _container(spec)
            )

    async def start(self, container: str) -> None:
        """Start a container."""
        _, spec = self._scene.find(container)
        if spec.command == NO_PROGRAM:
            self._faults.arm(Fault(FaultKind.FAIL_START))
        with _failures():
            await self.runtime.start_container(self._containers[container])

    async def resize(self, container: str, cpu_limit: str) -> None:
        """Change a container's cpu limit."""
        _, spec = self._scene.find(container)
        resized = replace(spec, cpu_limit=cpu_limit, cpu_request=cpu_limit)
        with _failures():
            await self.runtime.update_container_resources(
                self._containers[container], _container(resized).resources
            )

    async def stop(self, container: str, grace_s: int) -> None:
        """Stop a container."""
        with _failures():
            await self.runtime.stop_container(self._containers[container], grace_s)

    async def remove(self, container: str) -> None:
        """Remove a container."""
        with _failures():
            await self.runtime.remove_container(self._containers[container])

    async def stop_pod(self, pod: str) -> None:
        """Stop a pod's sandbox."""
        with _failures():
            await self.runtime.stop_pod_sandbox(self._sandboxes[pod])

    async def remove_pod(self, pod: str) -> None:
        """Remove a pod's sandbox."""
        with _failures():
            await self.runtime.remove_pod_sandbox(self._sandboxes[pod])

    async def await_exit(self, container: str) -> None:
        """Wait until a container has ended by itself."""
        (one,) = (one for one in self.runtime.containers if one.id == self._containers[container])
        await one.exited.wait()

    async def kill(self, container: str) -> None:
        """Kill a container's process."""
        (one,) = (one for one in self.runtime.containers if one.id == self._containers[container])
        self.runtime._exit(one, 137)

    async def stop_plugin(self) -> None:
        """End the plugin's connection."""
        if self._plugin is not None:
            self._plugin.abort()
            await self._plugin.wait_closed()
            self._plugin = None

    async def start_plugin(self) -> None:
        """Connect the plugin; return when it has been synchronized."""
        arrival = self._arrivals.expect("witness")
        endpoint = nri.SocketEndpoint(str(self._socket))
        self._plugin = await nri.connect(endpoint, nri.Identity("witness", "50"), self.witness)
        await arrival.wait()

    async def hang(self, event: Event) -> None:
        """Let the plugin answer the next event of a kind too late."""
        self._faults.arm(Fault(FaultKind.DELAY, event=event.name))

    async def push(self, updates: Mapping[str, str]) -> None:
        """Let the plugin update containers outside of any reply."""
        assert self._plugin is not None
        with _failures():
            await self._plugin.update_containers(self.witness.updates(updates), PUSH_TIMEOUT_S)

    async def start_agent(self) -> None:
        """Start the agent; return when it has been synchronized."""
        arrival = self._arrivals.expect("weka-cpuset")
        chosen = settings.load(None, {}, {})
        chosen = replace(chosen, nri=replace(chosen.nri, socket=self._socket))
        self._agent = AgentProcess(
            chosen, lambda: read_topology(chosen.sysfs), self._kernel, self._ended
        )
        self._agent.start()
        await arrival.wait()

    async def stop_agent(self, *, kill: bool) -> None:
        """Ask the agent to end, or kill it: the connection ends, and the memory is lost."""
        del kill
        if self._agent is not None:
            await self._agent.end()
            self._agent = None

    def _ended(self, reason: str) -> None:
        raise AssertionError(f"the agent ended by itself: {reason}")

    async def stop_runtime(self) -> None:
        """Kill the runtime."""
        self._runs = False
        self.runtime.stop()

    async def start_runtime(self) -> None:
        """Start the runtime again; return when agent and plugin are at work, if they were."""
        arrival = self._arrivals.expect("weka-cpuset")
        self._runs = True
        self.runtime.start()
        await self.start_plugin()
        if self._agent is not None:
            await arrival.wait()

    async def settle(self, before: int, expected: Played | None) -> None:
        """Wait until nothing happens any more."""
        del before, expected
        await asyncio.sleep(SETTLE_S)

    async def look(self) -> list[str]:
        """Return what runtime and kernel show of each pod and container."""
        lines = [*map(self._applied, self._kernel.paths)]
        if self._runs:
            lines += [f"pod {one.spec.name} {_state(one)}" for one in self.runtime.sandboxes]
            lines += [
                f"container {self.witness.name_of(one.id)} {SHOWN[one.phase]}"
                for one in self.runtime.containers
            ]
        return sorted(filter(None, lines))

    def _applied(self, path: str) -> str:
        cgroup = self._kernel.get(path)
        if cgroup is None or not cgroup.processes:
            return ""
        name = self.witness.name_of(path.rpartition("/")[2])
        return f"applied to {name}: cpus {cgroup.cpus} nodes {cgroup.mems}"


class _Arrivals:
    """Looks at nothing but the synchronization of plugins."""

    placer: str | None = None

    def __init__(self) -> None:
        self._expected: dict[str, asyncio.Event] = {}

    def expect(self, name: str) -> asyncio.Event:
        """Return what is set when a plugin is synchronized from now on."""
        return self._expected.setdefault(name, asyncio.Event())

    def event(self, event: Event, subject: str) -> None:
        """An event happens."""

    def made(self, container: Container) -> None:
        """A container has a cgroup."""

    def started(self, container: Container) -> None:
        """A container runs."""

    def resized(self, container: Container, resources: Resources, *, answered: bool) -> None:
        """A container is resized."""

    def exited(self, container: Container) -> None:
        """A process is gone."""

    def noticed(self, container: Container) -> None:
        """The end of a process is shown."""

    def mishap(self, container: Container, mishap: Mishap) -> None:
        """Something was kept from a container."""

    def plugin_synchronized(self, name: str) -> None:
        """A plugin is at work."""
        if name in self._expected:
            self._expected.pop(name).set()

    def plugin_left(self, name: str, reason: str) -> None:
        """A plugin is gone."""

    def plugin_forgotten(self, name: str) -> None:
        """A plugin's connection is kept, and it is never called again."""


@contextmanager
def _failures() -> Iterator[None]:
    """Turn a failed call into CallFailed."""
    try:
        yield
    except (CriError, nri.StatusError) as error:
        raise CallFailed(str(error)) from error


def _state(sandbox: Sandbox) -> str:
    return "NOTREADY" if sandbox.stopped else "READY"


def simulated_pod(spec: pods.PodSpec) -> PodSpec:
    """Return a pod of the end-to-end tests as the simulator knows it."""
    containers = tuple(map(_container, spec.containers))
    return PodSpec(
        spec.name, containers, spec.namespace, uid=spec.uid, annotations=spec.annotations
    )


def _container(spec: pods.ContainerSpec) -> ContainerSpec:
    resources = Resources(
        spec.cpu_request_m, spec.cpu_limit_m, spec.memory_request_bytes, spec.memory_limit_bytes
    )
    life_s = 0.5 if spec.command == BRIEF else None
    return ContainerSpec(spec.name, resources, life_s=life_s, heeds_term=spec.command == SLEEP)
