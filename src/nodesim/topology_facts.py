"""What `weka-cpuset topology` shows of a machine, as text for people and as values for programs.

The groups are those that the agent places by, so they nest; see `weka_cpuset.engine.Topology`.
"""

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from weka_cpuset.engine import CpuSet, Topology
from weka_cpuset.machine import Machine

WIDTH = 100
"""Where lines of cores are broken, in columns."""


class LlcFacts(msgspec.Struct, frozen=True):
    """A last-level cache: its online cpus, and those of each of its cores."""

    cpus: str
    cores: tuple[str, ...]


class NodePart(msgspec.Struct, frozen=True):
    """The part of a NUMA node that is in one package; its id is None where it is not known."""

    id: int | None
    cpus: str
    llcs: tuple[LlcFacts, ...]


class PackageFacts(msgspec.Struct, frozen=True):
    """A package; its id is None where it is not known."""

    id: int | None
    cpus: str
    nodes: tuple[NodePart, ...]


class NodeFacts(msgspec.Struct, frozen=True):
    """A NUMA node.

    Attributes:
        id: Its id.
        cpus: Its online cpus.
        memory: Whether it has memory.
        mems: The node on which the memory of its cpus lies: itself or its nearest with memory.
        distances: The distances to nodes by id, as far as they are known.
    """

    id: int
    cpus: str
    memory: bool
    mems: str
    distances: dict[str, int]


class Facts(msgspec.Struct, frozen=True):
    """A machine as it is shown.

    Attributes:
        name: Its name.
        online: Its online cpus.
        offline: Its offline cpus.
        counts: How many there are of each level, online ones.
        cpus_per_core: How many cpus a core has; 0: the cores differ.
        packages: The packages with all that is in them.
        nodes: The NUMA nodes.
    """

    name: str
    online: str
    offline: str
    counts: dict[str, int]
    cpus_per_core: int
    packages: tuple[PackageFacts, ...]
    nodes: tuple[NodeFacts, ...]


def facts_of(machine: Machine) -> Facts:
    """Return what is shown of a machine."""
    topology = machine.topology()
    package_of = {cpu.id: cpu.package for cpu in machine.cpus}
    home = {cpu: node.id for node in topology.numa.values() for cpu in node.cpus}
    packages = tuple(
        PackageFacts(
            package_of[package.lowest],
            str(package),
            tuple(_part(topology, home, node) for node in topology.nodes_in(package)),
        )
        for package in topology.packages
    )
    nodes = tuple(
        NodeFacts(
            node.id,
            str(node.cpus),
            node.has_memory,
            str(topology.memory_nodes(node.cpus)),
            {str(other): node.distances[other] for other in sorted(node.distances)},
        )
        for node in topology.numa.values()
    )
    counts = {
        "packages": len(topology.packages),
        "nodes": len(nodes),
        "llcs": len(topology.llcs),
        "cores": len(topology.cores),
        "cpus": len(topology.online),
    }
    return Facts(
        name=machine.name,
        online=str(topology.online),
        offline=str(machine.offline),
        counts=counts,
        cpus_per_core=topology.threads,
        packages=packages,
        nodes=nodes,
    )


def text_of(facts: Facts) -> str:
    """Return the facts as text for people, with a newline at its end."""
    lines = [_title(facts), ""]
    for package in facts.packages:
        lines.append(f"package {_id(package.id)}: {package.cpus}")
        for node in package.nodes:
            lines.append(f"  node {_id(node.id)}: {node.cpus}")
            for llc in node.llcs:
                lines.append(f"    LLC: {llc.cpus}")
                lines += _wrapped(llc.cores)
    if facts.nodes:
        lines += ["", *_memory(facts.nodes)]
    if facts.offline:
        lines += ["", f"offline: {facts.offline}"]
    return "\n".join(lines) + "\n"


def _part(topology: Topology, home: dict[int, int], node: CpuSet) -> NodePart:
    llcs = tuple(
        LlcFacts(str(llc), tuple(map(str, topology.cores_in(llc))))
        for llc in topology.llcs_in(node)
    )
    return NodePart(home.get(node.lowest), str(node), llcs)


def _title(facts: Facts) -> str:
    counts = facts.counts
    each = f" of {_count(facts.cpus_per_core, 'cpu')}" if facts.cpus_per_core else ""
    parts = (
        _count(counts["cpus"], "cpu"),
        _count(counts["cores"], "core") + each,
        _count(counts["llcs"], "LLC group"),
        _count(counts["nodes"], "node"),
        _count(counts["packages"], "package"),
    )
    return f"{facts.name}: {', '.join(parts)}"


def _memory(nodes: Sequence[NodeFacts]) -> Iterator[str]:
    """Yield a line per node: its memory, and its distances in columns."""
    ids = [str(node.id) for node in nodes]
    width = max(
        3, *(len(str(far)) for node in nodes for far in (*node.distances.values(), node.id))
    )
    yield f"{'node':>6}  {'memory':<12}  distance to {' '.join(f'{one:>{width}}' for one in ids)}"
    for node in nodes:
        memory = "yes" if node.memory else f"on node {node.mems}" if node.mems else "no"
        far = " ".join(f"{node.distances.get(one, '?'):>{width}}" for one in ids)
        yield f"{node.id:>6}  {memory:<12}  {'':<11} {far}"


def _wrapped(cores: Sequence[str]) -> list[str]:
    # Cores are parted by two blanks: `0,16  1,17`.
    text = "  ".join(cores)
    first, rest = " " * 6 + "cores: ", " " * 13
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _id(number: int | None) -> str:
    return "?" if number is None else str(number)
