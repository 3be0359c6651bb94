"""What must be told to make a ledger true, in the order in which it must be told."""

from collections.abc import Iterable

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.events import Phase
from weka_cpuset.engine.ledger import Holding
from weka_cpuset.engine.order import Change, CpusetUpdate, Ordered, Step, order


def due(draft: Draft, limit: int | None, at_hand: str = "") -> tuple[list[Change], bool]:
    """List the containers that are not known to have what they are wanted to have.

    Args:
        draft: The ledger in the making.
        limit: How many shared containers may grow. With 0 those that would are left out:
            after the end of one owner they are all the shared containers there are.
        at_hand: A container that gets no update: it has a place of its own in the reply.

    Returns:
        The changes, unordered, and whether these are all.
    """
    changes: list[Change] = []
    listed_all = True
    if draft.settled:
        return changes, listed_all
    for one, holding in draft.exclusive.items():
        if one != at_hand and holding.cpus is not None:
            _compare(draft, holding, holding.cpus, changes)
    left = {forbidden: draft.common - forbidden for forbidden in draft.forbids}
    for one, holding in draft.shared.items():
        wants = left[holding.demand.forbidden]
        # The comparison of masks keeps the common case, nothing to do, cheap.
        if one == at_hand or not wants:
            continue
        told = draft.told[one].mask
        if one in draft.doubts:
            _compare(draft, holding, wants, changes)
        elif told != wants.mask:
            if limit == 0 and not told & ~wants.mask:
                listed_all = False
            else:
                _compare(draft, holding, wants, changes)
    return changes, listed_all


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
    changes, listed_all = due(draft, limit, at_hand)
    ordered = order(changes, limit, leaving, keeping)
    for container_id, cpus, _ in ordered.steps:
        draft.tell(container_id, cpus)
    draft.settled = ordered.finished and listed_all
    return ordered


def tell_due(draft: Draft, limit: int | None = None) -> tuple[CpusetUpdate, ...]:
    """Order all updates that are due where no container is at hand, and note them as told."""
    return complete(draft, tell(draft, limit=limit).steps)


def complete(draft: Draft, steps: Iterable[tuple[str, CpuSet, Step]]) -> tuple[CpusetUpdate, ...]:
    """Complete ordered steps by the memory nodes of annotated containers."""
    return tuple(CpusetUpdate(one, cpus, draft.mems(one), step) for one, cpus, step in steps)
