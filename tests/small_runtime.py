"""A small runtime for tests of the agent as a process: pods in, cpusets out, in real time.

The node speaks to a real plugin over a real unix socket, and does with its replies what a
runtime does: updates of others first, in order, then the container's own cpuset. `cpusets`
is what the kernel of such a node would enforce.
"""

import asyncio
import dataclasses
import itertools
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf.message import Message

import nri
from nri import Event, messages
from weka_cpuset.engine import CpuSet
from weka_cpuset.machine import Machine

PERIOD_US = 100_000
"""The length of a cpu quota period in microseconds, as kubelet sets it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    """A pod with one container.

    Attributes:
        name: The pod's name, in the namespace `default`.
        milli_cpus: The cpu limit, and request, in thousandths of a cpu.
        guaranteed: Whether the memory limit equals the request too.
        annotations: The pod's annotations.
    """

    name: str
    milli_cpus: int
    guaranteed: bool = True
    annotations: Mapping[str, str] = dataclasses.field(default_factory=dict)


class NoCallbacks:
    """The runtime's answers to calls of the plugin: there should be none."""

    def update_containers(
        self, request: messages.UpdateContainersRequest
    ) -> "messages.UpdateContainersResponse | asyncio.Future[Message]":
        """Refuse: the agent changes containers in its replies only."""
        raise nri.Refusal(f"{len(request.update)} updates outside of any reply")

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Let a defect of the simulation be seen."""
        raise AssertionError(f"{method.name} failed in the simulated runtime") from error


class Node:
    """One machine, its runtime, and the pods on it.

    Args:
        machine: The machine.
        link: The plugin's connection; registered, not yet synchronized.

    Attributes:
        machine: The machine.
        cpusets: Each live container's applied cpuset, by pod name.
        history: Every single change of a cpuset, in order: pod name, cpus.
    """

    def __init__(self, machine: Machine, link: nri.PluginLink) -> None:
        self.machine = machine
        self.cpusets: dict[str, CpuSet] = {}
        self.history: list[tuple[str, CpuSet]] = []
        self._link = link
        self._pods: dict[str, Pod] = {}
        self._ids: dict[str, tuple[str, str]] = {}
        self._numbers = itertools.count(1)

    @property
    def pods(self) -> Mapping[str, Pod]:
        """The live pods by name."""
        return self._pods

    async def synchronize(self) -> None:
        """Report the pods to the plugin and apply its corrections."""
        pods = [self._pod_message(name) for name in self._pods]
        containers = [self._container_message(name) for name in self._pods]
        for container in containers:
            container.state = messages.ContainerState.CONTAINER_RUNNING
        self._apply(await self._link.synchronize(pods, containers))

    async def create(self, pod: Pod) -> None:
        """Create and start a pod's container.

        Raises:
            nri.StatusError: The plugin refused it; nothing has changed.
        """
        number = next(self._numbers)
        self._ids[pod.name] = (f"pod-{number:04}", f"container-{number:04}")
        self._pods[pod.name] = pod
        request = messages.CreateContainerRequest(
            pod=self._pod_message(pod.name), container=self._container_message(pod.name)
        )
        try:
            reply = await self._link.create_container(request)
        except nri.StatusError:
            del self._pods[pod.name], self._ids[pod.name]
            raise
        self._apply(reply.update)
        self._record(pod.name, reply.adjust.linux.resources.cpu.cpus)
        await self._link.state_change(
            Event.POST_START_CONTAINER,
            self._pod_message(pod.name),
            self._container_message(pod.name),
        )

    async def delete(self, name: str) -> None:
        """Stop and remove a pod."""
        pod, container = self._pod_message(name), self._container_message(name)
        del self.cpusets[name]
        reply = await self._link.stop_container(
            messages.StopContainerRequest(pod=pod, container=container)
        )
        del self._pods[name]
        self._apply(reply.update)
        await self._link.state_change(Event.STOP_POD_SANDBOX, pod)
        await self._link.state_change(Event.REMOVE_CONTAINER, pod, container)
        await self._link.state_change(Event.REMOVE_POD_SANDBOX, pod)

    async def delete_all(self, names: Iterable[str]) -> None:
        """Delete pods at the same time; the runtime sends the events one by one."""
        await asyncio.gather(*(self.delete(name) for name in names))

    def _apply(self, updates: Iterable[messages.ContainerUpdate]) -> None:
        names = {container: name for name, (_, container) in self._ids.items()}
        for update in updates:
            name = names.get(update.container_id)
            if name in self._pods:
                self._record(name, update.linux.resources.cpu.cpus)

    def _record(self, name: str, cpus: str) -> None:
        online = self.machine.online
        self.cpusets[name] = CpuSet.parse(cpus) if cpus else online
        self.history.append((name, self.cpusets[name]))

    def _pod_message(self, name: str) -> messages.PodSandbox:
        pod = self._pods[name]
        return messages.PodSandbox(
            id=self._ids[name][0],
            uid=f"uid-{self._ids[name][0]}",
            name=name,
            namespace="default",
            annotations=pod.annotations,
            linux=messages.LinuxPodSandbox(cgroup_parent=self._cgroup_parent(name)),
        )

    def _cgroup_parent(self, name: str) -> str:
        qos = "" if self._pods[name].guaranteed else "/burstable"
        return f"/kubepods{qos}/pod{name}"

    def _container_message(self, name: str) -> messages.Container:
        pod = self._pods[name]
        cpu = messages.LinuxCPU(
            shares=messages.OptionalUInt64(value=max(2, pod.milli_cpus * 1024 // 1000)),
            quota=messages.OptionalInt64(value=pod.milli_cpus * PERIOD_US // 1000),
            period=messages.OptionalUInt64(value=PERIOD_US),
            cpus=str(self.cpusets.get(name, "")),
        )
        memory = messages.LinuxMemory(limit=messages.OptionalInt64(value=100 << 20))
        score = messages.OptionalInt(value=-997 if pod.guaranteed else 999)
        return messages.Container(
            id=self._ids[name][1],
            pod_sandbox_id=self._ids[name][0],
            name="main",
            linux=messages.LinuxContainer(
                resources=messages.LinuxResources(cpu=cpu, memory=memory),
                oom_score_adj=score,
                cgroups_path=f"{self._cgroup_parent(name)}/{self._ids[name][1]}",
            ),
        )


async def accept_plugin(path: Path, machine: Machine, settings: nri.RuntimeSettings) -> Node:
    """Listen on a socket, wait for one plugin, and bring it up to date.

    Args:
        path: The socket to make; its folder exists.
        machine: The node's machine.
        settings: Which runtime to be.

    Returns:
        A node without pods, whose plugin is synchronized.

    Raises:
        OSError: The socket cannot be made.
        nri.NriError: What connected is not a plugin.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.settimeout(0)
        listener.bind(str(path))
        listener.listen()
        accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
    link = await nri.PluginLink.accept(accepted, NoCallbacks(), settings)
    node = Node(machine, link)
    await node.synchronize()
    return node
