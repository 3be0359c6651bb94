"""Put cpuset updates into an order in which no cpu has two owners at any instant (rule 1).

The runtime applies the updates of a reply one by one, and each container at most once per
reply. So: whoever only gives up cpus goes first, then shared containers leave what others
will own, then owners move to cpus that everybody has left, then owners that only gain,
and shared containers grow last. What cannot be done now is left for the next reply. Only
two owners that would have to swap cpus on a machine without any other wait longer.
"""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import Class


class Step(Enum):
    """Why an update stands where it stands."""

    SHRINK = "shrink"
    MOVE = "move"
    GRANT = "grant"
    GROW = "grow"


class CpusetUpdate(NamedTuple):
    """Tell the runtime a container's cpus.

    Attributes:
        container_id: The container.
        cpus: All its cpus from now on; never empty.
        mems: All its memory nodes; empty means: leave them as they are.
        step: Its place in the order.
    """

    container_id: str
    cpus: CpuSet
    mems: CpuSet
    step: Step


class Change(NamedTuple):
    """A container whose cpus are not known to be the wanted ones.

    Attributes:
        container_id: The container.
        kind: The class it is held as.
        told: The cpus it was last told.
        sure: The cpus it has for certain, so that being told these gives it nothing new:
            those it was told, unless that may have been lost.
        may: All cpus it may have now, those it was told included.
        wants: The cpus it shall have; not empty.
    """

    container_id: str
    kind: Class
    told: CpuSet
    sure: CpuSet
    may: CpuSet
    wants: CpuSet


class Ordered(NamedTuple):
    """The updates in order.

    Attributes:
        steps: (container, cpus, step), in the order in which they must be applied.
        owned: Cpus that owners could not leave yet; nobody else gets them now.
        occupied: Cpus that anybody could not leave yet; no other owner gets them now.
        awaited: Cpus that owners wait for; who can leaves them.
        finished: Whether every container then has what it wants.
    """

    steps: list[tuple[str, CpuSet, Step]]
    owned: CpuSet
    occupied: CpuSet
    awaited: CpuSet
    finished: bool


def order(
    changes: Iterable[Change],
    limit: int | None = None,
    leaving: CpuSet = CpuSet.EMPTY,
    keeping: CpuSet = CpuSet.EMPTY,
    pool: CpuSet = CpuSet.EMPTY,
) -> Ordered:
    """Order updates.

    Args:
        changes: All containers that need one, each once.
        limit: At most so many shared containers grow; None means no limit.
        leaving: Cpus that the container at hand owns and gives up only after these
            updates; nobody gets them now.
        keeping: All cpus that the container at hand may have until then; no owner gets
            them now, shared containers may.
        pool: Cpus that no owner has once all is done. Who waits on cpus that it does not own
            can wait there.

    Returns:
        The updates and what remains.
    """
    ranked = sorted(changes)
    steps: list[tuple[str, CpuSet, Step]] = []
    losers: list[Change] = []
    growers: list[Change] = []
    for one in ranked:
        if one.kind is Class.SHARED:
            (growers if one.may <= one.wants else losers).append(one)
    newcomers, movers = _shrink_owners(ranked, _held(losers + growers), steps)
    parked: list[Change] = []
    finished = True
    progress = True
    while progress:
        before = len(steps)
        finished &= _shrink_shared(losers, _owned(movers + parked) | leaving, steps)
        _take_own(newcomers, _held(losers), steps)
        _move(movers, _held(losers + newcomers) | leaving | keeping, steps)
        if len(steps) == before:
            # Owners that wait for the container at hand only have to wait for its turn.
            progress = not keeping and _park(movers, parked, pool - leaving, steps)
    _take_own(newcomers, CpuSet.EMPTY, steps)
    owned = _owned(movers + parked)
    finished &= _grow(growers, owned | leaving, limit, steps)
    finished &= not (movers or parked or losers)
    awaited = CpuSet.EMPTY
    for one in movers:
        awaited |= one.wants
    occupied = _held(movers + parked + losers)
    return Ordered(steps, owned, occupied, awaited, finished)


_Steps = list[tuple[str, CpuSet, Step]]


def _held(changes: Iterable[Change]) -> CpuSet:
    mask = 0
    for one in changes:
        mask |= one.may.mask
    return CpuSet(mask)


def _owned(changes: Iterable[Change]) -> CpuSet:
    """Unite the cpus that containers still own.

    What others have beside their own is left from a time on the pool, before they were
    known for what they are: annotated cpus never change, and integer ones have a number.
    """
    return _held(
        one for one in changes if one.kind is Class.INTEGER and len(one.told) <= len(one.wants)
    )


