"""Which cpus an integer container gets: topology first, in the order of rule 5."""

import itertools

import pytest

from tests.machines import grid
from weka_cpuset.engine import (
    Cpu,
    CpuSet,
    IntegerDemand,
    Llc,
    Numa,
    Preference,
    Smt,
    Topology,
    cost,
    pick,
)
from weka_cpuset.engine.pick import fewest_llcs, keepable, shrink

TWO_SOCKETS = Topology.build(
    [Cpu(cpu, cpu % 8, cpu % 8 // 2, cpu % 8 // 4, cpu % 8 // 4) for cpu in range(16)]
)
"""Two packages of four cores with two threads; two cores under each last-level cache."""


def cores_of(cpus: CpuSet) -> set[CpuSet]:
    """Return the cores that cpus lie on."""
    return {TWO_SOCKETS.core_of(cpu) for cpu in cpus}


def groups_touched(groups: tuple[CpuSet, ...], cpus: CpuSet) -> int:
    """Count the groups that cpus lie in."""
    return sum(not group.isdisjoint(cpus) for group in groups)


@pytest.mark.parametrize("count", range(1, 17))
def test_as_few_cores_caches_and_sockets_as_possible(count: int) -> None:
    """On an empty machine a demand spans no more of anything than it must."""
    chosen = pick(TWO_SOCKETS, TWO_SOCKETS.online, IntegerDemand(count))
    assert chosen is not None
    assert len(chosen) == count
    assert len(cores_of(chosen)) == -(-count // 2)
    assert groups_touched(TWO_SOCKETS.llcs, chosen) == -(-count // 4)
    assert groups_touched(TWO_SOCKETS.packages, chosen) == -(-count // 8)


def test_odd_cpu_completes_a_broken_core() -> None:
    """One cpu goes beside a thread that is taken already, before a whole core is broken."""
    free = TWO_SOCKETS.online - CpuSet.of([5])
    chosen = pick(TWO_SOCKETS, free, IntegerDemand(1))
    assert chosen is not None
    assert CpuSet.of([13]) == chosen or chosen <= TWO_SOCKETS.online - TWO_SOCKETS.core_of(0)


def test_core_of_cpu_0_is_used_last() -> None:
    """The core that serves the kernel's own work is left alone where another one will do."""
    chosen = pick(TWO_SOCKETS, TWO_SOCKETS.online, IntegerDemand(2))
    assert chosen is not None
    assert chosen.isdisjoint(TWO_SOCKETS.core_of(0))


def test_what_is_kept_is_part_of_the_result() -> None:
    """Cpus that a container goes on using are in the result beside the new ones."""
    keep = CpuSet.of([5])
    chosen = pick(TWO_SOCKETS, TWO_SOCKETS.online - keep, IntegerDemand(2), keep)
    assert chosen is not None
    assert TWO_SOCKETS.core_of(5) == chosen | keep


def test_too_many_cannot_be_picked() -> None:
    """When there are fewer cpus than wanted nothing is picked."""
    assert pick(TWO_SOCKETS, CpuSet.of([1, 2]), IntegerDemand(3)) is None


@pytest.mark.parametrize("free", ["0-7", "1,3,5,7", "0-1,8-9,4,6", "2,10,3,7,15"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_nothing_cheaper_exists(free: str, count: int) -> None:
    """No other choice of as many cpus has a lower cost."""
    cpus = CpuSet.parse(free)
    chosen = pick(TWO_SOCKETS, cpus, IntegerDemand(count))
    assert chosen is not None
    assert chosen <= cpus
    best = min(
        cost(TWO_SOCKETS, cpus, CpuSet.of(other)) for other in itertools.combinations(cpus, count)
    )
    assert cost(TWO_SOCKETS, cpus, chosen) == best


def test_shrinking_keeps_the_best_of_its_own() -> None:
    """Fewer cpus are whole cores of those it has; as many as it has stay, whatever they are."""
    own = CpuSet.parse("1,9,2,3")
    assert shrink(TWO_SOCKETS, own, IntegerDemand(2)) == CpuSet.parse("1,9")
    full = Preference(smt=Smt.FULL_CORES)
    assert shrink(TWO_SOCKETS, own, IntegerDemand(4, preference=full)) == own
    assert shrink(TWO_SOCKETS, CpuSet.parse("1-3"), IntegerDemand(2, preference=full)) is None


def test_who_spans_nodes_already_may_go_on() -> None:
    """A strict container that was there before shrinks and grows on the nodes it has."""
    strict = IntegerDemand(3, preference=Preference(numa=Numa.STRICT))
    assert shrink(TWO_SOCKETS, CpuSet.parse("1-2,5-6"), strict) is not None
    assert pick(TWO_SOCKETS, CpuSet.parse("3"), strict, CpuSet.parse("1,5")) is not None


def test_enough_cpus_are_left_as_they_are() -> None:
    """Who lacks nothing is given nothing."""
    keep = CpuSet.parse("1-2")
    assert pick(TWO_SOCKETS, CpuSet.parse("3"), IntegerDemand(2), keep) == keep


@pytest.mark.parametrize(("count", "fewest"), [(1, 1), (8, 1), (9, 2), (16, 2), (17, 3), (32, 4)])
def test_fewest_caches(count: int, fewest: int) -> None:
    """As many LLC groups as the largest ones must be."""
    assert fewest_llcs(grid(2, 1, 2, 4, 2), count) == fewest


def test_half_a_core_is_not_kept_by_who_wants_whole_ones() -> None:
    """What is left of a core goes; a core that can be completed stays."""
    full = IntegerDemand(4, preference=Preference(smt=Smt.FULL_CORES))
    keep = CpuSet.parse("1,9,2")
    assert keepable(TWO_SOCKETS, CpuSet.parse("10"), full, keep) == keep
    assert keepable(TWO_SOCKETS, CpuSet.parse("3,11"), full, keep) == CpuSet.parse("1,9")
    assert keepable(TWO_SOCKETS, CpuSet.parse("3,11"), IntegerDemand(4), keep) == keep


def test_few_caches_on_two_nodes_go_before_many_on_one() -> None:
    """With llc strict two whole groups on two nodes are chosen, three pieces on one are not."""
    machine = grid(packages=1, nodes=2, llcs=3, cores=2, threads=2)
    # Node 0 has 9 cpus free in pieces of 3, node 1 two groups: one whole, one with 3.
    free = machine.online
    for llc in machine.llcs[:3]:
        free -= CpuSet.of([llc.lowest])
    free -= machine.llcs[4] | CpuSet.of([machine.llcs[5].lowest])
    whole = machine.llcs[3]
    demand = IntegerDemand(7, preference=Preference(llc=Llc.STRICT))
    chosen = pick(machine, free, demand)
    assert chosen is not None
    assert whole <= chosen
    assert groups_touched(machine.llcs, chosen) == 2
