"""Rule 5 by trying everything: slow, and plain enough to be believed."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from tests.machines import grid, without
from weka_cpuset.engine import (
    Cost,
    Cpu,
    CpuSet,
    IntegerDemand,
    Llc,
    Numa,
    Preference,
    Smt,
    Topology,
    cost,
)

PREFERENCES = tuple(Preference(*words) for words in product(Smt, Numa, Llc))
"""Every combination of the options."""

MOST = 16
"""The largest machine here, in cpus."""


def regular(most: int) -> Iterator[Topology]:
    """Yield every regular machine of at most so many cpus."""
    sizes = range(1, most + 1)
    for packages, nodes, llcs, cores in product(sizes, repeat=4):
        for threads in range(1, most // (packages * nodes * llcs * cores) + 1):
            yield grid(packages, nodes, llcs, cores, threads)


def odd() -> Iterator[Topology]:
    """Yield the machines of other kinds: hybrid, with gaps, with cpus offline, unknown levels."""
    big = [Cpu(one, one // 2, 0, 0, 0) for one in range(8)]
    small = [Cpu(8 + one, 4 + one, 1 + one // 4, 0, 0) for one in range(8)]
    yield Topology.build(big + small)
    yield Topology.build(big[:4] + small[:3])
    wide = [Cpu(one, one // 4, one // 8, one // 8, 0) for one in range(8)]
    yield Topology.build([*wide, *(Cpu(20 + one, 9 + one // 2, 5, 5, 1) for one in range(4))])
    yield Topology.build(
        Cpu(one * 273, one // 2, one // 4, one // 8, one // 8) for one in range(16)
    )
    yield Topology.build(Cpu(one) for one in range(7))
    yield Topology.build(Cpu(one, None, one // 3, one // 6) for one in range(12))
    yield without(grid(2, 1, 2, 2, 2), CpuSet.of([3, 11, 13]))
    yield without(grid(1, 2, 2, 1, 4), CpuSet.of([0, 4, 15]))
    yield without(grid(2, 2, 1, 2, 2), CpuSet.of([1, 2]))


def candidates(
    topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet
) -> Iterator[CpuSet]:
    """Yield every choice that the demand's preference allows."""
    for ids in combinations(free - demand.forbidden, demand.count - len(keep)):
        chosen = CpuSet.of(ids) | keep
        if is_allowed(topology, chosen, demand, keep):
            yield chosen


def is_allowed(topology: Topology, chosen: CpuSet, demand: IntegerDemand, keep: CpuSet) -> bool:
    """Tell whether a choice is within the limits of the demand's preference."""
    preference = demand.preference
    if preference.smt is Smt.FULL_CORES and any(
        0 < len(core & chosen) < len(core) for core in topology.cores
    ):
        return False
    nodes = span(topology.nodes, chosen)
    if preference.numa is Numa.STRICT and nodes > max(1, span(topology.nodes, keep)):
        return False
    fewest = next(
        number
        for number in range(1, len(topology.llcs) + 1)
        if any(
            sum(map(len, groups)) >= demand.count for groups in combinations(topology.llcs, number)
        )
    )
    llcs = span(topology.llcs, chosen)
    return preference.llc is Llc.PREFER or llcs <= max(fewest, span(topology.llcs, keep))


def span(groups: Sequence[CpuSet], chosen: CpuSet) -> int:
    """Count the groups in which cpus lie."""
    return sum(not group.isdisjoint(chosen) for group in groups)


def best(topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet) -> Cost | None:
    """Return the lowest cost of all choices, or None if there is none."""
    costs = (
        cost(topology, free, chosen, keep, demand.preference)
        for chosen in candidates(topology, free, demand, keep)
    )
    return min(costs, default=None)
