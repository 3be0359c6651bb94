"""Relocate against brute force: who can be served, and what stays where it is."""

from collections.abc import Iterator
from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.machines import container, grid, pod
from tests.property.effort import EXAMPLES
from weka_cpuset.engine import (
    Class,
    CpuSet,
    Create,
    IntegerDemand,
    Ledger,
    NoMovePlan,
    Outcome,
    PoolWouldRunDry,
    Rules,
    Settle,
    Stop,
    Topology,
    cost,
    decide,
    pick,
)
from weka_cpuset.engine.matching import Need
from weka_cpuset.engine.relocate import Supply, assign, total_terms

SMALL = settings(max_examples=EXAMPLES, deadline=None)
MACHINES = (
    grid(packages=1, nodes=1, llcs=1, cores=6, threads=1),
    grid(packages=1, nodes=1, llcs=1, cores=4, threads=2),
    grid(packages=2, nodes=1, llcs=1, cores=2, threads=2),
    grid(packages=1, nodes=2, llcs=1, cores=1, threads=4),
    grid(packages=2, nodes=1, llcs=1, cores=3, threads=2),
    grid(packages=1, nodes=2, llcs=2, cores=3, threads=1),
)


def subsets(cpus: CpuSet, least: int = 0, most: int | None = None) -> st.SearchStrategy[CpuSet]:
    """Draw a subset; of the empty set only itself."""
    if not cpus:
        return st.just(CpuSet.EMPTY)
    ids = st.frozensets(st.sampled_from(list(cpus)), min_size=least, max_size=most)
    return ids.map(CpuSet.of)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Supply, list[Need]]:
    """Draw a machine of up to 12 cpus, owners that keep some, and what the pool must leave."""
    machine = draw(st.sampled_from(MACHINES))
    rest_of_machine, needs = machine.online, []
    for index in range(draw(st.integers(1, 4))):
        keep = draw(subsets(rest_of_machine, most=2))
        rest_of_machine -= keep
        forbidden = draw(subsets(machine.online)) - keep
        demand = IntegerDemand(len(keep) + draw(st.integers(1, 2)), forbidden)
        needs.append(Need(f"c{index}", demand, keep))
    # Trying everything takes too long with more cpus than that.
    pool = draw(subsets(rest_of_machine, most=8))
    reserved = draw(subsets(pool, most=1))
    # With two lists on 8 cpus the bound on tries (MAX_TRIES) is never reached: 8 + 28 sets.
    lists = draw(st.lists(subsets(machine.online), max_size=2))
    protected = [one for one in lists if not pool <= one]
    return Supply(machine, pool - reserved, reserved, protected, draw(st.integers(0, 2))), needs


def plans(supply: Supply, free: CpuSet, needs: list[Need]) -> Iterator[tuple[CpuSet, ...]]:
    """Yield every way to serve all needs that leaves enough to the pool."""
    if not needs:
        if supply.leaves_enough(supply.free - free):
            yield ()
        return
    need, *others = needs
    for ids in combinations(free - need.forbidden, need.lacks):
        own = CpuSet.of(ids)
        for rest in plans(supply, free - own, others):
            yield (own | need.keep, *rest)


@SMALL
@given(requests())
def test_a_plan_is_found_exactly_where_one_exists(request: tuple[Supply, list[Need]]) -> None:
    """Forbidden lists, kept cpus and the pool's guard are decided as trying everything does."""
    supply, needs = request
    possible = set(plans(supply, supply.free, needs))
    plan = assign(supply, needs)
    assert (plan is not None) == bool(possible)
    if plan is not None:
        assert tuple(plan[need.container_id] for need in needs) in possible


@SMALL
@given(requests())
def test_one_alone_gets_the_best_that_the_pool_can_spare(
    request: tuple[Supply, list[Need]],
) -> None:
    """Where nobody else needs anything the choice is the cheapest by rule 5."""
    supply, (need, *_) = request
    supply = supply._replace(protected=(), min_shared=0)
    plan = assign(supply, [need])
    prices = [
        cost(supply.topology, supply.free, own, need.keep)
        for (own,) in plans(supply, supply.free, [need])
    ]
    assert (plan is None) == (not prices)
    if plan is not None:
        chosen = plan[need.container_id]
        assert cost(supply.topology, supply.free, chosen, need.keep) == min(prices)


@SMALL
@given(requests())
def test_the_order_of_needs_does_not_matter(request: tuple[Supply, list[Need]]) -> None:
    """The same containers get the same cpus however they are listed."""
    supply, needs = request
    forwards, backwards = assign(supply, needs), assign(supply, needs[::-1])
    assert (forwards is None) == (backwards is None)
    assert forwards == backwards


