"""One machine as a value: every cpu that is present and every node, online or not.

A topology groups the cpus that are online at one moment; a machine is what it is made
from, at that moment and at any other. It comes from sysfs, from a file, or is made up.
"""

import dataclasses
from collections.abc import Mapping

from weka_cpuset.engine import Cpu, CpuSet, Node, Topology

ID_MAX = 2**31 - 1
"""Largest id of a core, LLC group or package, and largest distance: the kernel's `int`."""

NAME_MAX = 100
"""Longest name of a machine, in characters; it stands in titles and tables."""

TOPOLOGIES_KEPT = 16
"""How many topologies a machine keeps: those of the latest sets of online cpus. One of 512
cpus takes some 200 KiB."""


class MachineInvalid(ValueError):
    """Facts that contradict each other, or that no machine has.

    Attributes:
        place: Which fact, such as `node 3`.
        problem: What is wrong with it.
        allowed: What would be right, in words.
    """

    def __init__(self, place: str, problem: str, allowed: str) -> None:
        super().__init__(place, problem, allowed)
        self.place = place
        self.problem = problem
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; use {self.allowed}"


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """The cpus and NUMA nodes of a machine.

    Attributes:
        name: What people call it; printable, up to `NAME_MAX` characters.
        cpus: All cpus that are present, by id. Where an offline one sits may be unknown.
        offline: Those of them that are offline.
        nodes: The NUMA nodes, by id, each with all its present cpus.
        present: All cpus, online or not.

    Raises:
        MachineInvalid: The facts contradict each other.
    """

    name: str
    cpus: tuple[Cpu, ...]
    offline: CpuSet
    nodes: tuple[Node, ...]
    present: CpuSet = dataclasses.field(init=False, compare=False, repr=False)
    _topologies: dict[CpuSet, Topology] = dataclasses.field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        # The class is frozen for others; this is derived once because it is asked for often.
        object.__setattr__(self, "present", CpuSet.of(cpu.id for cpu in self.cpus))
        _check_name(self.name)
        _check_cpus(self)
        _check_nodes(self)

    @property
    def online(self) -> CpuSet:
        """The cpus that can be used."""
        return self.present - self.offline

    def topology(self, online: CpuSet | None = None) -> Topology:
        """Group the cpus that are online.

        Args:
            online: Which ones are; those that are not present do not count. None: the
                machine's own.

        Returns:
            Their topology; the same object for the same cpus, if asked for lately.
        """
        chosen = self.online if online is None else online & self.present
        if chosen not in self._topologies:
            if len(self._topologies) >= TOPOLOGIES_KEPT:
                del self._topologies[next(iter(self._topologies))]
            cpus = (cpu for cpu in self.cpus if cpu.id in chosen)
            self._topologies[chosen] = Topology.build(cpus, self.nodes)
        return self._topologies[chosen]


def nodes_with(
    cpus: tuple[Cpu, ...], memory: CpuSet, distances: Mapping[int, Mapping[int, int]]
) -> tuple[Node, ...]:
    """Make a machine's nodes, each with the cpus that name it.

    Args:
        cpus: The machine's cpus.
        memory: The ids of the nodes that have memory.
        distances: All nodes by id, each with its distances to others, as far as known.

    Returns:
        The nodes, by id.
    """
    members: dict[int, list[int]] = {node: [] for node in distances}
    for cpu in cpus:
        if cpu.node in members:
            members[cpu.node].append(cpu.id)
    return tuple(
        Node(node, CpuSet.of(members[node]), node in memory, dict(distances[node]))
        for node in sorted(distances)
    )


def _check_name(name: str) -> None:
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise MachineInvalid(
            "name", "empty, too long or unprintable", f"1 to {NAME_MAX} printable characters"
        )


def _check_cpus(machine: Machine) -> None:
    ids = [cpu.id for cpu in machine.cpus]
    if ids != sorted(set(ids)):
        raise MachineInvalid("cpus", "not in order of their ids", "ascending ids, each once")
    for cpu in machine.cpus:
        for level in (cpu.core, cpu.llc, cpu.package):
            if level is not None and not 0 <= level <= ID_MAX:
                raise MachineInvalid(f"cpu {cpu.id}", f"in group {level}", f"ids 0 to {ID_MAX}")
    if not machine.offline <= machine.present:
        strangers = machine.offline - machine.present
        raise MachineInvalid("offline", f"cpus {strangers} are not present", "present cpus")
    if not machine.online:
        raise MachineInvalid("offline", "no cpu is online", "at least one online cpu")


def _check_nodes(machine: Machine) -> None:
    ids = [node.id for node in machine.nodes]
    if ids != sorted(set(ids)):
        raise MachineInvalid("nodes", "not in order of their ids", "ascending ids, each once")
    known = CpuSet.of(ids)
    members: dict[int | None, list[int]] = {}
    for cpu in machine.cpus:
        if cpu.node is not None and cpu.node not in known:
            raise MachineInvalid(f"cpu {cpu.id}", f"on unknown node {cpu.node}", f"nodes {known}")
        members.setdefault(cpu.node, []).append(cpu.id)
    for node in machine.nodes:
        if node.cpus != CpuSet.of(members.get(node.id, ())):
            raise MachineInvalid(f"node {node.id}", "names other cpus", "the cpus that name it")
        for other, distance in node.distances.items():
            if other not in known or not 0 <= distance <= ID_MAX:
                raise MachineInvalid(
                    f"node {node.id}",
                    f"distance {distance} to node {other}",
                    f"distances 0 to {ID_MAX} to nodes {known}",
                )
