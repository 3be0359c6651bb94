"""Give one container what it asks for, moving others where rule 2 says so."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, islice

from weka_cpuset.engine.cost import PLACEMENT_TERMS, cost
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import (
    AnnotatedDemand,
    Class,
    Classified,
    ContainerFacts,
    IntegerDemand,
    SharedDemand,
    Why,
    classify,
    forbidden_of,
    has_pod_level_limit,
)
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.errors import (
    EmptySharedPool,
    NoMovePlan,
    Notice,
    PoolWouldRunDry,
    Refusal,
    Starved,
    Unplaced,
)
from weka_cpuset.engine.events import Phase
from weka_cpuset.engine.ledger import Holding, recorded_cpus
from weka_cpuset.engine.matching import Need, can_serve
from weka_cpuset.engine.misfit import misfit
from weka_cpuset.engine.pick import fits, keepable, pick, shrink, stay
from weka_cpuset.engine.relocate import MAX_TRIES, Move, Supply, assign


def place(draft: Draft, holding: Holding, keep: CpuSet = CpuSet.EMPTY) -> list[Move]:
    """Enter a container that is not in the draft, with what it asks for.

    Args:
        draft: Where to enter it.
        holding: The container with its demand; its `cpus` are chosen here.
        keep: Cpus it has already and, if it is integer, goes on using: all of them, or
            the best ones if it asks for fewer.

    Returns:
        The integer containers that were moved out of its way.

    Raises:
        Refusal: It cannot be placed. The draft is unchanged.
    """
    match holding.demand:
        case AnnotatedDemand(cpus):
            moves = _make_way(draft, cpus)
            draft.put(replace(holding, cpus=cpus))
            return moves
        case IntegerDemand() as demand:
            own = _choose_former(draft, holding, demand) if not keep else None
            if own is None:
                own = _choose(draft, holding.id, demand, keep)
            draft.put(replace(holding, cpus=own))
            return []
        case SharedDemand(forbidden):
            if draft.pool <= forbidden:
                raise EmptySharedPool(draft.pool, forbidden)
            draft.put(replace(holding, cpus=None))
            return []


def judge(draft: Draft, holding: Holding) -> tuple[Holding, tuple[Notice, ...]]:
    """Tell what a container found running asks for; with a bad annotation, the pool.

    Args:
        draft: The ledger in the making, with the pod's other containers.
        holding: The container; its demand is not looked at.

    Returns:
        The container with its demand, and what was odd.
    """
    siblings = siblings_of(draft, holding.family, holding.id)
    together = [holding.container, *siblings]
    if has_pod_level_limit(holding.pod, together) and _has_own(draft, holding, siblings):
        holding = replace(holding, limit_is_own=True)
    try:
        compared = () if holding.limit_is_own else siblings
        found = classify(
            holding.pod, holding.container, draft.topology, compared, draft.rules.preference
        )
    except Refusal as refusal:
        forbidden, odd = forbidden_of(holding.pod, holding.container.name)
        found = Classified(
            SharedDemand(forbidden), Why.BAD_ANNOTATION, (Unplaced(holding.id, refusal), *odd)
        )
    return replace(holding, demand=found.demand, why=found.why), found.notices


def siblings_of(draft: Draft, family: str, but: str = "") -> list[ContainerFacts]:
    """List a pod's live containers, to recognise a cpu limit that they share.

    Args:
        draft: The ledger in the making.
        family: Their family.
        but: The id of one to leave out.

    Returns:
        The containers; none if the pod's limit is known to be older than theirs, so that
        no comparison makes sense.
    """
    found = [draft.holding(one) for one in draft.families.get(family, ()) if one != but]
    live = [one for one in found if one is not None]
    return [] if any(one.limit_is_own for one in live) else [one.container for one in live]


def _has_own(draft: Draft, holding: Holding, siblings: Sequence[ContainerFacts]) -> bool:
    """Tell whether a container already runs on cpus of its own.

    Those that share the limit of their pod run on the pool, one and all. It may have other
    cpus than its limit says: a resize was not answered.
    """
    has = recorded_cpus(holding.container, draft.topology)
    return all(has.isdisjoint(recorded_cpus(other, draft.topology)) for other in siblings)


def adopt(draft: Draft, holding: Holding) -> tuple[list[Move], tuple[Notice, ...]]:
    """Enter a container that runs already, by the rules as far as they allow.

    It cannot be refused any more. What cannot be placed runs on the pool; what finds no
    cpu there either stays as it is, and is known as starved.

    Args:
        draft: Where to enter it.
        holding: The container; its demand is told here.

    Returns:
        The integer containers that were moved out of its way, and what was odd.
    """
    holding, notices = judge(draft, holding)
    has = recorded_cpus(holding.container, draft.topology)
    try:
        moves = place(draft, holding, keep_of(draft, holding, has))
    except Refusal as refusal:
        moves = []
        notices = (*notices, *give_pool(draft, holding, refusal))
    if holding.id not in draft.told:
        note_record(draft, holding)
    draft.settled = False
    return moves, notices


def note_record(draft: Draft, holding: Holding) -> None:
    """Note what the runtime has on record for a live container as told.

    Memory nodes are not kept in the ledger. Where those on record are not the wanted
    ones, the container is in doubt, and so is told both again.
    """
    has = recorded_cpus(holding.container, draft.topology)
    draft.told[holding.id] = has
    mems = draft.mems(holding.id)
    if mems and str(mems) != holding.container.mems:
        # It has these cpus for certain, and no others.
        draft.doubts[holding.id] = CpuSet.EMPTY


def give_pool(draft: Draft, holding: Holding, refusal: Refusal) -> tuple[Notice, ...]:
    """Enter a running container that cannot be placed as one that runs on the pool."""
    draft.put(replace(holding, cpus=None))
    if draft.pool <= holding.demand.forbidden:
        draft.starved |= {holding.id}
        return (Starved(holding.id),)
    return (Unplaced(holding.id, refusal),)


def keep_of(draft: Draft, holding: Holding, has: CpuSet) -> CpuSet:
    """Tell which of the cpus it runs on an integer container may keep (rule 9)."""
    if not isinstance(holding.demand, IntegerDemand) or len(has) > holding.demand.count:
        return CpuSet.EMPTY
    return (has & draft.pool) - draft.rules.reserved - holding.demand.forbidden


def supply_of(draft: Draft, claimed: CpuSet) -> Supply:
    """Tell what can be given from the pool besides the cpus claimed, and what must stay.

    What rule 4 asks for already failed before this event is not asked for again.
    """
    before = draft.pool_before
    left = draft.pool - claimed
    return Supply(
        topology=draft.topology,
        free=left - draft.rules.reserved,
        rest=left & draft.rules.reserved,
        protected=[forbidden for forbidden in draft.forbids if not before <= forbidden],
        min_shared=min(draft.rules.min_shared, len(before)),
    )


def _choose_former(draft: Draft, holding: Holding, demand: IntegerDemand) -> CpuSet | None:
    """Choose the cpus that an earlier attempt of a container had, if all of them are free.

    If it asks for more or less than before it is as if it were resized.
    """
    former = draft.former.get(holding.role, CpuSet.EMPTY)
    supply = supply_of(draft, CpuSet.EMPTY)
    if not former or not former <= supply.free - demand.forbidden:
        return None
    try:
        own = _choose(draft, holding.id, demand, former)
    except Refusal:
        return None
    return own if fits(draft.topology, own, demand) else None


def _choose(draft: Draft, container_id: str, demand: IntegerDemand, keep: CpuSet) -> CpuSet:
    """Choose the cpus of an integer container."""
    topology, reserved = draft.topology, draft.rules.reserved
    if len(keep) >= demand.count:
        best = shrink(topology, keep, demand)
        if best is None:
            raise misfit(topology, CpuSet.EMPTY, demand, keep, reserved)
        if not supply_of(draft, CpuSet.EMPTY).leaves_enough(best):
            raise _dry(draft, keep)
        return best
    keep = keepable(topology, supply_of(draft, keep).free, demand, keep)
    supply = supply_of(draft, keep)
    need = Need(container_id, demand, keep)
    plan = assign(supply, [need])
    if plan is not None:
        return _off_starting(draft, supply, need, plan[container_id])
    best = pick(topology, supply.free, demand, keep)
    if best is None:
        raise misfit(topology, supply.free, demand, keep, reserved)
    raise _dry(draft, best)


def _off_starting(draft: Draft, supply: Supply, need: Need, best: CpuSet) -> CpuSet:
    """Prefer cpus that no starting container is on, where that costs nothing by rule 5.

    An update that takes a container off cpus while it starts can be lost; it is then on
    them until it is told again after its start.
    """
    starting = _cpus_of_starting(draft)
    if starting.isdisjoint(best - need.keep):
        return best
    other = pick(draft.topology, supply.free - starting, need.demand, need.keep)
    if other is None or not supply.leaves_enough(other - need.keep):
        return best
    costs = [
        cost(draft.topology, supply.free, one, need.keep, need.demand.preference)
        for one in (other, best)
    ]
    return other if costs[0][:PLACEMENT_TERMS] == costs[1][:PLACEMENT_TERMS] else best


def _cpus_of_starting(draft: Draft) -> CpuSet:
    mask = 0
    for one, holding in draft.shared.items():
        if holding.phase is Phase.CREATED and one in draft.told:
            mask |= draft.told[one].mask | draft.doubts.get(one, CpuSet.EMPTY).mask
    return CpuSet(mask)


def _make_way(draft: Draft, claimed: CpuSet) -> list[Move]:
    """Move integer containers off claimed cpus, and see that the pool survives."""
    victims = [
        one
        for one in draft.exclusive.values()
        if one.kind is Class.INTEGER and one.cpus and not one.cpus.isdisjoint(claimed)
    ]
    supply = supply_of(draft, claimed)
    needs = [need for one in victims for need in _needs(supply, one, claimed)]
    plan = assign(supply, needs)
    if plan is None:
        if assign(supply._replace(protected=(), min_shared=0), needs) is None:
            raise _no_way(victims, claimed, supply)
        raise _dry(draft, claimed)
    moves = []
    for one in victims:
        moves.append(Move(one.id, one.cpus or CpuSet.EMPTY, plan[one.id]))
        draft.put(replace(one, cpus=plan[one.id]))
    return moves


def _needs(supply: Supply, one: Holding, claimed: CpuSet) -> Iterator[Need]:
    """Tell what a container lacks once claimed cpus are gone."""
    if isinstance(one.demand, IntegerDemand) and one.cpus is not None:
        keep = stay(supply.topology, supply.free, one.demand, one.cpus - claimed)
        yield Need(one.id, one.demand, keep)


def _no_way(victims: list[Holding], claimed: CpuSet, supply: Supply) -> NoMovePlan:
    """Name what is in the way, and as few containers as possible that would have to go."""
    owners = sorted(victims, key=lambda one: one.id)
    in_the_way = CpuSet.EMPTY
    for one in owners:
        in_the_way |= (one.cpus or CpuSet.EMPTY) & claimed
    return NoMovePlan(
        in_the_way,
        tuple(one.id for one in owners),
        supply.free,
        tuple(one.label for one in owners),
        tuple(one.label for one in _leavers(victims, claimed, supply)),
    )


def _leavers(victims: list[Holding], claimed: CpuSet, supply: Supply) -> Sequence[Holding]:
    """Find the fewest of some containers without which the others could move, small ones first."""
    ranked = sorted(victims, key=lambda one: (len(one.cpus or CpuSet.EMPTY), one.id))
    some = (group for size in range(1, len(ranked)) for group in combinations(ranked, size))
    for group in islice(some, MAX_TRIES):
        free = supply.free
        for one in group:
            free |= (one.cpus or CpuSet.EMPTY) - claimed
        left = supply._replace(free=free)
        needs = [need for one in ranked if one not in group for need in _needs(left, one, claimed)]
        if can_serve(free, needs):
            return group
    return ranked


def _dry(draft: Draft, taken: CpuSet) -> PoolWouldRunDry:
    """Name the shared containers that need the cpus, or else the configured minimum."""
    starving = sorted(
        (one.id, one.label)
        for one in draft.shared.values()
        if draft.pool - taken <= one.demand.forbidden and not draft.pool <= one.demand.forbidden
    )
    ids, names = tuple(one for one, _ in starving), tuple(name for _, name in starving)
    return PoolWouldRunDry(ids, draft.rules.min_shared, draft.pool, names)