def _crowd(random: Random) -> tuple[Supply, list[Need]]:
    """Draw containers placed by rule 5 that lose some cpus, some of them with forbidden cpus."""
    machine = random.choice(MACHINES)
    free, placed = machine.online, []
    for _ in range(random.randint(2, 4)):
        demand = IntegerDemand(random.randint(1, 3), _some(random, machine.online, 0.1))
        own = pick(machine, free, demand)
        if own is not None:
            placed.append((demand, own))
            free -= own
    claimed = _some(random, machine.online, 0.4)
    needs = [
        Need(f"c{index}", demand, own - claimed)
        for index, (demand, own) in enumerate(placed)
        if not own.isdisjoint(claimed)
    ]
    protected = [forbidden for _ in range(2) if not free <= (forbidden := _some(random, free, 0.5))]
    return Supply(machine, free - claimed, CpuSet.EMPTY, protected, 0), needs


def _some(random: Random, cpus: CpuSet, part: float) -> CpuSet:
    return CpuSet.of(cpu for cpu in cpus if random.random() < part)


def test_few_plans_place_their_containers_worse_than_the_best_one() -> None:
    """Serving one after the other is nearly as good as trying everything, and much faster."""
    random = Random(5)  # noqa: S311  # no secret
    seen = worse = spanning = 0
    while seen < 400:
        supply, needs = _crowd(random)
        plan = assign(supply, needs) if len(needs) > 1 else None
        if plan is None:
            continue
        seen += 1
        names = [need.container_id for need in needs]
        every = [dict(zip(names, one, strict=True)) for one in plans(supply, supply.free, needs)]
        ours, *others = (
            total_terms(supply.topology, supply.free, needs, one) for one in (plan, *every)
        )
        worse += ours != min(others)
        spanning += ours[:2] != min(others)[:2]
    assert worse <= 0.02 * seen
    assert spanning <= 0.01 * seen


def _populated(data: st.DataObject, machine: Topology) -> Ledger:
    """Draw integer containers that forbid cpus, and a shared one, all told what they have."""
    reserved = data.draw(subsets(machine.online, most=1))
    ledger = Ledger.empty(machine, Rules(reserved=reserved))
    wholes = data.draw(st.lists(st.integers(0, 2), max_size=4))
    # With three shared ones and 7 cpus free MAX_TRIES is never reached: 7 + 21 + 35 sets.
    for index, whole in enumerate(wholes if wholes.count(0) <= 3 else wholes[:3]):
        forbid = str(data.draw(subsets(machine.online, most=5)))
        its_pod = pod(f"c{index}", guaranteed=whole > 0, forbid=forbid)
        ledger = decide(ledger, Create(its_pod, container(f"c{index}", whole))).ledger
        ledger = decide(ledger, Settle()).ledger
    return ledger


@SMALL
@given(st.data(), st.sampled_from(MACHINES))
def test_an_annotated_container_is_refused_only_where_no_plan_exists(
    data: st.DataObject, machine: Topology
) -> None:
    """Moves keep what is not in the way; a refusal names what is, and changes nothing (rule 2)."""
    ledger = _populated(data, machine)
    claimed = data.draw(subsets(machine.online, least=1))
    victims = [
        one
        for one in ledger.exclusive.values()
        if one.kind is Class.INTEGER and one.cpus and not one.cpus.isdisjoint(claimed)
    ]
    needs = [
        Need(one.id, one.demand, one.cpus - claimed)
        for one in victims
        if one.cpus and isinstance(one.demand, IntegerDemand)
    ]
    reserved = ledger.rules.reserved
    left = ledger.pool - claimed
    protected = [one.demand.forbidden for one in ledger.shared.values()]
    supply = Supply(machine, left - reserved, left & reserved, protected, 0)
    possible = set(plans(supply, supply.free, needs))
    claim = Create(pod("new", cores=str(claimed)), container("new"))
    decision = decide(ledger, claim)
    if not possible:
        assert decision.outcome is Outcome.REFUSED
        assert decision.ledger is ledger
        _check_refusal(decision.refusal, [one.id for one in victims], ledger, claim)
        return
    assert decision.outcome is Outcome.PLACED
    assert tuple(decision.ledger.cpus_of(one.id) for one in victims) in possible
    assert {move.container_id for move in decision.moves} == {one.id for one in victims}
    # Whoever loses a cpu needs another one, so no plan moves fewer.
    moved = sum(len(move.after - move.before) for move in decision.moves)
    assert moved == sum(need.lacks for need in needs)
    decision.ledger.check()


def _check_refusal(refusal: object, victims: list[str], ledger: Ledger, claim: Create) -> None:
    """Check that a refusal names who is in the way and has to go, or who would starve."""
    if isinstance(refusal, NoMovePlan):
        assert list(refusal.owners) == sorted(victims)
        assert refusal.in_the_way
        labels = {one.id: one.label for one in ledger.holdings()}
        assert refusal.names == tuple(labels[one] for one in refusal.owners)
        assert refusal.leavers
        for one, label in labels.items():
            if label in refusal.leavers:
                ledger = decide(ledger, Stop(one)).ledger
        # Then no owner is in the way any more; the pool may still be too small.
        refused = decide(decide(ledger, Settle()).ledger, claim).refusal
        assert isinstance(refused, PoolWouldRunDry | None)
    else:
        assert isinstance(refusal, PoolWouldRunDry)
        assert set(refusal.starving) <= ledger.shared.keys()
        assert refusal.pool == ledger.pool