def _shrink_owners(
    ranked: Iterable[Change], shared: CpuSet, steps: _Steps
) -> tuple[list[Change], list[Change]]:
    """Serve the owners that get nothing new.

    Args:
        ranked: All changes.
        shared: The cpus that shared containers may have now.
        steps: Gets what is served.

    Returns:
        Those that get nothing new either, but share with others until these have left:
        they had no place of their own before. And those that wait for cpus, movers first.
    """
    newcomers: list[Change] = []
    moving: list[Change] = []
    growing: list[Change] = []
    for one in ranked:
        if one.kind is Class.SHARED:
            continue
        if not one.wants <= one.sure:
            (growing if one.may <= one.wants else moving).append(one)
        elif one.wants.isdisjoint(shared):
            steps.append((one.container_id, one.wants, Step.SHRINK))
        else:
            newcomers.append(one)
    return newcomers, moving + growing


def _take_own(newcomers: list[Change], held: CpuSet, steps: _Steps) -> None:
    """Let owners that shared their cpus keep these alone, once the others have left."""
    for one in list(newcomers):
        if one.wants.isdisjoint(held):
            steps.append((one.container_id, one.wants, Step.SHRINK))
            newcomers.remove(one)


def _shrink_shared(losers: list[Change], held: CpuSet, steps: _Steps) -> bool:
    """Take shared containers off what others will own, and give them nothing still held.

    Returns:
        Whether all that were served have all they want.
    """
    complete = True
    stuck: list[Change] = []
    for one in losers:
        target = one.wants
        if target.mask & held.mask:
            # Who is on cpus of owners leaves them, unless it would have none.
            target = (one.wants - held) or (one.wants - (held - one.sure))
            complete &= target == one.wants
        if target:
            steps.append((one.container_id, target, Step.SHRINK))
        else:
            stuck.append(one)
    losers[:] = stuck
    return complete


def _move(movers: list[Change], taken: CpuSet, steps: _Steps) -> None:
    """Serve, as long as one can be, the owners whose new cpus everybody has left."""
    served = True
    while served:
        served = False
        for one in list(movers):
            if _is_clear(one, movers, taken):
                step = Step.GRANT if one.may <= one.wants else Step.MOVE
                steps.append((one.container_id, one.wants, step))
                movers.remove(one)
                served = True


def _park(movers: list[Change], parked: list[Change], pool: CpuSet, steps: _Steps) -> bool:
    """Let one of several owners that wait for each other leave what it does not want.

    That happens when a container turns out to be annotated or integer after it has run on
    the pool: those it displaces need cpus of the pool. It gets the rest with the next reply.

    Returns:
        Whether one could.
    """
    unowned = pool - _owned(movers + parked)
    # An integer container that has no more than it wants would run on less for a while.
    for one in sorted(movers, key=lambda one: (one.kind is Class.INTEGER, -len(one.told))):
        wanted = CpuSet.EMPTY
        for other in movers:
            wanted |= other.wants if other is not one else CpuSet.EMPTY
        # Where nobody is sure of anything, what was told is the best that is known.
        has = one.sure or one.told
        room = (one.wants & has) or has - wanted
        if not room and one.kind is Class.ANNOTATED:
            # It does not own what it has, so it is as well off on the pool.
            room = unowned - wanted
        if room and room != one.may:
            steps.append((one.container_id, room, Step.SHRINK))
            movers.remove(one)
            parked.append(one._replace(may=room))
            return True
    return False


def _is_clear(one: Change, movers: Iterable[Change], taken: CpuSet) -> bool:
    """Tell whether nobody else has the cpus an owner wants; annotated owners may overlap."""
    if not one.wants.isdisjoint(taken):
        return False
    return all(
        one.wants.isdisjoint(other.may)
        for other in movers
        if other is not one and not (one.kind is other.kind is Class.ANNOTATED)
    )


def _grow(growers: Iterable[Change], held: CpuSet, limit: int | None, steps: _Steps) -> bool:
    """Let shared containers grow onto what is free, those with the fewest cpus first.

    Who is on an owner's cpus, from a time without an agent, leaves them for what is free.

    Returns:
        Whether all have what they want.
    """
    complete = True
    room = limit
    for one in sorted(growers, key=lambda one: len(one.told)):
        target = (one.wants - held) or (one.wants - (held - one.sure))
        complete &= target == one.wants
        if target == one.sure != one.wants:
            continue
        if room is not None:
            if room <= 0:
                complete = False
                continue
            room -= 1
        steps.append((one.container_id, target, Step.GROW))
    return complete
