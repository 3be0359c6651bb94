"""What a choice of cpus costs: rule 5 as a tuple that can be compared.

All terms are sums over groups that do not overlap (packages, nodes, LLC groups, cores,
cpus). `pick` relies on that to find the cheapest choice group by group.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.preference import NO_PREFERENCE, Numa, Preference, Smt
from weka_cpuset.engine.topology import Topology


class Cost(NamedTuple):
    """What a choice of cpus costs; rule 5, most important first, less is better.

    Attributes:
        packages: Packages spanned.
        nodes: NUMA nodes spanned.
        node_pairs: Pairs of its cpus that lie on one node: least where the nodes have
            equal shares. Counted for `Numa.SPREAD` only, else 0.
        core_pairs: Pairs of its cpus that lie on one core. Counted for `Smt.SPREAD` only,
            else 0.
        llcs: LLC groups spanned.
        cores_shared: Cores of which it does not own every thread, so that strangers
            (other owners, or the pool) run beside it. For `Smt.SPREAD`, which leaves
            threads to others on purpose, only those of which an owner has one.
        cores_broken: Cores that were wholly free and are now partly taken; 0 for
            `Smt.SPREAD`.
        core_zero: 1 if it uses the core of cpu 0, where kernels put their own work.
        core_left: Free cpus left in the cores it uses; a tight fit leaves few.
        llc_left: The same for LLC groups.
        node_left: The same for nodes.
        package_left: The same for packages.
        cpus: The ids, ascending; lowest ids win.
    """

    packages: int
    nodes: int
    node_pairs: int
    core_pairs: int
    llcs: int
    cores_shared: int
    cores_broken: int
    core_zero: int
    core_left: int
    llc_left: int
    node_left: int
    package_left: int
    cpus: tuple[int, ...]


PLACEMENT_TERMS: Final = 8
"""How many terms of a cost say how well the container itself is placed; those that follow
say what is left for others."""


def cost(
    topology: Topology,
    free: CpuSet,
    chosen: CpuSet,
    keep: CpuSet = CpuSet.EMPTY,
    preference: Preference = NO_PREFERENCE,
) -> Cost:
    """Measure a choice.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody before the choice; also those that this
            container's pod forbids.
        chosen: All cpus the container then has, those it keeps included.
        keep: Those of `chosen` that it had before; never counted as free.
        preference: How its cpus are to lie.

    Returns:
        The cost, comparable with others for the same `free`, `keep` and `preference`.
    """
    free = free - keep
    left = free - chosen
    spread = preference.smt is Smt.SPREAD
    packages = touched(topology.packages, chosen)
    nodes = touched(topology.nodes, chosen)
    llcs = touched(topology.llcs, chosen)
    # Not `touched`: a choice has few of the many cores that a machine has.
    cores = set(map(topology.core_of, chosen))
    shared = [core for core in cores if not core <= chosen]
    broken = [core for core in shared if core <= free]
    return Cost(
        packages=len(packages),
        nodes=len(nodes),
        node_pairs=_pairs_in(nodes, chosen) if preference.numa is Numa.SPREAD else 0,
        core_pairs=_pairs_in(cores, chosen) if spread else 0,
        llcs=len(llcs),
        cores_shared=sum(not core <= free | chosen for core in cores) if spread else len(shared),
        cores_broken=0 if spread else len(broken),
        core_zero=int(not topology.core_of(0).isdisjoint(chosen)),
        core_left=sum(len(core & left) for core in cores),
        llc_left=sum(len(group & left) for group in llcs),
        node_left=sum(len(group & left) for group in nodes),
        package_left=sum(len(group & left) for group in packages),
        cpus=tuple(chosen),
    )


def touched(groups: Sequence[CpuSet], chosen: CpuSet) -> list[CpuSet]:
    """List the groups in which a choice has cpus."""
    mask = chosen.mask
    return [group for group in groups if group.mask & mask]


def pairs(cpus: int) -> int:
    """Count the pairs among so many cpus."""
    return cpus * (cpus - 1) // 2


def _pairs_in(groups: Collection[CpuSet], chosen: CpuSet) -> int:
    return sum(pairs(len(group & chosen)) for group in groups)
