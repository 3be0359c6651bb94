"""What the agent sees and changes of the kernel's cpusets.

The one seam between the agent and the kernel: `cgroups.CpusetTree` is the real one, a
simulator brings its own.
"""

from typing import NamedTuple, Protocol

from weka_cpuset.engine import CpuSet


class Enforced(NamedTuple):
    """A container's cpuset as the kernel has it.

    Attributes:
        cpus: The cpus it was given; empty, in cgroup version 2: its parent's.
        mems: The memory nodes it was given; empty likewise.
        effective: The cpus on which its tasks can run at all, after what its parents and
            hotplug take away; None: the kernel does not tell.
    """

    cpus: CpuSet
    mems: CpuSet
    effective: CpuSet | None


class Cpusets(Protocol):
    """The kernel's cpusets by cgroup path, as the runtime reports the path."""

    def read(self, path: str) -> Enforced:
        """Read back a container's cpuset; raises OSError or ValueError."""

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Set a container's cpus, and memory nodes unless empty; raises OSError or ValueError."""

    def is_dead(self, path: str) -> bool:
        """Tell whether a container's cgroup is known to have no process any more."""
