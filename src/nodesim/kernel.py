"""The simulated kernel: cgroups with their cpusets, and which of them have a process.

This is the truth. What the runtime has on record, and what the agent believes, are looked
at nowhere when the rules are checked. The kernel implements the agent's view of cgroup
files (`weka_cpuset.enforced.Cpusets`), and tells an observer of every single change.

The two versions of cgroups differ in what is left of a cpuset when cpus go offline, and in
what a cgroup has that nobody has pinned. Source: the Linux kernel, kernel/cgroup/cpuset.c
(`hotplug_update_tasks`, `cpuset_bind`), and its documentation cgroup-v1/cpusets.rst and
cgroup-v2.rst (`cpuset.cpus`, `cpuset.cpus.effective`).
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet


class CgroupVersion(IntEnum):
    """Which of the kernel's two kinds of cgroups a node has."""

    V1 = 1
    """A cpu that goes offline is lost for good; no cpuset is ever empty, or has such a cpu."""
    V2 = 2
    """What was asked for stays as it is, and is used as far as it is online."""


@dataclass(slots=True)
class Cgroup:
    """The cgroup of one container.

    Attributes:
        cpus: What its `cpuset.cpus` says; empty, in version 2: its parent's.
        mems: What its `cpuset.mems` says; empty likewise.
        effective: The cpus on which its tasks can run.
        effective_mems: The nodes from which they get memory.
        processes: How many processes are in it.
    """

    cpus: CpuSet
    mems: CpuSet
    effective: CpuSet
    effective_mems: CpuSet
    processes: int = 0


class Kernel:
    """All containers' cgroups.

    Args:
        online: The cpus that are online.
        memory_nodes: The NUMA nodes that have memory.
        version: Which kind of cgroups it has.
        present: The cpus that can come online; None: those that are.

    Attributes:
        online: The cpus that are online.
        memory_nodes: The NUMA nodes that have memory.
        version: Which kind of cgroups it has.
        on_change: Called with a cgroup's path after each single change of its cpuset.
        fails_write: Tells whether a write of the agent to this path shall fail.
    """

    def __init__(
        self,
        online: CpuSet,
        memory_nodes: CpuSet,
        version: CgroupVersion = CgroupVersion.V1,
        present: CpuSet | None = None,
    ) -> None:
        self.online = online
        self.memory_nodes = memory_nodes
        self.version = version
        self._present = online if present is None else present
        self.on_change: Callable[[str], None] = _ignore
        self.fails_write: Callable[[str], bool] = _never
        self._cgroups: dict[str, Cgroup] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all cgroups, oldest first."""
        return tuple(self._cgroups)

    def containers(self) -> frozenset[str]:
        """List the containers that have a cgroup, as the agent does."""
        return frozenset(self._cgroups)

    # ---- for the runtime ----

    def make(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Make a cgroup with one process that is about to start.

        Args:
            path: Its path.
            cpus: Its cpus; empty: all.
            mems: Its memory nodes; empty: all.

        Raises:
            OSError: A cpu or node does not exist or, in version 1, is offline.
        """
        self._check(cpus, mems)
        if self.version is CgroupVersion.V1:
            # Who makes a cgroup must fill it, and takes what its parent has.
            cpus, mems = cpus or self.online, mems or self.memory_nodes
        effective, effective_mems = self._effective(cpus), mems or self.memory_nodes
        self._cgroups[path] = Cgroup(cpus, mems, effective, effective_mems, processes=1)

    def set(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Change a cgroup's cpuset; what is empty stays as it is.

        Raises:
            OSError: There is no such cgroup, cpu or node; or, in version 1, one is offline.
        """
        cgroup = self._cgroup(path)
        self._check(cpus, mems)
        cgroup.cpus = cpus or cgroup.cpus
        cgroup.mems = mems or cgroup.mems
        cgroup.effective = self._effective(cgroup.cpus)
        cgroup.effective_mems = cgroup.mems or self.memory_nodes
        self.on_change(path)

    def exit(self, path: str) -> None:
        """Let the processes of a cgroup end; the cgroup stays until it is removed."""
        self._cgroup(path).processes = 0

    def remove(self, path: str) -> None:
        """Remove a cgroup, if it is there."""
        self._cgroups.pop(path, None)

    def use(self, online: CpuSet) -> list[str]:
        """Take cpus offline or bring them back.

        A cgroup none of whose cpus is left falls back to what its parent has.

        Args:
            online: The cpus that are online from now on.

        Returns:
            The paths of the cgroups whose tasks can run on other cpus than before.
        """
        self.online = online
        hit = []
        for path, cgroup in self._cgroups.items():
            before, cgroup.effective = cgroup.effective, self._effective(cgroup.cpus)
            if self.version is CgroupVersion.V1:
                cgroup.cpus = cgroup.effective
            if cgroup.effective != before:
                hit.append(path)
        return hit

    # ---- for the agent, and for whoever looks ----

    def get(self, path: str) -> Cgroup | None:
        """Return a cgroup, or None if there is none."""
        return self._cgroups.get(path)

    def read_cpus(self, path: str) -> CpuSet:
        """Return the cpus on which the tasks of a cgroup can run.

        Raises:
            FileNotFoundError: There is no such cgroup.
        """
        return self._cgroup(path).effective

    def read(self, path: str) -> Enforced:
        """Read back a container's cpuset as the agent does.

        Raises:
            FileNotFoundError: There is no such cgroup.
        """
        cgroup = self._cgroup(path)
        return Enforced(cgroup.cpus, cgroup.mems, cgroup.effective)

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

    def _effective(self, cpus: CpuSet) -> CpuSet:
        return (cpus & self.online) or self.online

    def _check(self, cpus: CpuSet, mems: CpuSet) -> None:
        allowed = self.online if self.version is CgroupVersion.V1 else self._present
        if not cpus <= allowed or not mems <= self.memory_nodes:
            raise OSError(errno.EINVAL, "a cpu or memory node does not exist or is offline")


def _ignore(path: str) -> None:
    """Do nothing: nobody looks."""


def _never(path: str) -> bool:  # noqa: ARG001  # no path fails
    """Say no."""
    return False
