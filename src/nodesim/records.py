"""What the simulated runtime has on record of pods and containers, as it shows it to plugins.

A record keeps its message and changes it in place: building one for each event would be most
of what a simulation does.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from nodesim import kubernetes
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import messages
from weka_cpuset.engine import CpuSet

MACHINE_MEMORY = 256 << 30
"""Memory of every simulated machine in bytes; it only enters the oom scores."""


class Phase(Enum):
    """How far a container has come, by the runtime."""

    CREATED = "created"
    STARTING = "starting"
    """Its task exists; an update reaches the record and not the kernel."""
    RUNNING = "running"
    EXITED = "exited"


_STATES = {
    Phase.CREATED: messages.ContainerState.CONTAINER_CREATED,
    Phase.STARTING: messages.ContainerState.CONTAINER_CREATED,
    Phase.RUNNING: messages.ContainerState.CONTAINER_RUNNING,
    Phase.EXITED: messages.ContainerState.CONTAINER_STOPPED,
}


@dataclass(slots=True, eq=False)
class Sandbox:
    """A pod's sandbox.

    Attributes:
        id: Its id.
        spec: The pod.
        message: What plugins are shown of it.
        stopped: Whether it has been stopped.
        containers: Its containers on record, oldest first.
    """

    id: str
    spec: PodSpec
    message: messages.PodSandbox
    stopped: bool = False
    containers: "list[Container]" = field(default_factory=list)

    @classmethod
    def make(cls, sandbox_id: str, spec: PodSpec, driver: kubernetes.CgroupDriver) -> "Sandbox":
        """Make the record of a pod."""
        derived = kubernetes.pod_linux_resources(spec)
        message = messages.PodSandbox(
            id=sandbox_id,
            name=spec.name,
            uid=spec.uid,
            namespace=spec.namespace,
            labels=spec.labels,
            annotations=spec.annotations,
            linux=messages.LinuxPodSandbox(
                cgroup_parent=kubernetes.cgroup_parent(spec, driver),
                pod_resources=_linux_resources(derived),
            ),
        )
        return cls(sandbox_id, spec, message)


@dataclass(slots=True, eq=False)
class Container:
    """A container.

    Attributes:
        id: Its id.
        sandbox: Its pod's sandbox.
        spec: The container as its manifest has it, resizes included.
        message: What plugins are shown of it.
        path: Its cgroup, as the runtime reports it.
        phase: How far it has come.
        answered: Whether a plugin had a say in its creation, and in its resizes so far.
        bundled: Whether its task is being made, of the record as it was: updates come too late.
        outdated: Whether an update came too late for the task that was being made.
        removing: Whether it is being removed.
        lost_silently: Whether an update of it was lost, or failed, without anybody being told.
        passed_over: Whether an update, or the list for a plugin, came before it was on record.
        stop_told: Whether plugins were told that it stopped.
        exit_code: With which code it ended.
        exited: Set when its process is gone.
        death: The timer of its own end.
    """

    id: str
    sandbox: Sandbox
    spec: ContainerSpec
    message: messages.Container
    path: str
    phase: Phase = Phase.CREATED
    answered: bool = False
    bundled: bool = False
    outdated: bool = False
    removing: bool = False
    passed_over: bool = False
    lost_silently: bool = False
    stop_told: bool = False
    exit_code: int = 0
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    death: asyncio.TimerHandle | None = None

    @classmethod
    def make(
        cls,
        container_id: str,
        sandbox: Sandbox,
        spec: ContainerSpec,
        driver: kubernetes.CgroupDriver,
    ) -> "Container":
        """Make the record of a container that is about to be created."""
        parent = sandbox.message.linux.cgroup_parent
        systemd = driver is kubernetes.CgroupDriver.SYSTEMD
        path = f"{parent}:cri-containerd:{container_id}" if systemd else f"{parent}/{container_id}"
        derived = kubernetes.linux_resources(sandbox.spec, spec, MACHINE_MEMORY)
        message = messages.Container(
            id=container_id,
            pod_sandbox_id=sandbox.id,
            name=spec.name,
            linux=messages.LinuxContainer(
                resources=_linux_resources(derived),
                oom_score_adj=messages.OptionalInt(value=derived.oom_score_adj),
                cgroups_path=path,
            ),
        )
        return cls(container_id, sandbox, spec, message, path)

    @property
    def label(self) -> str:
        """Its name for people: `namespace/pod/container`."""
        return f"{self.sandbox.spec.key}/{self.spec.name}"

    @property
    def cpus(self) -> str:
        """The cpus on record; empty: not pinned."""
        return self.message.linux.resources.cpu.cpus

    @property
    def mems(self) -> str:
        """The memory nodes on record; empty: not bound."""
        return self.message.linux.resources.cpu.mems

    @property
    def cpuset(self) -> tuple[CpuSet, CpuSet]:
        """The cpus and the memory nodes on record; empty: all."""
        return _set_of(self.cpus), _set_of(self.mems)

    def enter(self, phase: Phase) -> None:
        """Go on to a phase, and show it."""
        self.phase = phase
        self.show()

    def show(self) -> None:
        """Show plugins the phase that it is in."""
        self.message.state = _STATES[self.phase]

    def pin(self, cpus: str, mems: str) -> None:
        """Put a cpuset on record; what is empty stays as it is."""
        cpu = self.message.linux.resources.cpu
        if cpus:
            cpu.cpus = cpus
        if mems:
            cpu.mems = mems

    def resized(self, resources: Resources) -> messages.LinuxResources:
        """Return what a kubelet sends to change the container's resources."""
        spec = _with_resources(self.spec, resources)
        return _linux_resources(kubernetes.linux_resources(self.sandbox.spec, spec, MACHINE_MEMORY))

    def resize(self, resources: Resources, linux: messages.LinuxResources) -> None:
        """Put new resources on record; the cpuset stays."""
        self.spec = _with_resources(self.spec, resources)
        mine = self.message.linux.resources
        for name in ("shares", "quota", "period"):
            getattr(mine.cpu, name).CopyFrom(getattr(linux.cpu, name))
        mine.memory.CopyFrom(linux.memory)


def _set_of(text: str) -> CpuSet:
    return CpuSet.parse(text) if text else CpuSet.EMPTY


def _with_resources(spec: ContainerSpec, resources: Resources) -> ContainerSpec:
    return ContainerSpec(
        spec.name, resources, spec.kind, spec.life_s, spec.exit_code, spec.heeds_term
    )


def _linux_resources(derived: kubernetes.Derived) -> messages.LinuxResources:
    """Return what a runtime shows of resources; what kubelet leaves out is absent or 0."""
    return messages.LinuxResources(
        cpu=messages.LinuxCPU(
            shares=messages.OptionalUInt64(value=derived.shares),
            quota=messages.OptionalInt64(value=derived.quota),
            period=messages.OptionalUInt64(value=derived.period),
        ),
        memory=messages.LinuxMemory(limit=messages.OptionalInt64(value=derived.memory_limit)),
    )
