"""A real containerd as a stage."""

import asyncio
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from os import kill
from pathlib import Path
from time import monotonic
from typing import Final

import nri
from nodestress import cgroups
from nodestress import cri_pb2 as pb
from nodestress.cri import CriError
from nodestress.waiting import wait_for
from nri import Event
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.differential.play import PUSH_TIMEOUT_S, CallFailed, Played, play
from tests.e2e.differential.scenes import Scene
from tests.e2e.differential.witness import Witness
from tests.e2e.kubelet import Kubelet, RunningPod

POLL_S: Final = 0.01
TOO_LATE_S: Final = 2.5
"""The runtime waits 2 s for an answer."""
QUIET_S: Final = 0.05
"""Without any event for so long, nothing is under way any more: all events trail what causes
them by some 20 ms, and follow each other faster than that. One that comes later still is seen
as one too many in the next step."""
LATE_S: Final = 4.0
"""What is expected and has not come after this time does not come. The agent lets shared
containers grow within a second of the last event."""


def play_real(
    scene: Scene, runtime: Containerd, expected: tuple[Played, ...]
) -> tuple[Played, ...]:
    """Play a scene on a running containerd.

    Args:
        scene: The scene.
        runtime: The containerd; it has no pods and no plugins.
        expected: What was seen on the simulated one; only how long is waited depends on it.
    """

    async def main() -> tuple[Played, ...]:
        stage = RealStage(scene, runtime)
        try:
            return await play(scene, stage, expected)
        finally:
            await stage.stop_plugin()
            stage.close()

    return asyncio.run(main())


