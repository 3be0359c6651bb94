"""Machines that do not exist: their cpus, and the sysfs files that describe them."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from weka_cpuset.engine import CpuSet


@dataclasses.dataclass(frozen=True, slots=True)
class MachineCpu:
    """One cpu and where it sits; ids are the kernel's and may have gaps."""

    id: int
    core: int
    llc: int
    node: int
    package: int
    online: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """The cpus and memory nodes of a machine.

    Attributes:
        name: What people call it.
        cpus: All cpus that are present, online or not.
        memory_nodes: The NUMA nodes that have memory.
    """

    name: str
    cpus: tuple[MachineCpu, ...]
    memory_nodes: frozenset[int]

    @property
    def nodes(self) -> tuple[int, ...]:
        """The ids of all NUMA nodes, ascending; nodes without cpus included."""
        return tuple(sorted({cpu.node for cpu in self.cpus} | self.memory_nodes))


def grid(name: str, *, packages: int, cores: int, threads: int, llc_cores: int = 0) -> Machine:
    """Return a regular machine with one NUMA node per package.

    The threads of core N are the cpus N, N + all cores, and so on, as on most servers.

    Args:
        name: The machine's name.
        packages: The number of sockets.
        cores: The number of cores per package.
        threads: The number of cpus per core.
        llc_cores: The number of cores under one last-level cache; 0: the whole package.
    """
    total = packages * cores
    group = llc_cores or cores
    cpus = tuple(
        MachineCpu(
            id=thread * total + core,
            core=core,
            llc=core // group,
            node=core // cores,
            package=core // cores,
        )
        for thread in range(threads)
        for core in range(total)
    )
    return Machine(name, cpus, frozenset(range(packages)))


def write_sysfs(machine: Machine, root: Path) -> None:
    """Write the sysfs files of a machine below a folder.

    Args:
        machine: The machine.
        root: The folder that takes the place of /sys; it may exist.

    Raises:
        OSError: A file cannot be written.
    """
    online = [cpu for cpu in machine.cpus if cpu.online]
    files: dict[str, str] = {
        "devices/system/cpu/online": _cpu_list(cpu.id for cpu in online),
        "devices/system/cpu/present": _cpu_list(cpu.id for cpu in machine.cpus),
        "devices/system/node/online": _cpu_list(machine.nodes),
        "devices/system/node/has_memory": _cpu_list(machine.memory_nodes),
    }
    for cpu in online:
        files |= _cpu_files(cpu, online)
    for node in machine.nodes:
        folder = f"devices/system/node/node{node}"
        files[f"{folder}/cpulist"] = _cpu_list(cpu.id for cpu in online if cpu.node == node)
        files[f"{folder}/distance"] = " ".join(
            str(10 if other == node else 20) for other in machine.nodes
        )
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


def _cpu_files(cpu: MachineCpu, online: Iterable[MachineCpu]) -> Mapping[str, str]:
    folder = f"devices/system/cpu/cpu{cpu.id}"
    others = list(online)
    return {
        f"{folder}/topology/physical_package_id": str(cpu.package),
        f"{folder}/topology/core_id": str(cpu.core),
        f"{folder}/topology/thread_siblings_list": _cpu_list(
            other.id for other in others if other.core == cpu.core
        ),
        f"{folder}/cache/index3/level": "3",
        f"{folder}/cache/index3/type": "Unified",
        f"{folder}/cache/index3/shared_cpu_list": _cpu_list(
            other.id for other in others if other.llc == cpu.llc
        ),
    }


def _cpu_list(ids: Iterable[int]) -> str:
    return str(CpuSet.of(ids))
