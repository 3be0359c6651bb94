"""The simulated kernel: cgroups with their cpusets, and which of them have a process.

This is the truth. What the runtime has on record, and what the agent believes, are looked
at nowhere when the rules are checked. The kernel implements the agent's view of cgroup
files (`weka_cpuset.enforced.Cpusets`), and tells an observer of every single change.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass

from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet


@dataclass(slots=True)
class Cgroup:
    """The cgroup of one container.

    Attributes:
        cpus: What its `cpuset.cpus` says.
        mems: What its `cpuset.mems` says.
        processes: How many processes are in it.
    """

    cpus: CpuSet
    mems: CpuSet
    processes: int = 0


class Kernel:
    """All containers' cgroups.

    Args:
        online: The cpus that are online.
        memory_nodes: The NUMA nodes that have memory.

    Attributes:
        online: The cpus that are online.
        memory_nodes: The NUMA nodes that have memory.
        on_change: Called with a cgroup's path after each single change of its cpuset.
        fails_write: Tells whether a write of the agent to this path shall fail.
    """

    def __init__(self, online: CpuSet, memory_nodes: CpuSet) -> None:
        self.online = online
        self.memory_nodes = memory_nodes
        self.on_change: Callable[[str], None] = _ignore
        self.fails_write: Callable[[str], bool] = _never
        self._cgroups: dict[str, Cgroup] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all cgroups, oldest first."""
        return tuple(self._cgroups)

    # ---- for the runtime ----

    def make(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Make a cgroup with one process that is about to start.

        Args:
            path: Its path.
            cpus: Its cpus; empty: all.
            mems: Its memory nodes; empty: all.

        Raises:
            OSError: A cpu or node does not exist or is offline, as the kernel would say.
        """
        self._check(cpus, mems)
        self._cgroups[path] = Cgroup(cpus or self.online, mems or self.memory_nodes, processes=1)

    def set(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Change a cgroup's cpuset; what is empty stays as it is.

        Raises:
            OSError: There is no such cgroup, cpu or node.
        """
        cgroup = self._cgroup(path)
        self._check(cpus, mems)
        cgroup.cpus = cpus or cgroup.cpus
        cgroup.mems = mems or cgroup.mems
        self.on_change(path)

    def exit(self, path: str) -> None:
        """Let the processes of a cgroup end; the cgroup stays until it is removed."""
        self._cgroup(path).processes = 0

    def remove(self, path: str) -> None:
        """Remove a cgroup, if it is there."""
        self._cgroups.pop(path, None)

    def use(self, online: CpuSet) -> list[str]:
        """Take cpus offline or bring them back.

        In version 1 a cgroup loses a cpu that goes offline for good; one that loses all
        falls back to what its parent has (cpusets.rst, section 1.1 and the hotplug notes).

        Args:
            online: The cpus that are online from now on.

        Returns:
            The paths of the cgroups that have lost a cpu.
        """
        self.online = online
        hit = []
        for path, cgroup in self._cgroups.items():
            if not cgroup.cpus <= online:
                cgroup.cpus = (cgroup.cpus & online) or online
                hit.append(path)
        return hit

    # ---- for the agent, and for whoever looks ----

    def get(self, path: str) -> Cgroup | None:
        """Return a cgroup, or None if there is none."""
        return self._cgroups.get(path)

    def read_cpus(self, path: str) -> CpuSet:
        """Return a cgroup's cpus.

        Raises:
            FileNotFoundError: There is no such cgroup.
        """
        return self._cgroup(path).cpus

    def read(self, path: str) -> Enforced:
        """Read back a container's cpuset as the agent does.

        Raises:
            FileNotFoundError: There is no such cgroup.
        """
        cgroup = self._cgroup(path)
        return Enforced(cgroup.cpus, cgroup.mems, cgroup.cpus & self.online)

    def is_dead(self, path: str) -> bool:
        """Tell whether a cgroup is there and has no process."""
        cgroup = self._cgroups.get(path)
        return cgroup is not None and not cgroup.processes

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Change a cgroup's cpuset as the agent does, straight in its files.

        Raises:
            OSError: There is no such cgroup, cpu or node, or the write shall fail.
        """
        if self.fails_write(path):
            raise OSError(errno.EIO, "a fault of the simulation", path)
        self.set(path, cpus, mems)

    def _cgroup(self, path: str) -> Cgroup:
        try:
            return self._cgroups[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "no such cgroup", path) from None

    def _check(self, cpus: CpuSet, mems: CpuSet) -> None:
        if not cpus <= self.online or not mems <= self.memory_nodes:
            raise OSError(errno.EINVAL, "a cpu or memory node does not exist or is offline")


def _ignore(path: str) -> None:
    """Do nothing: nobody looks."""


def _never(path: str) -> bool:  # noqa: ARG001  # no path fails
    """Say no."""
    return False
