"""The cpus of one machine and how they are grouped. Immutable, computed once.

The groups nest, from the inside out: core, LLC, node, package. `pick` relies on that, so
`build` makes it so: a group that straddles two groups of the next level is cut at that
border (a NUMA node over two packages counts as one node in each). A level that the
machine does not report falls back to the level above: without LLC ids a whole node is
one LLC, without package ids the machine is one package. Without a core id a cpu is a
core of its own. Ids may be sparse; cpus may differ in the number of threads per core.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from weka_cpuset.engine.cpuset import CpuSet


@dataclass(frozen=True, slots=True)
class Cpu:
    """One online cpu as the kernel describes it. `None` means: not reported.

    Attributes:
        id: Kernel number.
        core: Id of its core, unique within its package.
        llc: Id of its last-level cache, unique on the machine.
        node: Id of its NUMA node.
        package: Id of its socket.
    """

    id: int
    core: int | None = None
    llc: int | None = None
    node: int | None = None
    package: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One NUMA node.

    Attributes:
        id: Kernel number.
        cpus: Its online cpus; empty for a node that only has memory.
        has_memory: Whether memory can be allocated on it.
        distances: Distance to other nodes by id, as in the firmware's table (10 = local).
    """

    id: int
    cpus: CpuSet
    has_memory: bool = True
    distances: Mapping[int, int] = field(default_factory=dict)


_NO_CPU = CpuSet.EMPTY


@dataclass(frozen=True, slots=True)
class Topology:
    """A machine. Use `build` to make one.

    Attributes:
        online: All cpus that can be used.
        cores: Cores as sets of cpus, by lowest cpu; each online cpu is in exactly one.
        llcs: LLC groups, likewise; each is inside one node.
        nodes: Cpus by NUMA node, likewise; each is inside one package.
        packages: Packages, likewise.
        numa: The NUMA nodes by id, with their memory.
        threads: Cpus per core where all cores have the same number, else 0.
    """

    online: CpuSet
    cores: tuple[CpuSet, ...]
    llcs: tuple[CpuSet, ...]
    nodes: tuple[CpuSet, ...]
    packages: tuple[CpuSet, ...]
    numa: Mapping[int, Node]
    threads: int
    _core_of: Mapping[int, CpuSet] = field(repr=False)
    _inside: tuple[Mapping[CpuSet, tuple[CpuSet, ...]], ...] = field(repr=False)
    _shape_of: Mapping[CpuSet, int] = field(repr=False)

    @classmethod
    def build(cls, cpus: Iterable[Cpu], nodes: Iterable[Node] = ()) -> "Topology":
        """Group the online cpus of a machine.

        Args:
            cpus: The online cpus, in any order, each id once.
            nodes: The NUMA nodes with their memory. A cpu's own `node` decides where it
                counts; `Node.cpus` fills in where that is not reported.

        Returns:
            The topology.

        Raises:
            ValueError: A cpu id is given twice or is out of range.
        """
        known = sorted(cpus, key=lambda cpu: cpu.id)
        online = CpuSet.of(cpu.id for cpu in known)
        if len(online) != len(known):
            raise ValueError("a cpu is given twice")
        given = tuple(nodes)
        home = {number: node.id for node in given for number in node.cpus}
        home |= {cpu.id: cpu.node for cpu in known if cpu.node is not None}
        paths = {cpu.id: _path(cpu, home.get(cpu.id)) for cpu in known}
        packages, numa_groups, llcs, cores = (_group(paths, depth) for depth in (1, 2, 3, 4))
        widths = {len(core) for core in cores}
        inside = (_inside(packages, numa_groups), _inside(numa_groups, llcs), _inside(llcs, cores))
        return cls(
            online=online,
            cores=cores,
            llcs=llcs,
            nodes=numa_groups,
            packages=packages,
            numa=MappingProxyType(_numa(given, home, online)),
            threads=widths.pop() if len(widths) == 1 else 0,
            _core_of={number: core for core in cores for number in core},
            _inside=inside,
            _shape_of=_shapes(inside[2]),
        )

    @property
    def memory(self) -> CpuSet:
        """The ids of the NUMA nodes that have memory."""
        return CpuSet.of(node.id for node in self.numa.values() if node.has_memory)

    def core_of(self, cpu: int) -> CpuSet:
        """Give the online cpus of a cpu's core, itself included; empty if it is not online."""
        return self._core_of.get(cpu, _NO_CPU)

    def nodes_in(self, package: CpuSet) -> tuple[CpuSet, ...]:
        """Give the nodes inside one of `packages`, by lowest cpu."""
        return self._inside[0][package]

    def llcs_in(self, node: CpuSet) -> tuple[CpuSet, ...]:
        """Give the LLC groups inside one of `nodes`, by lowest cpu."""
        return self._inside[1][node]

    def cores_in(self, llc: CpuSet) -> tuple[CpuSet, ...]:
        """Give the cores inside one of `llcs`, by lowest cpu."""
        return self._inside[2][llc]

    def shape_of(self, llc: CpuSet) -> int:
        """Give a number that is equal for LLC groups which differ only by an id offset."""
        return self._shape_of[llc]

    def memory_nodes(self, cpus: CpuSet) -> CpuSet:
        """Tell on which NUMA nodes the memory of these cpus should lie (for `cpuset.mems`).

        Args:
            cpus: Cpus of one container.

        Returns:
            Node ids: those of the cpus that have memory; a memoryless node is replaced by
            its nearest node with memory (lowest id among equals). Empty when nothing is
            known about the memory of this machine.
        """
        mask = 0
        for node in self.numa.values():
            if not node.cpus.isdisjoint(cpus):
                mask |= self._nearest_memory(node).mask
        return CpuSet(mask)

    def _nearest_memory(self, node: Node) -> CpuSet:
        if node.has_memory:
            return CpuSet.of((node.id,))
        far = float("inf")
        ranked = [
            (node.distances.get(other.id, far), other.id)
            for other in self.numa.values()
            if other.has_memory
        ]
        return CpuSet.of(min(ranked)[1:]) if ranked else CpuSet.EMPTY


