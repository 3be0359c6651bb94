"""What must be told to make a ledger true, in the order in which it must be told."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import Class
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.events import Phase
from weka_cpuset.engine.ledger import Holding
from weka_cpuset.engine.order import Change, CpusetUpdate, Ordered, Step, order


class Due(NamedTuple):
    """What is to be told.

    Attributes:
        changes: The containers that are not known to have what they are wanted to have,
            unordered.
        complete: Whether these are all.
        kept: Cpus that shared containers out of reach may keep: no owner gets them now.
        owned: Cpus that owners out of reach may keep: nobody gets them now.
    """

    changes: list[Change]
    complete: bool = True
    kept: CpuSet = CpuSet.EMPTY
    owned: CpuSet = CpuSet.EMPTY


def due(
    draft: Draft,
    limit: int | None,
    at_hand: str = "",
    *,
    running_only: bool = False,
    stalled: Collection[str] = (),
) -> Due:
    """List the containers that are not known to have what they are wanted to have.

    Args:
        draft: The ledger in the making.
        limit: How many shared containers may grow. With 0 those that would are left out:
            after the end of one owner they are all the shared containers there are.
        at_hand: A container that gets no update: it has a place of its own in the reply.
        running_only: Whether containers that do not run yet are out of reach.
        stalled: Those of them that nobody starts any more, as far as is known.

    Returns:
        What is to be told.
    """
    changes: list[Change] = []
    complete = True
    if draft.settled:
        return Due(changes)
    for one, holding in draft.exclusive.items():
        if one != at_hand and holding.cpus is not None:
            _compare(draft, holding, holding.cpus, changes)
    # There can be a thousand of these, and a pod waits: so all that they have in common is
    # computed once, and masks are compared instead of sets.
    left = {forbidden.mask: draft.common - forbidden for forbidden in draft.forbids}
    for one, holding in draft.shared.items():
        wants = left[holding.demand.forbidden.mask]
        if one == at_hand or not wants.mask:
            continue
        told = draft.told[one]
        if one in draft.doubts:
            _compare(draft, holding, wants, changes)
        elif told.mask != wants.mask:
            if limit == 0 and not told.mask & ~wants.mask:
                complete = False
            else:
                changes.append(Change(one, Class.SHARED, told, told, told, wants))
    if running_only:
        return _within_reach(draft, changes, stalled, complete=complete)
    return Due(changes, complete)


def _within_reach(
    draft: Draft, changes: list[Change], stalled: Collection[str], *, complete: bool
) -> Due:
    """Leave out containers that do not run yet; others must keep off what these may have.

    Nobody waits for those that are stalled. Should one start after all, it is told at once.
    """
    starting = [
        one
        for one in (*draft.exclusive.values(), *draft.shared.values())
        if one.phase is Phase.CREATED
    ]
    kept = owned = CpuSet.EMPTY
    for one in starting:
        if one.id in stalled:
            continue
        may = draft.told[one.id] | draft.doubts.get(one.id, CpuSet.EMPTY)
        wants = draft.wanted(one.id)
        if one.kind is Class.INTEGER and len(draft.told[one.id]) <= len(wants):
            owned |= may - wants
        else:
            # What annotated containers have beside their own is left from the pool.
            kept |= may - wants
    out_of_reach = {one.id for one in starting}
    reached = [one for one in changes if one.container_id not in out_of_reach]
    return Due(reached, complete and len(reached) == len(changes), kept, owned)


def _compare(draft: Draft, holding: Holding, wants: CpuSet, changes: list[Change]) -> None:
    """Add a change if a container has not, or may not have, what it shall have."""
    told = draft.told[holding.id]
    doubt = draft.doubts.get(holding.id) if holding.phase is Phase.RUNNING else None
    if told != wants or doubt is not None:
        sure = told & doubt if doubt else told
        may = told if doubt is None else told | doubt
        changes.append(Change(holding.id, holding.kind, told, sure, may, wants))


def tell(
    draft: Draft,
    *,
    limit: int | None,
    at_hand: str = "",
    leaving: CpuSet = CpuSet.EMPTY,
    keeping: CpuSet = CpuSet.EMPTY,
) -> Ordered:
    """Order all updates that are due, and note them as told."""
    return _tell(draft, due(draft, limit, at_hand), limit, leaving, keeping)


def _tell(draft: Draft, what: Due, limit: int | None, leaving: CpuSet, keeping: CpuSet) -> Ordered:
    ordered = order(what.changes, limit, leaving, keeping, draft.pool)
    for container_id, cpus, _ in ordered.steps:
        draft.tell(container_id, cpus)
    draft.settled = ordered.finished and what.complete
    return ordered


def tell_due(
    draft: Draft,
    limit: int | None = None,
    *,
    running_only: bool = False,
    stalled: Collection[str] = (),
) -> tuple[CpusetUpdate, ...]:
    """Order all updates that are due where no container is at hand, and note them as told."""
    what = due(draft, limit, running_only=running_only, stalled=stalled)
    return complete(draft, _tell(draft, what, limit, what.owned, what.kept).steps)


def complete(draft: Draft, steps: Iterable[tuple[str, CpuSet, Step]]) -> tuple[CpusetUpdate, ...]:
    """Complete ordered steps by the memory nodes of annotated containers."""
    return tuple(
        CpusetUpdate(one, cpus, draft.mems(one) if one in draft.exclusive else CpuSet.EMPTY, step)
        for one, cpus, step in steps
    )
