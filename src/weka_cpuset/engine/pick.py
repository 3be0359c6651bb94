"""Choose cpus for an integer container: the cheapest set by rule 5.

`cost` says what a choice costs, `search` finds the cheapest one, and here are the limits
that a preference sets: what breaks them is no choice at all.
"""

from dataclasses import replace
from itertools import accumulate

from weka_cpuset.engine.cost import touched
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import IntegerDemand
from weka_cpuset.engine.preference import Llc, Numa, Preference, Smt
from weka_cpuset.engine.search import Search
from weka_cpuset.engine.topology import Topology


def pick(
    topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet = CpuSet.EMPTY
) -> CpuSet | None:
    """Choose the cheapest cpus by rule 5, within what the demand's preference allows.

    1. Packages: as few as can hold the request; of several splits the cheapest.
    2. Nodes in a package, and 3. LLC groups in a node: likewise.
    4. Cores in an LLC group: whole cores first, then threads of cores that are broken
       already, then as few newly broken ones as possible; the core of cpu 0 last.
    5. Among equals the groups in which the least is left free, then the lowest ids.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody; those that the demand forbids count
            as cpus that are left for others.
        demand: What the container asks for, all in all.
        keep: Cpus the container has already and goes on using.

    Returns:
        `keep` and the cpus added, or None when no choice is possible.
    """
    free = (free & topology.online) - keep
    allowed = addable(topology, free, demand, keep)
    count = demand.count - len(keep)
    if len(allowed) < count:
        return None
    if count <= 0:
        return keep
    # The cheapest choice spans the fewest nodes there can be, but maybe not the fewest LLC
    # groups: these could be on more nodes.
    for caches_first in (False, True) if demand.preference.llc is Llc.STRICT else (False,):
        search = Search(
            topology, free.mask, allowed.mask, keep.mask, demand.preference, caches_first
        )
        added = search.cheapest(count)
        if added is not None and fits(topology, added | keep, demand, keep):
            return added | keep
    return None


def shrink(topology: Topology, cpus: CpuSet, demand: IntegerDemand) -> CpuSet | None:
    """Choose the best of a container's own cpus, when it asks for no more than it has.

    Args:
        topology: The machine.
        cpus: Its cpus.
        demand: What it asks for from now on.

    Returns:
        Those it keeps: all that it has if it asks for as many, whatever its preference.
        What spans too much may go on doing so. None if it has not so many whole cores.
    """
    if len(cpus) == demand.count:
        return cpus
    smt_only = Preference(smt=demand.preference.smt)
    return pick(topology, cpus, demand) or pick(
        topology, cpus, replace(demand, preference=smt_only)
    )


def fits(
    topology: Topology, chosen: CpuSet, demand: IntegerDemand, keep: CpuSet = CpuSet.EMPTY
) -> bool:
    """Tell whether a choice keeps the limits that the demand's preference sets.

    Args:
        topology: The machine.
        chosen: All cpus the container then has.
        demand: What it asks for.
        keep: Those it had before: what spans too much already is not made to span less.

    Returns:
        Whether a container may be given these cpus.
    """
    preference = demand.preference
    if preference.smt is Smt.FULL_CORES:
        cores = touched(topology.cores, chosen)
        if not all(core <= chosen for core in cores):
            return False
    if preference.numa is Numa.STRICT:
        most = max(1, len(touched(topology.nodes, keep)))
        if len(touched(topology.nodes, chosen)) > most:
            return False
    if preference.llc is Llc.STRICT:
        most = max(fewest_llcs(topology, demand.count), len(touched(topology.llcs, keep)))
        return len(touched(topology.llcs, chosen)) <= most
    return True


def fewest_llcs(topology: Topology, count: int) -> int:
    """Tell how many LLC groups so many cpus need if all cpus of the machine are free."""
    sizes = sorted(map(len, topology.llcs), reverse=True)
    return 1 + sum(room < count for room in accumulate(sizes))


def keepable(topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet) -> CpuSet:
    """Tell which of its cpus a container can go on using where it must get others.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody.
        demand: What it asks for.
        keep: Those of its cpus that are not in anybody's way.

    Returns:
        All of them; for `Smt.FULL_CORES` only those whose cores it can have whole.
    """
    if demand.preference.smt is not Smt.FULL_CORES:
        return keep
    return _whole_cores(topology, (free - demand.forbidden) | keep) & keep


def stay(topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet) -> CpuSet:
    """Tell which of its cpus a container goes on using when some are taken from it.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody.
        demand: What it asks for.
        keep: Those of its cpus that are not in anybody's way.

    Returns:
        What it can keep (`keepable`); none where nothing can be added to that within the limits
        of its preference: then it moves as a whole.
    """
    rest = keepable(topology, free, demand, keep)
    if demand.preference.has_limits and pick(topology, free, demand, rest) is None:
        return CpuSet.EMPTY
    return rest


def addable(topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet) -> CpuSet:
    """Tell which cpus may be added to those that a container keeps.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody.
        demand: What the container asks for.
        keep: The cpus it keeps.

    Returns:
        Those it does not forbid; for `Smt.FULL_CORES` only those of cores it can have whole.
    """
    allowed = free - demand.forbidden
    if demand.preference.smt is Smt.FULL_CORES:
        allowed &= _whole_cores(topology, allowed | keep)
    return allowed


def _whole_cores(topology: Topology, cpus: CpuSet) -> CpuSet:
    """Unite the cores of which all cpus are given."""
    mask = 0
    for core in topology.cores:
        if core <= cpus:
            mask |= core.mask
    return CpuSet(mask)
