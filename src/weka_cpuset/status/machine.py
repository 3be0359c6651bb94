"""A machine's topology to and from the form that it has in the status."""

from collections.abc import Iterator

from weka_cpuset.engine import Cpu, CpuSet, Topology
from weka_cpuset.engine import Node as NumaNode
from weka_cpuset.status.schema import Llc, Machine, Node, Package


def machine_of(topology: Topology) -> Machine:
    """Return a topology as it is shown."""
    packages = tuple(
        Package(str(package), tuple(_node(topology, node) for node in topology.nodes_in(package)))
        for package in topology.packages
    )
    memory_only = (one.id for one in topology.numa.values() if one.has_memory and not one.cpus)
    return Machine(packages, tuple(memory_only))


def topology_of(machine: Machine) -> Topology:
    """Return the topology that is shown.

    Raises:
        ValueError: It is none: a cpu is in it twice, or a text is no cpu list.
    """
    cpus = tuple(_cpus(machine))
    homes: dict[int, list[int]] = {}
    for one in cpus:
        if one.node is not None:
            homes.setdefault(one.node, []).append(one.id)
    nodes = [NumaNode(number, CpuSet.of(members)) for number, members in homes.items()]
    nodes += [NumaNode(number, CpuSet.EMPTY) for number in machine.memory_only]
    return Topology.build(cpus, nodes)


def _node(topology: Topology, node: CpuSet) -> Node:
    ids = tuple(one.id for one in topology.numa.values() if not one.cpus.isdisjoint(node))
    llcs = (
        Llc(str(llc), tuple(map(str, topology.cores_in(llc)))) for llc in topology.llcs_in(node)
    )
    return Node(ids, str(node), tuple(llcs))


def _cpus(machine: Machine) -> Iterator[Cpu]:
    """Yield the cpus; groups are numbered by their lowest cpu, which is in no other one."""
    for at, package in enumerate(machine.packages):
        for node in package.nodes:
            for llc in node.llcs:
                first = CpuSet.parse(llc.cpus).lowest
                for core in map(CpuSet.parse, llc.cores):
                    for cpu in core:
                        home = node.ids[0] if node.ids else None
                        yield Cpu(cpu, core.lowest, first, home, at)
