"""Why an integer container has these cpus and no others: rule 5 with its alternatives.

`pick` only looks for the cheapest choice. Here the next best one is found as well, and who was
in the way of a better one. That takes many picks, so it is for people who ask, never for an answer
that a runtime waits for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from weka_cpuset.engine.cost import PLACEMENT_TERMS, Cost, cost, touched
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import FORBID_ANNOTATION, IntegerDemand
from weka_cpuset.engine.pick import pick
from weka_cpuset.engine.topology import Topology

RESERVED = "cpus.reserved"
"""Who is in the way where integer containers never get a cpu: the setting."""

FORBIDDEN = FORBID_ANNOTATION
"""Who is in the way where the pod itself forbids a cpu: its annotation."""

_NO_OWNERS: Mapping[str, CpuSet] = {}


@dataclass(frozen=True, slots=True)
class Situation:
    """What there was to choose from when a choice was made.

    Attributes:
        topology: The machine.
        demand: What the container asks for.
        chosen: All the cpus it then had.
        free: Cpus that could be given to somebody, the chosen ones included.
        keep: Those of the chosen cpus that it had before and went on using.
        reserved: Cpus that integer containers never get.
        owners: The cpus of all others that had cpus of their own, by name.
    """

    topology: Topology
    demand: IntegerDemand
    chosen: CpuSet
    free: CpuSet
    keep: CpuSet = CpuSet.EMPTY
    reserved: CpuSet = CpuSet.EMPTY
    owners: Mapping[str, CpuSet] = field(default_factory=lambda: _NO_OWNERS)


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice that could have been made.

    Attributes:
        cpus: All the cpus the container would have.
        cost: What they would cost.
        decided_by: The first term that differs from the choice that was made; `cpus`: only
            the ids do.
    """

    cpus: CpuSet
    cost: Cost
    decided_by: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Somebody who was in the way of a better choice.

    Attributes:
        who: The name of an owner, `RESERVED` or `FORBIDDEN`.
        cpus: Those of its cpus that the better choice has.
        alone: The better choice there would be if it were the only one to go; None: only
            without others as well is there one.
    """

    who: str
    cpus: CpuSet
    alone: Choice | None


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a container has the cpus it has.

    Attributes:
        cost: What its cpus cost when they were chosen.
        runner_up: The cheapest choice that is not exactly this one, or None.
        elsewhere: The cheapest choice in none of the LLC groups it lies in, or None.
        unhindered: What it would have on an empty machine, if that is better placed.
        obstacles: Who was in the way of that.
    """

    cost: Cost
    runner_up: Choice | None
    elsewhere: Choice | None
    unhindered: Choice | None
    obstacles: tuple[Obstacle, ...]


def reasons(what: Situation) -> Reasons:
    """Explain a choice.

    Args:
        what: What there was to choose from, and what was chosen.

    Returns:
        The choice's cost with its alternatives.
    """
    # `free` does not have what is kept, and must have what was chosen, as `pick` saw it.
    what = replace(what, free=(what.free | what.chosen) - what.keep)
    mine = cost(what.topology, what.free, what.chosen, what.keep, what.demand.preference)
    unhindered = _unhindered(what, mine)
    obstacles = tuple(_obstacles(what, mine, unhindered)) if unhindered is not None else ()
    return Reasons(mine, _runner_up(what, mine), _elsewhere(what, mine), unhindered, obstacles)


def deciding_term(one: Cost, other: Cost) -> str:
    """Name the first term in which two costs differ; the last one if none does."""
    names = (name for name in Cost._fields if getattr(one, name) != getattr(other, name))
    return next(names, Cost._fields[-1])


def _choose(what: Situation, mine: Cost, free: CpuSet, demand: IntegerDemand) -> Choice | None:
    """Make a choice under other circumstances."""
    cpus = pick(what.topology, free, demand, what.keep)
    if cpus is None:
        return None
    price = cost(what.topology, free, cpus, what.keep, demand.preference)
    return Choice(cpus, price, deciding_term(mine, price))


def _without(what: Situation, mine: Cost, unwanted: CpuSet) -> Choice | None:
    """Choose without some cpus; they count as free for others, so that costs can be compared."""
    demand = replace(what.demand, forbidden=what.demand.forbidden | unwanted)
    return _choose(what, mine, what.free, demand)


def _runner_up(what: Situation, mine: Cost) -> Choice | None:
    """Find the cheapest other choice: of the same size, it lacks at least one of the cpus."""
    others = (_without(what, mine, CpuSet.of((cpu,))) for cpu in what.chosen - what.keep)
    return min((one for one in others if one is not None), key=_price, default=None)


def _price(choice: Choice) -> Cost:
    return choice.cost


def _elsewhere(what: Situation, mine: Cost) -> Choice | None:
    if what.keep:
        return None
    mask = 0
    for llc in touched(what.topology.llcs, what.chosen):
        mask |= llc.mask
    return _without(what, mine, CpuSet(mask))


def _unhindered(what: Situation, mine: Cost) -> Choice | None:
    """Choose on an empty machine; None if that is no better."""
    free = what.topology.online - what.keep
    return _if_better(_choose(what, mine, free, replace(what.demand, forbidden=CpuSet.EMPTY)), mine)


def _if_better(choice: Choice | None, mine: Cost) -> Choice | None:
    """Return a choice where the container itself would lie better, and not only others."""
    if choice is None or choice.cost[:PLACEMENT_TERMS] >= mine[:PLACEMENT_TERMS]:
        return None
    return choice


def _obstacles(what: Situation, mine: Cost, unhindered: Choice) -> Iterator[Obstacle]:
    """Find who is in the way: each one alone, and all that the unhindered choice meets."""
    owned = CpuSet.of(cpu for cpus in what.owners.values() for cpu in cpus)
    demand = what.demand
    for who, cpus in sorted(what.owners.items()):
        rest = [others for name, others in what.owners.items() if name != who]
        gained = cpus - what.reserved - CpuSet.of(cpu for others in rest for cpu in others)
        alone = _if_better(_choose(what, mine, what.free | gained, demand), mine)
        yield from _obstacle(who, cpus, alone, unhindered)
    gained = what.reserved - owned - what.keep
    alone = _if_better(_choose(what, mine, what.free | gained, demand), mine)
    yield from _obstacle(RESERVED, what.reserved, alone, unhindered)
    freed = replace(demand, forbidden=CpuSet.EMPTY)
    alone = _if_better(_choose(what, mine, what.free, freed), mine)
    yield from _obstacle(FORBIDDEN, demand.forbidden, alone, unhindered)


def _obstacle(
    who: str, cpus: CpuSet, alone: Choice | None, unhindered: Choice
) -> Iterator[Obstacle]:
    met = cpus & (alone or unhindered).cpus
    if met:
        yield Obstacle(who, met, alone)
