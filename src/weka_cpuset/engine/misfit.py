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
        if count not in _sums(topology, usable):
            whole = CpuSet.of(cpu for core in topology.cores if core <= usable for cpu in core)
            return NotEnoughCores(count, whole, allowed | keep)
    areas = [topology.online]
    if preference.numa is Numa.STRICT:
        areas = touched(topology.nodes, keep) or list(topology.nodes)
        most = max(_most(topology, area & usable, demand) for area in areas)
        if most < count:
            return SpansNodes(count, most, max(map(len, topology.nodes)))
    groups = fewest_llcs(topology, count)
    most = max(
        _most(topology, _roomiest(topology, area & usable, groups), demand) for area in areas
    )
    return SpansLlcs(count, groups, min(most, count - 1))


def _most(topology: Topology, cpus: CpuSet, demand: IntegerDemand) -> int:
    """Tell how many cpus, up to those asked for, can be had of some."""
    if demand.preference.smt is not Smt.FULL_CORES:
        return min(len(cpus), demand.count)
    return max((one for one in _sums(topology, cpus) if one <= demand.count), default=0)


def _roomiest(topology: Topology, cpus: CpuSet, groups: int) -> CpuSet:
    """Unite the cpus of those LLC groups, so many, that have most of them."""
    parts = sorted((llc & cpus for llc in topology.llcs), key=len, reverse=True)
    return CpuSet.of(cpu for part in parts[:groups] for cpu in part)


def _sums(topology: Topology, cpus: CpuSet) -> set[int]:
    """List the numbers of cpus, at least 1, that some of the whole cores among them have."""
    sums = {0}
    for core in topology.cores:
        if core <= cpus:
            sums |= {one + len(core) for one in sums}
    return sums - {0}
