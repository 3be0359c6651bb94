"""Machines that do not exist, by name; and those of files.

Their ids are as the kernel numbers such machines: a core and an LLC group bear the id of
their lowest cpu, as `weka_cpuset.sysfs` reads them.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from nodesim import documents
from nodesim.fields import InputError
from weka_cpuset import machine_file
from weka_cpuset.engine import Cpu, CpuSet
from weka_cpuset.machine import Machine, nodes_with

LOCAL = 10
"""The distance of a node to itself, as the firmware's table (ACPI, SLIT) fixes it."""

REMOTE = 20
"""The distance between two nodes where the firmware gives no table, in the kernel."""


class UnknownMachine(InputError):
    """There is no machine of this name.

    Attributes:
        name: The name.
        known: The names that there are.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        shown = self.name if len(self.name) <= 80 else f"{self.name[:80]}..."
        return f"no machine {shown!r}; use one of {', '.join(self.known)}, or a file"


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
        Cpu(
            id=thread * total + core,
            core=core,
            llc=core // group * group,
            node=core // cores,
            package=core // cores,
        )
        for thread in range(threads)
        for core in range(total)
    )
    nodes = range(packages)
    table = {one: {other: LOCAL if one == other else REMOTE for other in nodes} for one in nodes}
    return Machine(name, cpus, CpuSet.EMPTY, nodes_with(cpus, CpuSet.of(nodes), table))


def find(name_or_file: str) -> Machine:
    """Return a machine.

    Args:
        name_or_file: One of `MACHINES`, or the path of a file that describes one.

    Raises:
        UnknownMachine: It is neither.
        UnreadableFile: It looks like a file (has a `/` or a `.`) and cannot be read.
        MachineFileError: The file does not describe a machine.
    """
    if name_or_file in MACHINES:
        return MACHINES[name_or_file]
    try:
        data = documents.read(Path(name_or_file))
    except documents.UnreadableFile:
        if "/" in name_or_file or "." in name_or_file:
            raise
        raise UnknownMachine(name_or_file, tuple(MACHINES)) from None
    return machine_file.decode(data, name_or_file)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A machine that can be made.

    Attributes:
        what: What it is, in a few words.
        make: Makes it.
    """

    what: str
    make: Callable[[], Machine]


def _laptop() -> Machine:
    return grid("laptop", packages=1, cores=4, threads=2)


def _4_nodes() -> Machine:
    # The distances are those of servers with two EPYC packages in the mode "NPS2".
    return _split(grid("4-nodes", packages=2, cores=8, threads=2, llc_cores=4), 4, (12, 32))


def _hybrid() -> Machine:
    # Client processors number the cpus of a large core one after the other.
    cores = [*((2 * core, 2 * core + 1) for core in range(6)), *((cpu,) for cpu in range(12, 20))]
    return _listed("hybrid", {0: cores})


def _smt4() -> Machine:
    # POWER numbers the cpus of a core one after the other, and its nodes with gaps.
    first, second = (
        [tuple(range(cpu, cpu + 4)) for cpu in range(low, low + 16, 4)] for low in (0, 16)
    )
    return _listed("smt4", {0: first, 8: second}, far=40)


def _memoryless() -> Machine:
    machine = _split(grid("memoryless", packages=2, cores=8, threads=2, llc_cores=4), 4, (16, 22))
    nodes = tuple(dataclasses.replace(one, has_memory=one.id % 2 == 0) for one in machine.nodes)
    return dataclasses.replace(machine, nodes=nodes)


def _offline() -> Machine:
    machine = grid("offline", packages=2, cores=4, threads=2)
    return dataclasses.replace(machine, offline=CpuSet.of((3, 11, 13)))


def _sparse() -> Machine:
    first = [(0, 1), (4, 5), (62, 63), (64, 65)]
    second = [(1000, 1001), (2047, 2048), (4092, 4093), (4094, 4095)]
    return _listed("sparse", {0: first, 2: second})