class RealStage:
    """A containerd with the witness as its plugin.

    Args:
        scene: The scene to be played.
        runtime: The containerd.

    Attributes:
        witness: The plugin.
    """

    def __init__(self, scene: Scene, runtime: Containerd) -> None:
        self.witness = Witness(scene.pins, runtime.cgroup, silent=bool(scene.plays))
        self._scene = scene
        self._runtime = runtime
        self._cri = runtime.cri
        self._kubelet = Kubelet(runtime, runtime.layout.folder / "pods")
        self._plugin: nri.PluginConnection | None = None
        self._agent = Agent(runtime)
        self._runs = True
        self._pods: dict[str, RunningPod] = {}
        self._pids: dict[str, int] = {}
        self._groups: dict[str, str] = {}

    async def run_pod(self, pod: str) -> None:
        """Make a pod's sandbox."""
        with _failures():
            self._pods[pod] = await asyncio.to_thread(
                self._kubelet.run_sandbox, self._scene.pod(pod)
            )

    async def create(self, container: str) -> None:
        """Create a container."""
        spec, one = self._scene.find(container)
        pod = self._pods[spec.name]
        with _failures():
            await asyncio.to_thread(self._kubelet.create, pod, one)
        identity = pod.containers[one.name]
        self._groups[identity] = f"{pod.config.linux.cgroup_parent}/{identity}"

    async def start(self, container: str) -> None:
        """Start a container."""
        spec, one = self._scene.find(container)
        with _failures():
            await asyncio.to_thread(self._kubelet.start, self._pods[spec.name], one.name)
        self._pids[container] = self._cri.container_pid(self._id(container))

    async def resize(self, container: str, cpu_limit: str) -> None:
        """Change a container's cpu limit."""
        spec, one = self._scene.find(container)
        resized = replace(one, cpu_limit=cpu_limit, cpu_request=cpu_limit)
        with _failures():
            self._pods[spec.name] = await asyncio.to_thread(
                self._kubelet.resize, self._pods[spec.name], resized
            )

    async def stop(self, container: str, grace_s: int) -> None:
        """Stop a container."""
        with _failures():
            await asyncio.to_thread(self._cri.stop_container, self._id(container), grace_s)

    async def remove(self, container: str) -> None:
        """Remove a container."""
        with _failures():
            await asyncio.to_thread(self._cri.remove_container, self._id(container))

    async def stop_pod(self, pod: str) -> None:
        """Stop a pod's sandbox."""
        with _failures():
            await asyncio.to_thread(self._cri.stop_pod_sandbox, self._pods[pod].sandbox)

    async def remove_pod(self, pod: str) -> None:
        """Remove a pod's sandbox."""
        with _failures():
            await asyncio.to_thread(self._cri.remove_pod_sandbox, self._pods[pod].sandbox)

    async def await_exit(self, container: str) -> None:
        """Wait until a container has ended by itself."""
        look = partial(self._has_exited, self._id(container))
        await asyncio.to_thread(wait_for, f"{container} to end", look)

    async def kill(self, container: str) -> None:
        """Kill a container's process."""
        kill(self._pids[container], signal.SIGKILL)

    async def stop_plugin(self) -> None:
        """End the plugin's connection."""
        if self._plugin is not None:
            self._plugin.abort()
            await self._plugin.wait_closed()
            self._plugin = None

    async def start_plugin(self) -> None:
        """Connect the plugin; return when it has been synchronized."""
        endpoint = nri.SocketEndpoint(str(self._runtime.layout.nri_socket))
        self._plugin = await nri.connect(endpoint, nri.Identity("witness", "50"), self.witness)
        await self._plugin.wait_synchronized()

    async def hang(self, event: Event) -> None:
        """Let the plugin answer the next event of a kind too late."""
        self.witness.hang(event, TOO_LATE_S)

    async def push(self, updates: Mapping[str, str]) -> None:
        """Let the plugin update containers outside of any reply."""
        assert self._plugin is not None
        with _failures():
            await self._plugin.update_containers(self.witness.updates(updates), PUSH_TIMEOUT_S)

    async def start_agent(self) -> None:
        """Start the agent; return when it has been synchronized."""
        await asyncio.to_thread(self._agent.start)

    async def stop_agent(self, *, kill: bool) -> None:
        """Ask the agent to end, or kill it."""
        number = signal.SIGKILL if kill else signal.SIGTERM
        await asyncio.to_thread(self._agent.stop, number)

    async def stop_runtime(self) -> None:
        """Kill the runtime."""
        self._runs = False
        await asyncio.to_thread(self._runtime.stop, signal.SIGKILL)

    async def start_runtime(self) -> None:
        """Start the runtime again; return when agent and plugin are at work, if they were."""
        await asyncio.to_thread(self._runtime.start)
        self._runs = True
        await self.start_plugin()
        if self._agent.is_running():
            await asyncio.to_thread(self._agent.wait_ready)

    def close(self) -> None:
        """End the agent, if it runs."""
        self._agent.close()

    async def settle(self, before: int, expected: Played | None) -> None:
        """Wait until nothing happens any more."""
        late = monotonic() + LATE_S
        while expected and monotonic() < late:
            events = len(self.witness.heard) - before
            if events >= len(expected.events) and expected.shown == tuple(await self.look()):
                break
            await asyncio.sleep(POLL_S)
        quiet = monotonic() + QUIET_S
        while monotonic() < quiet:
            heard = len(self.witness.heard)
            await asyncio.sleep(POLL_S)
            if len(self.witness.heard) != heard:
                quiet = monotonic() + QUIET_S

    async def look(self) -> list[str]:
        """Return what runtime and kernel show of each pod and container."""
        lines = [*map(self._applied, self._groups)]
        if self._runs:
            lines += [
                f"pod {one.metadata.name} {_short(pb.PodSandboxState.Name(one.state))}"
                for one in await asyncio.to_thread(self._cri.list_pod_sandboxes)
            ]
            lines += [
                f"container {self.witness.name_of(one.id)} "
                f"{_short(pb.ContainerState.Name(one.state))}"
                for one in await asyncio.to_thread(self._cri.list_containers)
            ]
        return sorted(filter(None, lines))

    def _applied(self, identity: str) -> str:
        found = cgroups.hierarchy_of("cpuset")
        folder = found.root / self._groups[identity].lstrip("/")
        names = ("cpus.effective", "mems.effective")
        if not found.unified:
            names = ("effective_cpus", "effective_mems")
        with suppress(OSError):  # it has ended meanwhile
            if (folder / "cgroup.procs").read_text().strip():
                cpus, mems = (_read(folder / f"cpuset.{name}") for name in names)
                return f"applied to {self.witness.name_of(identity)}: cpus {cpus} nodes {mems}"
        return ""

    def _id(self, container: str) -> str:
        spec, one = self._scene.find(container)
        return self._pods[spec.name].containers[one.name]

    def _has_exited(self, identity: str) -> bool:
        return self._cri.container_status(identity).state == pb.CONTAINER_EXITED


@contextmanager
def _failures() -> Iterator[None]:
    """Turn a failed call into CallFailed."""
    try:
        yield
    except (CriError, nri.StatusError) as error:
        raise CallFailed(str(error)) from error


def _read(file: Path) -> str:
    return file.read_text().strip()


def _short(name: str) -> str:
    return name.rpartition("_")[2]
