"""Say why an integer container cannot get what it asks for."""

from weka_cpuset.engine.cost import touched
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import IntegerDemand
from weka_cpuset.engine.errors import (
    NotEnoughCores,
    NotEnoughCpus,
    NotWholeCores,
    Refusal,
    SpansLlcs,
    SpansNodes,
)
from weka_cpuset.engine.pick import addable, fewest_llcs
from weka_cpuset.engine.preference import Numa, Smt
from weka_cpuset.engine.topology import Topology


def misfit(
    topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet, reserved: CpuSet
) -> Refusal:
    """Say why `pick` finds nothing.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody.
        demand: What the container asks for.
        keep: The cpus it has and would go on using.
        reserved: Cpus that integer containers never get.

    Returns:
        What to refuse it with: the first reason that holds by itself.
    """
    allowed = free - demand.forbidden
    count, preference = demand.count, demand.preference
    if len(allowed | keep) < count:
        return NotEnoughCpus(count, count - len(keep), allowed, reserved, demand.forbidden)
    usable = addable(topology, free, demand, keep) | keep
    if preference.smt is Smt.FULL_CORES:
        possible = _sums(topology, topology.online)
        if count not in possible:
            below = [max(one for one in possible if one < count)] if min(possible) < count else []
            above = [min(one for one in possible if one > count)] if max(possible) > count else []
            widths = tuple(sorted({len(core) for core in topology.cores}))
            return NotWholeCores(count, widths, (*below, *above))
        whole = CpuSet.of(cpu for core in topology.cores if core <= usable for cpu in core)
        if count not in _sums(topology, whole):
            return NotEnoughCores(count, whole, allowed | keep)
    if preference.numa is Numa.STRICT:
        nodes = touched(topology.nodes, keep) or topology.nodes
        most = max(len(node & usable) for node in nodes)
        if most < count:
            return SpansNodes(count, most, max(map(len, topology.nodes)))
    groups = fewest_llcs(topology, count)
    rooms = sorted((len(llc & usable) for llc in topology.llcs), reverse=True)
    return SpansLlcs(count, groups, sum(rooms[:groups]))


def _sums(topology: Topology, cpus: CpuSet) -> set[int]:
    """List the numbers of cpus, at least 1, that some of the whole cores among them have."""
    sums = {0}
    for core in touched(topology.cores, cpus):
        sums |= {one + len(core) for one in sums}
    return sums - {0}
