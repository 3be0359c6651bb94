"""Misfit: the reason that is given is the one that holds."""

import pytest

from tests.machines import LAPTOP, SERVER, grid
from weka_cpuset.engine import (
    Cpu,
    CpuSet,
    IntegerDemand,
    Llc,
    NotEnoughCores,
    NotEnoughCpus,
    NotWholeCores,
    Numa,
    Preference,
    Refusal,
    Smt,
    SpansLlcs,
    SpansNodes,
    Topology,
    pick,
)
from weka_cpuset.engine.misfit import misfit

NONE = CpuSet.EMPTY
HYBRID = Topology.build(
    [Cpu(one, min(one, 4) // 2 if one < 4 else one, 0, 0, 0) for one in range(7)]
)
"""Two cores of two cpus and three of one."""

WIDE = grid(packages=1, nodes=1, llcs=1, cores=2, threads=4)


def refused(
    machine: Topology, free: str, count: int, preference: Preference, keep: str = ""
) -> Refusal:
    """Return why so many cpus cannot be had, and see that they cannot."""
    demand = IntegerDemand(count, preference=preference)
    kept = CpuSet.parse(keep) if keep else NONE
    assert pick(machine, CpuSet.parse(free), demand, kept) is None
    return misfit(machine, CpuSet.parse(free), demand, kept, NONE)


@pytest.mark.parametrize(
    ("machine", "free", "count", "expected"),
    [
        (LAPTOP, "0-7", 9, NotEnoughCpus(9, 9, CpuSet.parse("0-7"), NONE, NONE)),
        (LAPTOP, "0-7", 5, NotWholeCores(5, (2,), (4, 6))),
        (LAPTOP, "0-7", 1, NotWholeCores(1, (2,), (2,))),
        (WIDE, "0-7", 7, NotWholeCores(7, (4,), (4, 8))),
        (LAPTOP, "0-3,4", 4, NotEnoughCores(4, CpuSet.parse("0,4"), CpuSet.parse("0-4"))),
        (HYBRID, "0-3", 3, NotEnoughCores(3, CpuSet.parse("0-3"), CpuSet.parse("0-3"))),
    ],
)
def test_whole_cores(machine: Topology, free: str, count: int, expected: Refusal) -> None:
    """Numbers that never are whole cores, and cores that are not free, are told apart."""
    assert expected == refused(machine, free, count, Preference(smt=Smt.FULL_CORES))


def test_one_node() -> None:
    """The node with the most room is named by its size; of one that stays, its own node."""
    strict = Preference(numa=Numa.STRICT)
    assert SpansNodes(12, 8, 16) == refused(SERVER, "0-15", 12, strict)
    assert SpansNodes(6, 5, 16) == refused(SERVER, "0-3,8-15", 6, strict, keep="16")


def test_few_caches() -> None:
    """What fits into one LLC group is not spread over two."""
    strict = Preference(llc=Llc.STRICT)
    assert SpansLlcs(6, 1, 4) == refused(SERVER, "0-15", 6, strict)
    assert SpansLlcs(12, 2, 8) == refused(SERVER, "0-15", 12, strict)


def test_one_node_and_few_caches_together() -> None:
    """Each could be had alone: the caches are named, as far as one node has them."""
    machine = grid(packages=1, nodes=2, llcs=3, cores=2, threads=2)
    free = CpuSet.EMPTY
    for llc, number in zip(machine.llcs, (3, 3, 3, 4, 0, 1), strict=True):
        free |= CpuSet.of(list(llc)[:number])
    both = Preference(numa=Numa.STRICT, llc=Llc.STRICT)
    assert SpansLlcs(7, 2, 6) == refused(machine, str(free), 7, both)


def test_one_node_in_whole_cores() -> None:
    """A node that has room, but no whole cores for so many, is no place either."""
    both = Preference(Smt.FULL_CORES, Numa.STRICT)
    machine = Topology.build(
        [Cpu(one, one // 2, 0, 0, 0) for one in range(4)]
        + [Cpu(4 + one, 2 + one // 2, 1, 1, 0) for one in range(4)]
        + [Cpu(8, 9, 1, 1, 0)]
    )
    assert SpansNodes(3, 2, 5) == refused(machine, "0-3,8", 3, both)
