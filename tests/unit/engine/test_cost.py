"""Cost: what the terms of rule 5 count."""

from tests.machines import LAPTOP, SERVER
from weka_cpuset.engine import CpuSet, Llc, Numa, Preference, Smt, cost

ALL = LAPTOP.online


def cpus(text: str) -> CpuSet:
    """Return the cpus of a kernel list."""
    return CpuSet.parse(text)


def test_whole_cores_cost_nothing_but_the_groups_they_are_in() -> None:
    """A core of its own in one package is as good as it gets."""
    found = cost(LAPTOP, ALL, cpus("1,5"))
    assert (found.packages, found.nodes, found.llcs) == (1, 1, 1)
    assert (found.cores_shared, found.cores_broken, found.core_zero, found.core_left) == (
        0,
        0,
        0,
        0,
    )
    assert (found.llc_left, found.node_left, found.package_left) == (6, 6, 6)
    assert found.cpus == (1, 5)


def test_a_part_of_a_free_core_is_shared_and_broken() -> None:
    """Of a core that is broken already it is only shared."""
    assert cost(LAPTOP, ALL, cpus("1"))[5:9] == (1, 1, 0, 1)
    assert cost(LAPTOP, ALL - cpus("5"), cpus("1"))[5:9] == (1, 0, 0, 0)
    assert cost(LAPTOP, ALL, cpus("0"))[5:9] == (1, 1, 1, 1)


def test_cpus_that_are_kept_do_not_break_anything() -> None:
    """A container that has one thread of a core breaks nothing by going on using it."""
    assert cost(LAPTOP, ALL, cpus("1"), cpus("1")).cores_broken == 0


def test_pairs_count_only_for_those_who_spread() -> None:
    """The terms of the options are 0 for everyone else."""
    plain = cost(SERVER, SERVER.online, cpus("1,17,8"))
    assert (plain.node_pairs, plain.core_pairs) == (0, 0)
    threads = cost(SERVER, SERVER.online, cpus("1,17,8"), preference=Preference(smt=Smt.SPREAD))
    assert (threads.node_pairs, threads.core_pairs) == (0, 1)
    nodes = cost(SERVER, SERVER.online, cpus("1,17,8"), preference=Preference(numa=Numa.SPREAD))
    assert (nodes.node_pairs, nodes.core_pairs) == (1, 0)


def test_limits_are_no_terms() -> None:
    """What strict options refuse costs the same as without them."""
    strict = Preference(Smt.FULL_CORES, Numa.STRICT, Llc.STRICT)
    assert cost(LAPTOP, ALL, cpus("1-2"), preference=strict) == cost(LAPTOP, ALL, cpus("1-2"))


def test_who_spreads_minds_owners_only() -> None:
    """The pool beside it is what it has asked for; another owner is not."""
    spread = Preference(smt=Smt.SPREAD)
    assert cost(LAPTOP, ALL, cpus("1-2"), preference=spread)[5:7] == (0, 0)
    assert cost(LAPTOP, ALL - cpus("5"), cpus("1-2"), preference=spread)[5:7] == (1, 0)
