"""Relocate: joint plans, all or nothing."""

from tests.machines import LAPTOP, flat
from weka_cpuset.engine import CpuSet, IntegerDemand
from weka_cpuset.engine.matching import Need
from weka_cpuset.engine.relocate import Supply, assign

NONE = CpuSet.EMPTY


def _supply(free: str, rest: str = "", protected: tuple[str, ...] = (), least: int = 0) -> Supply:
    sets = [CpuSet.parse(text) for text in protected]
    return Supply(flat(16), CpuSet.parse(free), CpuSet.parse(rest), sets, least)


def _need(name: str, lacks: int, forbidden: str = "", keep: str = "") -> Need:
    kept = CpuSet.parse(keep)
    return Need(name, IntegerDemand(lacks + len(kept), CpuSet.parse(forbidden)), kept)


def test_keeps_and_adds() -> None:
    """Each container keeps its cpus and gets the number it lacks, disjointly."""
    plan = assign(_supply("1-8"), [_need("a", 2, keep="9"), _need("b", 3, keep="10")])
    assert plan is not None
    assert CpuSet.of([9]) <= plan["a"]
    assert CpuSet.of([10]) <= plan["b"]
    assert (len(plan["a"]), len(plan["b"])) == (3, 4)
    assert plan["a"].isdisjoint(plan["b"])


def test_forbidden_cpus_do_not_starve_each_other() -> None:
    """The one that can use anything leaves what the other needs, in either order of names."""
    for picky, easy in (("a", "b"), ("b", "a")):
        needs = [_need(easy, 1), _need(picky, 1, forbidden="2-9")]
        plan = assign(_supply("1-2"), needs)
        assert plan == {picky: CpuSet.of([1]), easy: CpuSet.of([2])}


def test_passes_cpus_on() -> None:
    """A chain of three can only be served one way, which is found."""
    needs = [_need("a", 1, "3"), _need("b", 1, "1"), _need("c", 1, "2-3")]
    plan = assign(_supply("1-3"), needs)
    assert plan == {"a": CpuSet.of([2]), "b": CpuSet.of([3]), "c": CpuSet.of([1])}


def test_all_or_nothing() -> None:
    """If one cannot be served nobody is."""
    assert assign(_supply("1-3"), [_need("a", 2), _need("b", 1, "0-9")]) is None
    assert assign(_supply("1-3"), [_need("a", 2), _need("b", 2)]) is None


def test_leaves_a_cpu_for_each_shared_container() -> None:
    """The best cpus are not taken if that starves a shared container (rule 4)."""
    supply = _supply("1-3", protected=("2-3", ""))
    plan = assign(supply, [_need("a", 2)])
    assert plan == {"a": CpuSet.of([2, 3])}
    assert assign(supply, [_need("a", 3)]) is None
    assert assign(supply._replace(rest=CpuSet.of([0])), [_need("a", 3)]) is not None


def test_leaves_different_cpus_for_different_containers() -> None:
    """Two shared containers with nothing in common need two cpus."""
    supply = _supply("0-3", protected=("0-1", "2-3"))
    plan = assign(supply, [_need("a", 2)])
    assert plan is not None
    assert supply.leaves_enough(plan["a"])
    assert assign(supply, [_need("a", 3)]) is None


def test_min_shared() -> None:
    """The configured least size of the pool is left."""
    assert assign(_supply("1-4", rest="0", least=2), [_need("a", 3)]) is not None
    assert assign(_supply("1-4", rest="0", least=3), [_need("a", 3)]) is None


def test_quality() -> None:
    """Within what is possible the choice is that of rule 5."""
    supply = Supply(LAPTOP, LAPTOP.online, NONE, (), 0)
    plan = assign(supply, [_need("a", 2), _need("b", 2)])
    assert plan is not None
    assert all(cpus in LAPTOP.cores for cpus in plan.values())