_Path = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
"""Where a cpu sits: (package, node, llc, core), each as (0, id) or as (1, fallback)."""


def _path(cpu: Cpu, home: int | None) -> _Path:
    """Give a cpu's place, with each unreported level falling back to the level above."""
    node = cpu.node if cpu.node is not None else home
    return (
        _step(cpu.package, 0),
        _step(node, 0),
        _step(cpu.llc, 0),
        _step(cpu.core, cpu.id),
    )


def _step(reported: int | None, fallback: int) -> tuple[int, int]:
    """Keep reported ids and fallbacks apart, so that they never meet by accident."""
    return (1, fallback) if reported is None else (0, reported)


def _group(paths: Mapping[int, _Path], depth: int) -> tuple[CpuSet, ...]:
    """Group cpus by the first `depth` steps of their paths, by lowest cpu."""
    groups: dict[Sequence[tuple[int, int]], int] = {}
    for number, path in paths.items():
        groups[path[:depth]] = groups.get(path[:depth], 0) | 1 << number
    return tuple(CpuSet(mask) for mask in groups.values())


def _inside(
    outer: Iterable[CpuSet], inner: Iterable[CpuSet]
) -> Mapping[CpuSet, tuple[CpuSet, ...]]:
    """List the inner groups of each outer one."""
    found: dict[CpuSet, list[CpuSet]] = {group: [] for group in outer}
    home = {number: group for group in found for number in group}
    for group in inner:
        found[home[group.lowest]].append(group)
    return {group: tuple(parts) for group, parts in found.items()}


def _shapes(llcs: Mapping[CpuSet, tuple[CpuSet, ...]]) -> Mapping[CpuSet, int]:
    """Number the LLC groups by the relative position of their cores."""
    seen: dict[tuple[int, ...], int] = {}
    return {
        llc: seen.setdefault(tuple(core.mask >> llc.lowest for core in cores), len(seen))
        for llc, cores in llcs.items()
    }


def _numa(nodes: Iterable[Node], home: Mapping[int, int], online: CpuSet) -> dict[int, Node]:
    """Key the nodes by id, each with its online cpus."""
    members: dict[int, list[int]] = {}
    for number in online:
        if number in home:
            members.setdefault(home[number], []).append(number)
    ranked = sorted(nodes, key=lambda node: node.id)
    return {node.id: replace(node, cpus=CpuSet.of(members.get(node.id, ()))) for node in ranked}
