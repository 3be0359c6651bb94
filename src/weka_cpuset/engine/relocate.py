"""Give several integer containers new cpus at once, all or nothing (rule 2).

Containers that forbid different cpus can starve each other, so whether everyone can be
served is decided exactly (`matching`). Within what is possible each gets the best cpus by
rule 5, the most constrained first.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, combinations, islice
from typing import NamedTuple

from weka_cpuset.engine.cost import PLACEMENT_TERMS, cost
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.matching import Need, can_serve, match
from weka_cpuset.engine.pick import fits, pick
from weka_cpuset.engine.topology import Topology

MAX_TRIES = 64
"""How many sets to hold back for the pool are tried: a decision must not take long."""

MAX_ORDERS = 2
"""In how many orders containers are served at most. A third one would take as long again and
improve three plans in a thousand."""

MAX_PLANS = 4
"""How many plans are compared where something must be held back for the pool. With these two
bounds one plan in a hundred for several containers is not the best there is
(tests/property/test_engine_relocate)."""

Terms = tuple[int, ...]
"""What a placement costs the containers themselves: the first terms of a cost."""


class Move(NamedTuple):
    """A container changes its cpus.

    Attributes:
        container_id: The container.
        before: Its cpus up to now.
        after: Its cpus from now on.
    """

    container_id: str
    before: CpuSet
    after: CpuSet


class Supply(NamedTuple):
    """What can be given, and what must be left.

    Attributes:
        topology: The machine.
        free: Cpus that may be given to integer containers.
        rest: Cpus of the pool that may not (reserved ones).
        protected: The sets of cpus that live shared containers forbid: of each
            complement something must be left. Sets for which nothing was left before do
            not count.
        min_shared: Least size of the pool afterwards.
    """

    topology: Topology
    free: CpuSet
    rest: CpuSet
    protected: Sequence[CpuSet]
    min_shared: int

    def leaves_enough(self, taken: CpuSet) -> bool:
        """Tell whether rule 4 holds once these cpus are taken."""
        pool = (self.free | self.rest) - taken
        return len(pool) >= self.min_shared and not any(
            pool <= forbidden for forbidden in self.protected
        )


def assign(supply: Supply, needs: Sequence[Need]) -> dict[str, CpuSet] | None:
    """Serve all needs, or none.

    1. Serve everyone from all that is free; take that if rule 4 holds afterwards.
    2. Else hold back for the pool as few cpus as rule 4 needs: one that was taken, or some,
       of which one of each sort is tried: cpus that the same containers forbid are of one
       sort here. Of a few such plans the best one is taken.

    Args:
        supply: What can be given.
        needs: Who lacks what.

    Returns:
        All cpus of each container, or None if no way exists.
    """
    wanted = sum(need.lacks for need in needs)
    if len(supply.free) < wanted or len(supply.free | supply.rest) - wanted < supply.min_shared:
        return None
    plan = _serve(supply.topology, supply.free, needs)
    if plan is None:
        return None
    taken = _taken(plan, needs)
    if supply.leaves_enough(taken):
        return plan
    most = len(supply.free) - wanted
    plans: list[dict[str, CpuSet]] = []
    for back in chain(_given_back(supply, taken, most), _held_back(supply, needs, most)):
        plan = _serve(supply.topology, supply.free - back, needs)
        if plan is not None and supply.leaves_enough(_taken(plan, needs)):
            plans.append(plan)
            if len(plans) == MAX_PLANS:
                break
    return _best(supply.topology, supply.free, needs, plans)


def _taken(plan: Mapping[str, CpuSet], needs: Sequence[Need]) -> CpuSet:
    mask = 0
    for need in needs:
        mask |= (plan[need.container_id] - need.keep).mask
    return CpuSet(mask)


def _serve(topology: Topology, free: CpuSet, needs: Sequence[Need]) -> dict[str, CpuSet] | None:
    """Serve needs from free cpus, or tell that none can.

    Whoever is served late gets what the others leave. So those who could be served better
    alone come first in the next plan, and of all plans the best one is taken.
    """
    if not can_serve(free, needs):
        return None
    alone = {need.container_id: pick(topology, free, need.demand, need.keep) for need in needs}
    order = sorted(needs, key=lambda need: _choice(free, need))
    plans: list[dict[str, CpuSet]] = []
    for _ in range(MAX_ORDERS if len(needs) > 1 else 1):
        plan = _serve_in_turn(topology, free, order, alone)
        if len(plan) == len(order):
            plans.append(plan)
        worse = [need for need in order if _is_worse(topology, free, need, plan, alone)]
        if order[: len(worse)] == worse:
            break
        order = [*worse, *(need for need in order if need not in worse)]
    return plans[0] if len(plans) == 1 else _best(topology, free, needs, plans)


def _choice(free: CpuSet, need: Need) -> tuple[bool, bool, int, str]:
    """Rank a need by how little it can choose from: forbidden cpus count most, then kept ones."""
    allowed = len(free - need.forbidden)
    return allowed == len(free), not need.keep, allowed - need.lacks, need.container_id


def _is_worse(
    topology: Topology,
    free: CpuSet,
    need: Need,
    plan: Mapping[str, CpuSet],
    alone: Mapping[str, CpuSet | None],
) -> bool:
    """Tell whether a plan places a container worse than could be done if it were alone."""
    own, best = plan.get(need.container_id), alone[need.container_id]
    if own == best or best is None:
        return False
    if own is None:
        return True
    return _terms(topology, free, need, own) > _terms(topology, free, need, best)


def _serve_in_turn(
    topology: Topology,
    free: CpuSet,
    order: Sequence[Need],
    alone: Mapping[str, CpuSet | None],
) -> dict[str, CpuSet]:
    """Give each the best of what those before it leave, as long as nobody after it starves.

    Args:
        topology: The machine.
        free: Cpus that may be given; enough for all.
        order: The needs, in the order in which they are served.
        alone: What each would get if it were alone.

    Returns:
        All cpus of each; who could only be served against its preference is missing.
    """
    plan: dict[str, CpuSet] = {}
    for place, need in enumerate(order):
        best = alone[need.container_id]
        if best is not None and not best <= free | need.keep:
            best = pick(topology, free, need.demand, need.keep)
        if best is None or not can_serve(free - best, order[place + 1 :]):
            # The best cpus for this one starve another; the matching is a way that does not.
            found = match(free, order[place:])
            best = need.keep | found.get(need.container_id, CpuSet.EMPTY)
        if fits(topology, best, need.demand, need.keep):
            plan[need.container_id] = best
            free -= best
    return plan


def _best(
    topology: Topology, free: CpuSet, needs: Sequence[Need], plans: Sequence[dict[str, CpuSet]]
) -> dict[str, CpuSet] | None:
    """Choose the plan that places its containers best, or None if there is none."""
    return min(plans, key=lambda plan: total_terms(topology, free, needs, plan), default=None)


def total_terms(
    topology: Topology, free: CpuSet, needs: Sequence[Need], plan: Mapping[str, CpuSet]
) -> Terms:
    """Tell how well a plan places its containers, all in all.

    Args:
        topology: The machine.
        free: Cpus that could be given to somebody.
        needs: The containers.
        plan: All cpus of each.

    Returns:
        The placement terms of rule 5, each summed over the containers; less is better.
    """
    each = (_terms(topology, free, need, plan[need.container_id]) for need in needs)
    return tuple(map(sum, zip(*each, strict=True)))


def _terms(topology: Topology, free: CpuSet, need: Need, own: CpuSet) -> Terms:
    return cost(topology, free, own, need.keep, need.demand.preference)[:PLACEMENT_TERMS]


def _given_back(supply: Supply, taken: CpuSet, most: int) -> Iterator[CpuSet]:
    """Yield single cpus of a plan that would have satisfied rule 4 had they been left."""
    left = (supply.free | supply.rest) - taken
    hungry = [forbidden for forbidden in supply.protected if left <= forbidden]
    for cpu in reversed(list(taken)):
        if most > 0 and not any(cpu in forbidden for forbidden in hungry):
            yield CpuSet.of([cpu])


def _held_back(supply: Supply, needs: Sequence[Need], most: int) -> Iterator[CpuSet]:
    """Yield sets of free cpus that satisfy rule 4 when left in the pool.

    The first is found cpu by cpu, each time the one that satisfies most. It nearly always
    serves; where it starves a need, some more are tried, smallest first. How many is
    bounded: the number of sets grows with the forbidden lists that users write.
    """
    hungry = [forbidden for forbidden in supply.protected if supply.rest <= forbidden]
    marks = [*hungry, *(need.forbidden for need in needs)]
    sorts: dict[tuple[bool, ...], int] = {}
    for cpu in supply.free:
        # The highest id of each sort is held back: rule 5 prefers low ones for integers.
        sorts[tuple(cpu in mark for mark in marks)] = cpu
    candidates = sorted(sorts.values(), reverse=True)
    first = _cover(hungry, candidates)
    if first is not None and len(first) <= most:
        yield first
    sizes = range(1, min(most, len(hungry)) + 1)
    chosen = chain.from_iterable(combinations(candidates, size) for size in sizes)
    for back in map(CpuSet.of, islice(chosen, MAX_TRIES)):
        if not any(back <= forbidden for forbidden in hungry):
            yield back


def _cover(hungry: Sequence[CpuSet], candidates: Sequence[int]) -> CpuSet | None:
    """Choose cpus so that each hungry set has one outside of it, or None if none has."""
    chosen = CpuSet.EMPTY
    waiting = list(hungry)
    while waiting:
        best = max(candidates, key=lambda cpu: sum(cpu not in one for one in waiting), default=-1)
        left = [one for one in waiting if best in one]
        if best < 0 or len(left) == len(waiting):
            return None
        chosen |= CpuSet.of([best])
        waiting = left
    return chosen
