"""Which cpus and which memory pods can use now: what the kernel has, and leaves to pods."""

from dataclasses import dataclass
from pathlib import Path

from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.engine import CpuSet, Topology
from weka_cpuset.sysfs import read_machine, read_memory_nodes, read_online


@dataclass(frozen=True, slots=True)
class Usable:
    """What can change while the agent runs, cheap enough to be read each second.

    Attributes:
        cpus: The online cpus that the cgroup of all pods leaves to them; not empty.
        memory: The NUMA nodes that have memory.
    """

    cpus: CpuSet
    memory: CpuSet


class UsableReader:
    """Reads what pods can use.

    A cpu outside of what the cgroup of all pods has cannot be used by any container, whatever
    its own cgroup says: version 1 refuses it, version 2 passes over it. So it is as good as
    offline. That cgroup says nothing before a kubelet has made it.

    Args:
        sysfs: Where sysfs is mounted.
        cgroups: The tree with the cgroup of all pods.
    """

    def __init__(self, sysfs: Path, cgroups: CpusetTree) -> None:
        self._sysfs = sysfs
        self._cgroups = cgroups

    def read(self) -> Usable:
        """Read what pods can use.

        Raises:
            TopologyUnreadable: The kernel's list of online cpus cannot be read.
        """
        online = read_online(self._sysfs)
        return Usable(self._left(online), read_memory_nodes(self._sysfs))

    def topology(self) -> Topology:
        """Read the topology of the cpus that pods can use.

        Raises:
            TopologyUnreadable: The kernel's list of online cpus cannot be read.
        """
        machine = read_machine(self._sysfs, "this machine")
        return machine.topology(self._left(machine.online))

    def _left(self, online: CpuSet) -> CpuSet:
        """Return those of the online cpus that are left to pods; all if none would be."""
        pods = self._cgroups.pods_cpus()
        return (online & pods if pods is not None else online) or online