PLANS: Mapping[str, Plan] = {
    "laptop": Plan("4 cores of 2 cpus; 8 cpus in all", _laptop),
    "1x2": Plan(
        "2 cores of 1 cpu: a small virtual machine",
        lambda: grid("1x2", packages=1, cores=2, threads=1),
    ),
    "1x4": Plan(
        "4 cores of 1 cpu: a virtual machine", lambda: grid("1x4", packages=1, cores=4, threads=1)
    ),
    "2x8-smt2": Plan(
        "2 packages of 8 cores of 2 cpus; siblings are N and N+16",
        lambda: grid("2x8-smt2", packages=2, cores=8, threads=2),
    ),
    "2x16-smt2": Plan(
        "2 packages of 16 cores of 2 cpus; siblings are N and N+32",
        lambda: grid("2x16-smt2", packages=2, cores=16, threads=2),
    ),
    "2x64-smt2": Plan(
        "2 packages of 64 cores of 2 cpus; an LLC for each 8 cores; 256 cpus in all",
        lambda: grid("2x64-smt2", packages=2, cores=64, threads=2, llc_cores=8),
    ),
    "2x128-smt2": Plan(
        "2 packages of 128 cores of 2 cpus; an LLC for each 8 cores; 512 cpus in all",
        lambda: grid("2x128-smt2", packages=2, cores=128, threads=2, llc_cores=8),
    ),
    "4-nodes": Plan(
        "2 packages of 2 nodes of 4 cores of 2 cpus; distances 10, 12 and 32", _4_nodes
    ),
    "llc-8": Plan(
        "1 package of 32 cores of 2 cpus; an LLC for each 8 cores",
        lambda: grid("llc-8", packages=1, cores=32, threads=2, llc_cores=8),
    ),
    "smt4": Plan("2 packages of 4 cores of 4 cpus; the nodes are 0 and 8", _smt4),
    "hybrid": Plan("6 cores of 2 cpus and 8 cores of 1 cpu", _hybrid),
    "memoryless": Plan(
        "as 4-nodes, but nodes 1 and 3 have no memory; distances 10, 16 and 22", _memoryless
    ),
    "offline": Plan("2 packages of 4 cores of 2 cpus; cpus 3, 11 and 13 are offline", _offline),
    "sparse": Plan("2 packages of 4 cores of 2 cpus, with ids from 0 to 4095", _sparse),
}
"""The machines that have a name, and how each is made."""


class _Machines(Mapping[str, Machine]):
    """The machines of `PLANS`, each made once, when it is asked for."""

    def __getitem__(self, name: str) -> Machine:
        return _made(name)

    def __iter__(self) -> Iterator[str]:
        return iter(PLANS)

    def __len__(self) -> int:
        return len(PLANS)

    def __contains__(self, name: object) -> bool:
        return name in PLANS


@functools.cache
def _made(name: str) -> Machine:
    return PLANS[name].make()


MACHINES: Mapping[str, Machine] = _Machines()
"""The machines that have a name."""


def _split(machine: Machine, cores: int, far: tuple[int, int]) -> Machine:
    """Give each so many cores of a grid a node of their own.

    Args:
        machine: A grid.
        cores: The number of cores of a node.
        far: The distance to nodes of the same package, and of another one.
    """
    cpus = tuple(dataclasses.replace(cpu, node=(cpu.core or 0) // cores) for cpu in machine.cpus)
    package_of = {cpu.node: cpu.package for cpu in cpus if cpu.node is not None}
    table = {
        one: {
            other: LOCAL if one == other else far[package_of[one] != package_of[other]]
            for other in package_of
        }
        for one in package_of
    }
    nodes = nodes_with(cpus, CpuSet.of(package_of), table)
    return dataclasses.replace(machine, cpus=cpus, nodes=nodes)


def _listed(
    name: str, nodes: Mapping[int, Sequence[tuple[int, ...]]], far: int = REMOTE
) -> Machine:
    """Return a machine of listed cores, one LLC and one package per node.

    Args:
        name: Its name.
        nodes: The cpus of each core, by node.
        far: The distance between two nodes.
    """
    cpus = [
        Cpu(cpu, core[0], cores[0][0], node, package)
        for package, (node, cores) in enumerate(nodes.items())
        for core in cores
        for cpu in core
    ]
    ordered = tuple(sorted(cpus, key=lambda cpu: cpu.id))
    table = {one: {other: LOCAL if one == other else far for other in nodes} for one in nodes}
    return Machine(name, ordered, CpuSet.EMPTY, nodes_with(ordered, CpuSet.of(nodes), table))
