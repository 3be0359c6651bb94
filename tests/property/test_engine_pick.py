"""Pick and relocate against exhaustive search on small machines."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from weka_cpuset.engine import Cpu, CpuSet, IntegerDemand, Topology, cost, pick
from weka_cpuset.engine.relocate import Need, Supply, assign

SMALL = settings(max_examples=150, deadline=None)


@st.composite
def machines(draw: st.DrawFn) -> Topology:
    """Draw a machine of up to 9 cpus with any grouping, nested or not."""
    ids = draw(st.lists(st.integers(0, 15), min_size=1, max_size=9, unique=True))
    level = st.one_of(st.none(), st.integers(0, 2))
    cpus = [
        Cpu(one, draw(st.integers(0, 4)), draw(level), draw(level), draw(st.integers(0, 1)))
        for one in ids
    ]
    return Topology.build(cpus)


def subsets(cpus: CpuSet) -> st.SearchStrategy[CpuSet]:
    """Draw a subset."""
    return st.frozensets(st.sampled_from(list(cpus))).map(CpuSet.of)


@SMALL
@given(st.data(), machines())
def test_pick_is_optimal(data: st.DataObject, machine: Topology) -> None:
    """No other choice of the same size is cheaper by rule 5."""
    keep = data.draw(subsets(machine.online)) if data.draw(st.booleans()) else CpuSet.EMPTY
    free = data.draw(subsets(machine.online)) - keep
    count = data.draw(st.integers(0, len(free)))
    chosen = pick(machine, free, IntegerDemand(count + len(keep)), keep)
    assert chosen is not None
    assert keep <= chosen <= free | keep
    best = min(
        cost(machine, free, CpuSet.of(one) | keep, keep) for one in combinations(free, count)
    )
    assert cost(machine, free, chosen, keep) == best


@SMALL
@given(st.data(), machines())
def test_assign_finds_a_plan_where_one_exists(data: st.DataObject, machine: Topology) -> None:
    """Brute force finds a plan exactly when the engine does, and the engine's keeps the rules."""
    pool = data.draw(subsets(machine.online))
    reserved = data.draw(subsets(machine.online)) if data.draw(st.booleans()) else CpuSet.EMPTY
    sets = subsets(machine.online)
    protected = [one for one in data.draw(st.lists(sets, max_size=3)) if not pool <= one]
    supply = Supply(
        machine, pool - reserved, pool & reserved, protected, data.draw(st.integers(0, 2))
    )
    lacks = data.draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))
    needs = [
        Need(f"c{index}", IntegerDemand(number, data.draw(sets)))
        for index, number in enumerate(lacks)
    ]
    plan = assign(supply, needs)
    assert (plan is not None) == _can_serve(supply, supply.free, needs)
    if plan is None:
        return
    taken = CpuSet.EMPTY
    for need in needs:
        own = plan[need.container_id]
        assert len(own) == need.lacks
        assert own <= supply.free - need.forbidden
        assert own.isdisjoint(taken)
        taken |= own
    assert supply.leaves_enough(taken)


def _can_serve(supply: Supply, free: CpuSet, needs: list[Need]) -> bool:
    """Try everything."""
    if not needs:
        return supply.leaves_enough(supply.free - free)
    allowed = free - needs[0].forbidden
    return any(
        _can_serve(supply, free - CpuSet.of(one), needs[1:])
        for one in combinations(allowed, needs[0].lacks)
    )
