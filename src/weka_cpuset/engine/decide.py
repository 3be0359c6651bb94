"""The whole policy: a ledger and an event give a new ledger and the reply.

All effects of an event leave in its reply. The replies to Create, Update and Stop can
carry updates of other containers, and so can Settle, which stands for a moment between
events; all other events only change what is wanted. Whatever is wanted and not yet told
goes with the next one that can. Every event may come twice, late, out of order, without
its pod, or for an unknown id; none of that is an error (rule 7).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from weka_cpuset.engine.burst import take_ahead
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import (
    Class,
    Classified,
    ContainerFacts,
    IntegerDemand,
    PodFacts,
    SharedDemand,
    Why,
    classify,
    forbidden_of,
    has_pod_level_limit,
)
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.errors import CpusStillInUse, Notice, Refusal
from weka_cpuset.engine.events import (
    Create,
    Dead,
    Doubt,
    Event,
    Found,
    Phase,
    PodRemove,
    PodStop,
    Remove,
    Seen,
    Settle,
    Stop,
    Update,
)
from weka_cpuset.engine.ledger import Holding, Ledger, family_of
from weka_cpuset.engine.order import CpusetUpdate, Ordered
from weka_cpuset.engine.place import adopt, keep_of, place, siblings_of
from weka_cpuset.engine.relocate import Move
from weka_cpuset.engine.tell import complete, tell, tell_due


class Outcome(Enum):
    """What became of an event."""

    PLACED = "placed"
    UNCHANGED = "unchanged"
    ADOPTED = "adopted"
    STARTED = "started"
    RELEASED = "released"
    SETTLED = "settled"
    DOUBTED = "doubted"
    NOTHING = "nothing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The cpuset of the container at hand, for the reply.

    Attributes:
        cpus: Its cpus; not empty.
        mems: Its memory nodes; empty means: leave them as they are.
    """

    cpus: CpuSet
    mems: CpuSet


@dataclass(frozen=True, slots=True)
class Decision:
    """What to reply, and the ledger to go on with.

    Attributes:
        ledger: The new ledger; the old one itself if nothing changed.
        outcome: What became of the event.
        adjustment: The container's own cpuset, after Create and Update of a live one.
        updates: Those of other containers, in the order in which they must be applied.
        moves: Integer containers that were given other cpus.
        refusal: Why nothing was done, if the outcome is REFUSED.
        notices: What was odd.
    """

    ledger: Ledger
    outcome: Outcome
    adjustment: Adjustment | None = None
    updates: tuple[CpusetUpdate, ...] = ()
    moves: tuple[Move, ...] = ()
    refusal: Refusal | None = None
    notices: tuple[Notice, ...] = ()


def decide(ledger: Ledger, event: Event, limit: int | None = None) -> Decision:
    """Decide on one event.

    Args:
        ledger: The book so far.
        event: What happens.
        limit: How many updates that only let a shared container grow may go with this
            reply; None means all. The others go with a later reply or by Settle.

    Returns:
        The decision. This function does not raise: what cannot be done is refused.
    """
    match event:
        case (
            Create(container=ContainerFacts(id=""))
            | Update(container=ContainerFacts(id=""))
            | Seen(container=ContainerFacts(id=""))
            | (Stop("") | Remove("") | PodStop("") | PodRemove(""))
        ):
            # The runtime has left out what it is about; no container matches that.
            return Decision(ledger, Outcome.NOTHING)
        case Create() | Update():
            try:
                if isinstance(event, Create):
                    return _create_or_give_back(ledger, event, limit)
                return _update(ledger, event, limit)
            except Refusal as refusal:
                return Decision(ledger, Outcome.REFUSED, refusal=refusal)
        case Stop(container_id):
            return _stop(ledger, container_id, limit)
        case Remove(container_id):
            return _end(ledger, (container_id,))
        case PodStop(pod_id) | PodRemove(pod_id):
            ids = [one.id for one in ledger.holdings() if one.container.pod_id == pod_id]
            return _end(ledger, ids)
        case Seen():
            return _seen(ledger, event)
        case Settle():
            return _settle(ledger, event, limit)
        case Dead() | Doubt() | Found():
            return _look(ledger, event)
        case _:
            assert_never(event)


