"""Why an integer container has these cpus and no others."""

from itertools import combinations

from tests.machines import LAPTOP, SERVER
from weka_cpuset.engine import CpuSet, IntegerDemand, Situation, cost, pick, reasons
from weka_cpuset.engine.cost import PLACEMENT_TERMS
from weka_cpuset.engine.reasons import FORBIDDEN, RESERVED


def test_on_an_empty_machine_only_the_ids_decide_and_nobody_is_in_the_way() -> None:
    """The runner-up of the first container costs the same; the lowest ids win."""
    demand = IntegerDemand(2)
    chosen = pick(LAPTOP, LAPTOP.online, demand)
    assert chosen is not None
    found = reasons(Situation(LAPTOP, demand, chosen, LAPTOP.online))
    assert found.runner_up is not None
    assert found.runner_up.decided_by == "cpus"
    assert found.runner_up.cost[:-1] == found.cost[:-1]
    assert found.runner_up.cost > found.cost
    assert found.elsewhere is None
    assert found.unhindered is None
    assert found.obstacles == ()


def test_the_runner_up_is_the_cheapest_other_choice_of_all() -> None:
    """No set of the same size that differs is cheaper, whichever it is."""
    free = CpuSet.of([0, 1, 2, 3, 5, 6, 7])
    for count in (1, 2, 3, 4):
        demand = IntegerDemand(count)
        chosen = pick(LAPTOP, free, demand)
        assert chosen is not None
        found = reasons(Situation(LAPTOP, demand, chosen, free)).runner_up
        others = [CpuSet.of(one) for one in combinations(free, count)]
        cheapest = min(cost(LAPTOP, free, one) for one in others if one != chosen)
        assert found is not None
        assert found.cost == cheapest


def test_a_choice_elsewhere_tells_why_not_there() -> None:
    """The best choice in another cache shares no cpu, and costs no less."""
    demand = IntegerDemand(4)
    chosen = pick(SERVER, SERVER.online, demand)
    assert chosen is not None
    found = reasons(Situation(SERVER, demand, chosen, SERVER.online))
    assert found.elsewhere is not None
    assert found.elsewhere.cpus.isdisjoint(chosen)
    assert found.elsewhere.cost > found.cost


def test_the_owner_in_the_way_is_named() -> None:
    """With one thread of each core owned, no whole core is left; each owner alone is enough."""
    owners = {"a": CpuSet.of([1]), "b": CpuSet.of([2, 3]), "far": CpuSet.of([0])}
    free = CpuSet.of([4, 5, 6, 7])
    demand = IntegerDemand(2)
    chosen = pick(LAPTOP, free, demand)
    assert chosen is not None
    found = reasons(Situation(LAPTOP, demand, chosen, free, owners=owners))
    assert found.unhindered is not None
    assert found.unhindered.cost[:PLACEMENT_TERMS] < found.cost[:PLACEMENT_TERMS]
    named = {one.who: one for one in found.obstacles}
    assert set(named) == {"a", "b", "far"}
    assert named["a"].cpus == CpuSet.of([1])
    assert named["a"].alone is not None
    assert named["a"].alone.cpus == CpuSet.of([1, 5])


def test_reserved_and_forbidden_cpus_are_in_the_way_too() -> None:
    """Not only containers keep one off a whole core."""
    reserved, forbidden = CpuSet.of([5, 6]), CpuSet.of([3])
    demand = IntegerDemand(2, forbidden)
    free = LAPTOP.online - reserved - CpuSet.of([0])
    chosen = pick(LAPTOP, free, demand)
    assert chosen is not None
    owners = {"other": CpuSet.of([0])}
    found = reasons(Situation(LAPTOP, demand, chosen, free, reserved=reserved, owners=owners))
    named = {one.who: one for one in found.obstacles}
    assert {RESERVED, FORBIDDEN} <= set(named)
    assert named[FORBIDDEN].cpus == forbidden


def test_where_only_several_together_are_in_the_way_none_is_enough_alone() -> None:
    """Two owners hold the two threads of each core beside a free one."""
    owners = {"a": CpuSet.of([0, 1]), "b": CpuSet.of([4, 5])}
    free = CpuSet.of([2, 7])
    demand = IntegerDemand(2)
    taken = {**owners, "c": CpuSet.of([3]), "d": CpuSet.of([6])}
    found = reasons(Situation(LAPTOP, demand, free, free, owners=taken))
    named = {one.who: one for one in found.obstacles}
    assert named["c"].alone is not None
    assert named["d"].alone is not None
    assert all(named[one].alone is None for one in ("a", "b") if one in named)


def test_what_is_kept_stays_in_every_alternative() -> None:
    """A container that grows is not compared with choices that would move it."""
    keep = CpuSet.of([1])
    demand = IntegerDemand(2)
    free = LAPTOP.online - keep
    chosen = pick(LAPTOP, free, demand, keep)
    assert chosen is not None
    found = reasons(Situation(LAPTOP, demand, chosen, free, keep))
    assert found.elsewhere is None
    assert found.runner_up is not None
    assert keep <= found.runner_up.cpus
