# ruff: noqa: ARG002  # the arguments are the protocol's
"""A plugin whose only answer is that each container may run everywhere.

It goes by way of the runtime, so that the runtime's own record of each container has it too; what
is only written to the cgroup files comes back with the next update of the container.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import nri
from nri import Event, messages
from nri.services import SYNCHRONIZE
from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import CpuListError, CpuSet, Topology

log = logging.getLogger(__name__)

LOOK_S = 0.1
"""How often the kernel is asked whether the runtime has come to a container, in seconds."""

_STATES = messages.ContainerState
_LIVE = (_STATES.CONTAINER_CREATED, _STATES.CONTAINER_RUNNING, _STATES.CONTAINER_PAUSED)


@dataclass(frozen=True, slots=True)
class Narrow:
    """A container that may not run everywhere.

    Attributes:
        id: Its id.
        name: Its pod and its own name, for people.
        cgroup: Its cgroup path as the runtime reports it.
        cpus: What the runtime has recorded for it, or what the kernel has if that is less.
    """

    id: str
    name: str
    cgroup: str
    cpus: str


class Releaser:
    """Implements `nri.PluginHandler`.

    A container can be kept off cpus by the runtime's record, by the kernel, or by both: what
    the agent has settled is written to the cgroup files alone.

    Args:
        topology: The machine.
        cpusets: What the kernel enforces.
        write: Whether to answer with updates; without, the containers are only found.

    Attributes:
        narrow: The containers that may not run everywhere, once the runtime has reported.
        answered_report: Set once the answer to the report is on its way.
    """

    def __init__(self, topology: Topology, cpusets: Cpusets, *, write: bool) -> None:
        self.narrow: tuple[Narrow, ...] = ()
        self.answered_report = asyncio.Event()
        self._cpus = topology.online
        self._mems = topology.memory_nodes(topology.online)
        self._cpusets = cpusets
        self._write = write

    def configure(self, request: messages.ConfigureRequest) -> int:
        """Ask for as little as possible: a mask of 0 would be all events."""
        return nri.mask_of([Event.REMOVE_POD_SANDBOX])

    def synchronize(
        self, pods: Sequence[messages.PodSandbox], containers: Sequence[messages.Container]
    ) -> Sequence[messages.ContainerUpdate]:
        """Find all containers with a cpuset, and answer that they may run everywhere."""
        names = {pod.id: f"{pod.namespace}/{pod.name}" for pod in pods}
        kept = ((one, self._kept_to(one)) for one in containers if one.state in _LIVE)
        self.narrow = tuple(
            Narrow(
                one.id,
                f"{names.get(one.pod_sandbox_id, one.pod_sandbox_id)}/{one.name}",
                one.linux.cgroups_path,
                cpus,
            )
            for one, cpus in kept
            if cpus is not None
        )
        if not self._write:
            return ()
        return [nri.cpu_update(one.id, str(self._cpus), str(self._mems)) for one in self.narrow]

    def create_container(
        self, request: messages.CreateContainerRequest
    ) -> messages.CreateContainerResponse:
        """Leave a new container alone; nobody asked for this event."""
        return messages.CreateContainerResponse()

    def update_container(
        self, request: messages.UpdateContainerRequest
    ) -> messages.UpdateContainerResponse:
        """Leave it alone."""
        return messages.UpdateContainerResponse()

    def stop_container(
        self, request: messages.StopContainerRequest
    ) -> messages.StopContainerResponse:
        """Leave all others alone."""
        return messages.StopContainerResponse()

    def state_change(
        self, event: Event, pod: messages.PodSandbox, container: messages.Container | None
    ) -> None:
        """Do nothing."""

    def shutdown(self) -> None:
        """Do nothing: the end of the connection says it too."""

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Log what should not have happened."""
        log.error("%s failed", method, exc_info=error)

    def answered(self, method: nri.Method, took_s: float) -> None:
        """Learn that the report is answered, before which the connection must not be closed."""
        if method == SYNCHRONIZE:
            self.answered_report.set()

    def _kept_to(self, container: messages.Container) -> str | None:
        """Return the cpus to which the record, or else the kernel, keeps one; None: to none."""
        cpu = container.linux.resources.cpu
        if self._is_narrow(cpu):
            return cpu.cpus
        try:
            seen = self._cpusets.read(container.linux.cgroups_path).cpus
        except (OSError, ValueError):
            return None
        return str(seen) if _leaves_out(seen, self._cpus) else None

    def _is_narrow(self, cpu: messages.LinuxCPU) -> bool:
        """Tell whether a recorded cpuset is another than the whole machine."""
        return not (
            _covers(cpu.cpus, self._cpus) and (not self._mems or _covers(cpu.mems, self._mems))
        )


def _covers(recorded: str, whole: CpuSet) -> bool:
    """Tell whether a record leaves nothing out; an empty one has never been narrowed."""
    try:
        return not recorded or not whole - CpuSet.parse(recorded)
    except CpuListError:
        return False


async def wait_until_wide(
    narrow: Sequence[Narrow], cpusets: Cpusets, whole: CpuSet, longest_s: float
) -> tuple[Narrow, ...]:
    """Wait until the kernel lets containers run everywhere.

    Args:
        narrow: The containers.
        cpusets: What the kernel enforces.
        whole: All cpus of the machine.
        longest_s: The longest time to wait, in seconds.

    Returns:
        Those that may still not run everywhere; without those that have gone.
    """
    clock = asyncio.get_running_loop().time
    end_s = clock() + longest_s
    left = tuple(one for one in narrow if _is_held(one, cpusets, whole))
    while left and clock() < end_s:
        await asyncio.sleep(LOOK_S)
        left = tuple(one for one in left if _is_held(one, cpusets, whole))
    return left


def _is_held(container: Narrow, cpusets: Cpusets, whole: CpuSet) -> bool:
    """Tell whether the kernel keeps a container off some cpus, or may do so."""
    try:
        return _leaves_out(cpusets.read(container.cgroup).cpus, whole)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def _leaves_out(cpus: CpuSet, whole: CpuSet) -> bool:
    """Tell whether a cgroup's cpus are not the whole machine; none are its parent's."""
    return bool(cpus) and bool(whole - cpus)