def siblings_in_question(ledger: Ledger, event: Event) -> tuple[str, ...]:
    """List the running containers whose end would change what a new one asks for.

    A container's limit is taken for that of its whole pod if all limits together exceed it.
    An init container that has ended must not count, though its Stop is still on its way.

    Args:
        ledger: The book so far.
        event: What happens.

    Returns:
        Their ids; most often none.
    """
    if not isinstance(event, Create):
        return ()
    family = ledger.families.get(family_of(event.pod, event.container), ())
    running = [one for one in map(ledger.holding, family) if one and one.phase is Phase.RUNNING]
    facts = [event.container, *(one.container for one in running)]
    return tuple(one.id for one in running) if has_pod_level_limit(event.pod, facts) else ()


def _look(ledger: Ledger, event: Dead | Doubt | Found) -> Decision:
    """Take note of what was seen of the kernel."""
    match event:
        case Dead(container_ids):
            running = (one for one in container_ids if _is_running(ledger, one))
            return _end(ledger, sorted(running))
        case Doubt():
            return _doubt(ledger, event)
        case Found(cpus):
            return _found(ledger, cpus)


def _own_cpus(draft: Draft, container_id: str, ordered: Ordered) -> CpuSet:
    """Tell which of its cpus the container at hand can have once the updates are applied.

    If others could not leave all of them it gets the rest for now, or else leaves the
    cpus that these others wait for, and gets its own with a later reply.
    """
    wants = draft.wanted(container_id)
    has = draft.told.get(container_id, CpuSet.EMPTY)
    held = ordered.owned if container_id in draft.shared else ordered.occupied
    if (wants - has).isdisjoint(held):
        return wants
    return wants - held or has - held - ordered.awaited


def _placed(draft: Draft, outcome: Outcome, container_id: str, ordered: Ordered) -> Decision:
    """Make the decision for a container at hand; one that can have nothing stays as it is."""
    cpus = _own_cpus(draft, container_id, ordered)
    adjustment = None
    if cpus:
        draft.tell(container_id, cpus)
        adjustment = Adjustment(cpus, draft.mems(container_id))
    draft.settled &= cpus == draft.wanted(container_id)
    return Decision(draft.freeze(), outcome, adjustment, complete(draft, ordered.steps))


def _create_or_give_back(ledger: Ledger, event: Create, limit: int | None) -> Decision:
    """Place a new container; nothing is refused for what was taken ahead."""
    try:
        return _create(ledger, event, limit)
    except CpusStillInUse:
        if ledger.without_spare() is ledger:
            raise
        return _create(ledger.without_spare(), event, limit)


def _create(ledger: Ledger, event: Create, limit: int | None) -> Decision:
    """Place a new container."""
    container = event.container
    if container.id in ledger.ended:
        return Decision(ledger, Outcome.NOTHING)
    if ledger.holding(container.id) is not None:
        return _repeat(ledger, container.id)
    draft = Draft(ledger)
    family = family_of(event.pod, container)
    _give_way(draft, family, container.name)
    siblings = siblings_of(draft, family)
    preference = ledger.rules.preference
    found = classify(event.pod, container, ledger.topology, siblings, preference)
    if siblings and has_pod_level_limit(event.pod, [container, *siblings]):
        _share_pod_level_limit(draft, family)
    holding = Holding(event.pod, container, found.demand, found.why, None, Phase.CREATED)
    moves = place(draft, holding)
    if isinstance(found.demand, IntegerDemand):
        take_ahead(draft, found.demand, draft.wanted(container.id))
    ordered = tell(draft, limit=limit, at_hand=container.id)
    wants = draft.wanted(container.id)
    held = ordered.occupied if container.id in draft.exclusive else ordered.owned
    if not wants.isdisjoint(held) and (container.id in draft.exclusive or wants <= held):
        raise CpusStillInUse(wants & held)
    decision = _placed(draft, Outcome.PLACED, container.id, ordered)
    return replace(decision, moves=tuple(moves), notices=found.notices)


def _repeat(ledger: Ledger, container_id: str) -> Decision:
    """Answer the Create of a container that is held already as it was answered before.

    No update goes with it: its own could not, and others may depend on that one.
    """
    wants = ledger.cpus_of(container_id)
    adjustment = Adjustment(wants, ledger.mems_of(container_id)) if wants else None
    return Decision(ledger, Outcome.UNCHANGED, adjustment)


def _members(draft: Draft, family: str) -> list[Holding]:
    ids = draft.families.get(family, ())
    return [one for member in ids if (one := draft.holding(member)) is not None]


