"""Which cpus an integer container gets: topology first, in the order of rule 5."""

import itertools

import pytest

from weka_cpuset.engine import Cpu, CpuSet, IntegerDemand, Topology, cost, pick

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
