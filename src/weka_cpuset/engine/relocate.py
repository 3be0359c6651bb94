"""Give several integer containers new cpus at once, all or nothing (rule 2).

Containers that forbid different cpus can starve each other, so whether everyone can be
served is decided exactly, by augmenting paths between cpus wanted and cpus free
(bipartite matching). Within what is possible each gets the best cpus by rule 5, the most
constrained first.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, combinations, islice
from typing import NamedTuple

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import IntegerDemand
from weka_cpuset.engine.pick import fits, pick
from weka_cpuset.engine.topology import Topology

MAX_TRIES = 64
"""How many sets to hold back for the pool are tried: a decision must not take long."""


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


class Need(NamedTuple):
    """An integer container that lacks cpus.

    Attributes:
        container_id: The container.
        demand: What it asks for.
        keep: The cpus it has and keeps (see `pick.keepable`).
    """

    container_id: str
    demand: IntegerDemand
    keep: CpuSet = CpuSet.EMPTY

    @property
    def lacks(self) -> int:
        """How many more cpus it needs."""
        return self.demand.count - len(self.keep)

    @property
    def forbidden(self) -> CpuSet:
        """Cpus it must not get."""
        return self.demand.forbidden


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
    2. Else hold back for the pool as few cpus as rule 4 needs, trying one cpu of each
       sort: cpus that the same containers forbid are of one sort here.

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
    if supply.leaves_enough(_taken(plan, needs)):
        return plan
    for back in _held_back(supply, needs, len(supply.free) - wanted):
        plan = _serve(supply.topology, supply.free - back, needs)
        if plan is not None:
            return plan
    return None


def _taken(plan: Mapping[str, CpuSet], needs: Sequence[Need]) -> CpuSet:
    mask = 0
    for need in needs:
        mask |= (plan[need.container_id] - need.keep).mask
    return CpuSet(mask)


def _serve(topology: Topology, free: CpuSet, needs: Sequence[Need]) -> dict[str, CpuSet] | None:
    """Serve needs from free cpus, the most constrained first, or tell that none can."""
    match = _match(free, needs)
    if match is None:
        return None
    plan: dict[str, CpuSet] = {}
    waiting = sorted(
        needs, key=lambda need: (len(free - need.forbidden) - need.lacks, need.container_id)
    )
    while waiting:
        need = waiting.pop(0)
        best = pick(topology, free, need.demand, need.keep)
        rest = None if best is None else _match(free - best, waiting)
        if best is None or rest is None:
            # The best cpus for this one starve another; the matching is a way that does not.
            best, rest = need.keep | match[need.container_id], match
            if not fits(topology, best, need.demand, need.keep):
                return None
        plan[need.container_id] = best
        free -= best
        match = rest
    return plan


def _match(free: CpuSet, needs: Sequence[Need]) -> dict[str, CpuSet] | None:
    """Find any way to give each need its number of allowed free cpus, or None."""
    if all(len(free - need.forbidden) >= sum(one.lacks for one in needs) for need in needs):
        return _match_in_turn(free, needs)
    owner: dict[int, int] = {}
    for index, need in enumerate(needs):
        for _ in range(need.lacks):
            if not _augment(free, needs, owner, index):
                return None
    return {
        need.container_id: CpuSet.of(cpu for cpu, index in owner.items() if needs[index] is need)
        for need in needs
    }


def _match_in_turn(free: CpuSet, needs: Sequence[Need]) -> dict[str, CpuSet]:
    """Serve needs that cannot starve each other, one after the other."""
    found: dict[str, CpuSet] = {}
    for need in needs:
        allowed = iter(free - need.forbidden)
        found[need.container_id] = CpuSet.of(next(allowed) for _ in range(need.lacks))
        free -= found[need.container_id]
    return found


def _augment(free: CpuSet, needs: Sequence[Need], owner: dict[int, int], index: int) -> bool:
    """Give one more cpu to a need, passing cpus on from need to need where necessary."""
    came_from: dict[int, tuple[int, int] | None] = {index: None}
    queue = [index]
    for taker in queue:
        for cpu in free - needs[taker].forbidden:
            holder = owner.get(cpu)
            if holder is None:
                _pass_on(owner, came_from, taker, cpu)
                return True
            if holder not in came_from:
                came_from[holder] = (taker, cpu)
                queue.append(holder)
    return False


def _pass_on(
    owner: dict[int, int], came_from: Mapping[int, tuple[int, int] | None], taker: int, cpu: int
) -> None:
    """Give a cpu to its taker, whose own cpu goes to the one before, up to the first."""
    owner[cpu] = taker
    step = came_from[taker]
    while step is not None:
        taker, cpu = step
        owner[cpu] = taker
        step = came_from[taker]


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