def _give_way(draft: Draft, family: str, name: str) -> None:
    """End earlier attempts at the same container that never started.

    A failed start is not reported to plugins before the container is removed, and the
    next attempt may come first (containerd).
    """
    if not family or not name:
        return
    for one in _members(draft, family):
        if one.phase is Phase.CREATED and one.container.name == name:
            draft.end(one.id)


def _share_pod_level_limit(draft: Draft, family: str) -> None:
    """Put a pod's integer containers on the pool once their limits prove to be the pod's."""
    for one in _members(draft, family):
        if one.kind is Class.INTEGER:
            demand = SharedDemand(one.demand.forbidden)
            draft.put(replace(one, demand=demand, why=Why.POD_LEVEL, cpus=None))


def _update(ledger: Ledger, event: Update, limit: int | None) -> Decision:
    """Follow a change of a container's resources (rule 8)."""
    container = event.container
    held = ledger.holding(container.id)
    if container.id in ledger.ended or (held is None and event.ended):
        # Its process is gone. Should it not be, it harms nobody on the pool. To adopt it would be
        # for good: of one that ended while the runtime was away no further event may come.
        cpus = ledger.common - forbidden_of(event.pod, container.name)[0]
        adjustment = Adjustment(cpus, CpuSet.EMPTY) if cpus else None
        return Decision(ledger, Outcome.NOTHING, adjustment)
    draft = Draft(ledger)
    if held is None:
        return _update_unknown(draft, event, limit)
    if replace(container, pod_id=held.container.pod_id) == held.container:
        # It may come a second time: then the container has not yet left what it is to leave.
        limit = 0
    moves, notices = _change_demand(draft, held, event)
    has = draft.told[container.id] | draft.doubts.get(container.id, CpuSet.EMPTY)
    leaving = CpuSet.EMPTY if held.cpus is None else has
    ordered = tell(draft, limit=limit, at_hand=container.id, leaving=leaving, keeping=has)
    same = draft.wanted(container.id) == ledger.cpus_of(container.id)
    outcome = Outcome.UNCHANGED if same else Outcome.PLACED
    decision = _named(draft, container.id, _placed(draft, outcome, container.id, ordered))
    return replace(decision, moves=tuple(moves), notices=notices)


def _named(draft: Draft, container_id: str, decision: Decision) -> Decision:
    """Name the container itself in the reply to its update, though there be no cpus for it.

    A runtime may give a container that the reply leaves out what the kubelet sends (rule 8).
    """
    if decision.adjustment is not None:
        return decision
    return replace(decision, adjustment=Adjustment(draft.told[container_id], CpuSet.EMPTY))


def _change_demand(
    draft: Draft, held: Holding, event: Update
) -> tuple[list[Move], tuple[Notice, ...]]:
    """Give a live container what it asks for from now on.

    Raises:
        Refusal: It asks for something else than before and cannot get it.
    """
    pod = event.pod or held.pod
    found = _judge_again(draft, held, pod, event.container)
    container = replace(event.container, pod_id=held.container.pod_id)
    asked = replace(
        held,
        container=container,
        demand=found.demand,
        why=found.why,
        limit_is_own=held.limit_is_own or container.quota != held.container.quota,
    )
    placed_already = isinstance(found.demand, SharedDemand) or held.cpus is not None
    if found.demand == held.demand and placed_already:
        draft.revise(asked)
        return [], found.notices
    draft.take_out(held.id)
    if isinstance(found.demand, SharedDemand):
        draft.remember(held)
    keep = held.cpus if held.kind is Class.INTEGER and held.cpus else CpuSet.EMPTY
    try:
        return place(draft, replace(asked, pod=pod), keep), found.notices
    except Refusal:
        if found.demand != held.demand:
            raise
        draft.put(asked)
        return [], found.notices


def _judge_again(
    draft: Draft, held: Holding, pod: PodFacts | None, container: ContainerFacts
) -> Classified:
    """Tell what a live container asks for after a change of its resources.

    Annotated containers stay what they are. So do those with a pod-level limit: what the
    runtime shows of the pod itself is not always brought up to date with its containers.
    """
    as_before = Classified(held.demand, held.why)
    if held.kind is Class.ANNOTATED or held.why is Why.POD_LEVEL:
        return as_before
    try:
        return classify(pod, container, draft.topology, preference=draft.rules.preference)
    except Refusal:
        return as_before


def _update_unknown(draft: Draft, event: Update, limit: int | None) -> Decision:
    """Adopt a container first shown by an update."""
    container = event.container
    unjudged = Holding(
        event.pod, container, SharedDemand(), Why.NOT_GUARANTEED, None, Phase.RUNNING
    )
    moves, notices = adopt(draft, unjudged)
    has = draft.told[container.id]
    ordered = tell(draft, limit=limit, at_hand=container.id, keeping=has)
    decision = _named(draft, container.id, _placed(draft, Outcome.ADOPTED, container.id, ordered))
    return replace(decision, moves=tuple(moves), notices=notices)


def _end(ledger: Ledger, ids: Iterable[str]) -> Decision:
    """Release containers; what others gain goes with a later reply."""
    draft = Draft(ledger)
    released = [one for one in ids if draft.end(one) is not None]
    return Decision(draft.freeze(), Outcome.RELEASED if released else Outcome.NOTHING)


def _is_running(ledger: Ledger, container_id: str) -> bool:
    holding = ledger.holding(container_id)
    return holding is not None and holding.phase is Phase.RUNNING


def _stop(ledger: Ledger, container_id: str, limit: int | None) -> Decision:
    """Release a container whose process is gone; the reply can let others grow."""
    draft = Draft(ledger)
    released = draft.end(container_id)
    updates = tell_due(draft, limit)
    outcome = Outcome.RELEASED if released else Outcome.NOTHING
    return Decision(draft.freeze(), outcome, updates=updates)


def _seen(ledger: Ledger, event: Seen) -> Decision:
    """Adopt a container that is not known, and note that one has started."""
    container = event.container
    held = ledger.holding(container.id)
    if container.id in ledger.ended:
        return Decision(ledger, Outcome.NOTHING)
    if held is None or (held.pod is None and event.pod is not None):
        return _adopt(ledger, held, event)
    if held.phase is event.phase or event.phase is Phase.CREATED:
        return Decision(ledger, Outcome.NOTHING)
    draft = Draft(ledger)
    draft.revise(replace(held, phase=Phase.RUNNING))
    draft.settled &= held.id not in draft.doubts
    return Decision(draft.freeze(), Outcome.STARTED)


def _adopt(ledger: Ledger, held: Holding | None, event: Seen) -> Decision:
    """Take a container on, or judge it anew once its pod is known."""
    draft = Draft(ledger)
    phase = event.phase
    if held is not None:
        phase = Phase.RUNNING if held.phase is Phase.RUNNING else event.phase
        draft.take_out(held.id)
    unjudged = Holding(event.pod, event.container, SharedDemand(), Why.NOT_GUARANTEED, None, phase)
    moves, notices = adopt(draft, unjudged)
    return Decision(draft.freeze(), Outcome.ADOPTED, moves=tuple(moves), notices=notices)


def _settle(ledger: Ledger, event: Settle, limit: int | None) -> Decision:
    """Send what is due, outside of any event; when it is calm, put right what has waited."""
    if event.calm:
        ledger = ledger.without_spare()
    draft = Draft(ledger)
    moves = _place_waiting(draft) if event.calm else []
    if draft.settled:
        return Decision(ledger, Outcome.NOTHING)
    updates = tell_due(draft, limit, running_only=event.running_only, stalled=event.stalled)
    return Decision(draft.freeze(), Outcome.SETTLED, updates=updates, moves=tuple(moves))


def _place_waiting(draft: Draft) -> list[Move]:
    """Give containers that have waited for a place of their own one, if there is."""
    moves: list[Move] = []
    for one in sorted(draft.unplaced):
        holding = draft.take_out(one)
        try:
            moves += place(draft, holding, keep_of(draft, holding, draft.told[one]))
        except Refusal:
            draft.put(holding)
    return moves


def _doubt(ledger: Ledger, event: Doubt) -> Decision:
    """Tell containers their cpus again, even if these are the same."""
    draft = Draft(ledger)
    for one in event.container_ids:
        if draft.holding(one) is not None:
            may = draft.told[one] | event.may.get(one, CpuSet.EMPTY)
            draft.doubts[one] = draft.doubts.get(one, CpuSet.EMPTY) | may
            draft.settled = False
    return Decision(draft.freeze(), Outcome.DOUBTED)


def _found(ledger: Ledger, found: Mapping[str, CpuSet]) -> Decision:
    """Take what running containers were found to have for what they have."""
    draft = Draft(ledger)
    for one, cpus in found.items():
        if _is_running(ledger, one):
            draft.told[one] = cpus
            draft.doubts.pop(one, None)
            draft.settled = False
    return Decision(draft.freeze(), Outcome.DOUBTED)
