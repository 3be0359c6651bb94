"""Make a ledger from what the runtime reports, after a restart of anything (rule 9).

1. Annotated containers get what they name.
2. Integer containers keep the cpus they run on where these are valid and nobody else's:
   those first that have the right number to themselves, then by id.
3. Those that lack cpus are served together; if that is impossible, the last ones by id
   run on the pool, with a notice, until they change or the agent restarts again.
4. Shared containers get what is left. One that finds nothing stays as it is (starved).

The order of the list does not matter, and what is right gets no update. A container with
an unusable annotation runs on the pool: it runs already, so it cannot be refused, and
nothing else about it is known to be wanted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import (
    AnnotatedDemand,
    Class,
    ContainerFacts,
    IntegerDemand,
    PodFacts,
    SharedDemand,
    Why,
)
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.errors import (
    Degraded,
    DuplicateContainer,
    Healed,
    Notice,
    Starved,
    Unplaced,
)
from weka_cpuset.engine.events import Phase
from weka_cpuset.engine.ledger import (
    Holding,
    Ledger,
    Reported,
    Rules,
    family_of,
    recorded_cpus,
)
from weka_cpuset.engine.matching import Need
from weka_cpuset.engine.misfit import misfit
from weka_cpuset.engine.order import CpusetUpdate
from weka_cpuset.engine.pick import shrink, stay
from weka_cpuset.engine.place import give_pool, judge, note_record, supply_of
from weka_cpuset.engine.relocate import Move, Supply, assign
from weka_cpuset.engine.tell import tell_due
from weka_cpuset.engine.topology import Topology


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A new ledger and what must be told to make it true.

    Attributes:
        ledger: The ledger.
        updates: In the order in which they must be applied.
        moves: Integer containers that could not keep all their cpus.
        notices: What was odd.
    """

    ledger: Ledger
    updates: tuple[CpusetUpdate, ...]
    moves: tuple[Move, ...]
    notices: tuple[Notice, ...]


def rebuild(
    topology: Topology,
    rules: Rules,
    pods: Iterable[PodFacts],
    containers: Iterable[Reported],
    *,
    read_next: bool = False,
) -> Rebuilt:
    """Make a ledger from a runtime's lists.

    Args:
        topology: The machine as it is now.
        rules: What the operator set.
        pods: The pods; a container whose pod is missing is judged by itself.
        containers: The live containers with the cpus on the runtime's record.
        read_next: Whether what the kernel enforces will be read next (`reread`). Until then
            running containers may have any cpu, since the record does not have what was
            written to their cgroups, and places may change; so nothing is told to anybody.
            Otherwise the record is taken for the truth.

    Returns:
        The ledger, the updates due, and what was odd. This function does not raise.
    """
    reported, notices = _unique(containers)
    by_id = {pod.id: pod for pod in pods}
    holdings, odd = _judged(topology, rules, by_id, _without_abandoned(reported, by_id))
    notices += odd
    draft, odd = _place_all(topology, rules, holdings)
    notices += odd
    for one in holdings:
        note_record(draft, one)
    draft.settled = False
    moves = _moves(draft, holdings)
    _doubt(draft, running=read_next)
    if read_next:
        return Rebuilt(draft.freeze(), (), moves, tuple(notices))
    updates = tell_due(draft)
    return Rebuilt(draft.freeze(), updates, moves, tuple(notices))


def _doubt(draft: Draft, *, running: bool) -> None:
    """Doubt what is on record.

    For those that do not run yet it may have come too late for their start. For those that run
    it may be older than what was written; they are doubted only if the kernel is read next.
    """
    for one in (*draft.exclusive.values(), *draft.shared.values()):
        if one.phase is Phase.CREATED:
            draft.doubts[one.id] = CpuSet.EMPTY
        elif running:
            draft.doubts[one.id] = draft.topology.online


def rehome(ledger: Ledger, topology: Topology) -> Rebuilt:
    """Make a ledger for a machine with other cpus online, or other memory (rule 10).

    Integer containers keep their cpus that are still online. Containers that name cpus are
    judged anew: what they name may be gone, or be back, and so may the memory of its nodes.

    Args:
        ledger: The ledger up to now.
        topology: The machine as it is now.

    Returns:
        The ledger. What running containers must change to is due and goes by Settle or
        with the next reply; there are no updates. This function does not raise.
    """
    nobody = Draft(Ledger.empty(topology, ledger.rules))
    holdings: list[Holding] = []
    notices: list[Notice] = []
    for one in _with_record(ledger, {}):
        now = one
        if one.why in (Why.ANNOTATION, Why.BAD_ANNOTATION):
            now, why_not = judge(nobody, one)
            notices += _news(one, now, why_not)
        holdings.append(now)
    draft, odd = _place_all(topology, ledger.rules, holdings)
    draft.told, draft.doubts = dict(ledger.told), dict(ledger.doubts)
    draft.ended, draft.former = ledger.ended, ledger.former
    _doubt_changed(draft, ledger.topology.online ^ topology.online)
    _doubt_memory(draft, ledger)
    draft.settled = False
    return Rebuilt(draft.freeze(), (), _moves(draft, holdings), (*notices, *odd))


def reread(ledger: Ledger, found: Mapping[str, CpuSet]) -> Rebuilt:
    """Make a ledger that fits what the kernel was found to enforce (rule 9).

    Integer containers keep the cpus on which they were found, where that can be.

    Args:
        ledger: The ledger up to now.
        found: The cpus of running containers, by id; what was doubted of them is known now.

    Returns:
        The ledger. What running containers must change to is due and goes by Settle or
        with the next reply; there are no updates. This function does not raise.
    """
    read = {one: cpus for one, cpus in found.items() if ledger.holding(one) is not None}
    holdings = _with_record(ledger, read)
    draft, notices = _place_all(ledger.topology, ledger.rules, holdings)
    draft.told = {**ledger.told, **read}
    draft.doubts = {one: may for one, may in ledger.doubts.items() if one not in read}
    draft.ended, draft.former = ledger.ended, ledger.former
    draft.settled = False
    return Rebuilt(draft.freeze(), (), _moves(draft, holdings), tuple(notices))


def _with_record(ledger: Ledger, found: Mapping[str, CpuSet]) -> list[Holding]:
    """Return all holdings as if a runtime reported them, with the cpus that they have."""
    holdings = []
    for one in sorted(ledger.holdings(), key=lambda one: one.id):
        has = found.get(one.id) or one.cpus or ledger.told[one.id]
        holdings.append(replace(one, cpus=None, container=replace(one.container, cpus=str(has))))
    return holdings


def _doubt_changed(draft: Draft, changed: CpuSet) -> None:
    """Doubt the containers whose cpus went offline or came back.

    With cgroup v1 the kernel takes a cpu that goes offline out of a cpuset for good. A
    container without any other then runs on all that are left, and is no obstacle for
    others: it is beside them already, until it is told.
    """
    for one, told in draft.told.items():
        if not told.isdisjoint(changed):
            draft.doubts[one] = draft.doubts.get(one, CpuSet.EMPTY) | told


def _doubt_memory(draft: Draft, before: Ledger) -> None:
    """Doubt the containers that want other memory nodes than before."""
    for one in draft.exclusive:
        if draft.mems(one) != before.mems_of(one) and one not in draft.doubts:
            # It has its cpus for certain, and no others.
            draft.doubts[one] = CpuSet.EMPTY


def _news(before: Holding, now: Holding, odd: Iterable[Notice]) -> Iterator[Notice]:
    """Yield what is new about a container that names cpus."""
    if before.is_degraded:
        if not now.is_degraded:
            yield Healed(now.id)
        return
    for notice in odd:
        yield Degraded(now.id, notice.refusal) if isinstance(notice, Unplaced) else notice


def _place_all(
    topology: Topology, rules: Rules, holdings: Sequence[Holding]
) -> tuple[Draft, list[Notice]]:
    """Give all containers what they ask for, as far as the rules allow.

    Args:
        topology: The machine.
        rules: What the operator set.
        holdings: The containers with their demands and the cpus they run on.

    Returns:
        The ledger in the making, in which nothing is told yet, and what was odd.
    """
    draft = Draft(Ledger.empty(topology, rules))
    for one in holdings:
        if isinstance(one.demand, SharedDemand):
            draft.put(one)
        elif isinstance(one.demand, AnnotatedDemand):
            draft.put(replace(one, cpus=one.demand.cpus))
    notices = _place_integers(draft, holdings)
    for one in draft.shared.values():
        if draft.pool <= one.demand.forbidden and one.id not in draft.starved:
            draft.starved |= {one.id}
            notices.append(Starved(one.id))
    return draft, notices


def _unique(containers: Iterable[Reported]) -> tuple[list[Reported], list[Notice]]:
    """Sort by id and take one of each: the same one, however the list is ordered."""
    ranked = sorted(
        (one for one in containers if one.container.id),
        key=lambda one: (one.container.id, one.phase.value, repr(one.container)),
    )
    taken = {one.container.id: one for one in ranked}
    notices: list[Notice] = []
    if len(taken) < len(ranked):
        ids = [one.container.id for one in ranked]
        notices = [DuplicateContainer(one) for one in taken if ids.count(one) > 1]
    return list(taken.values()), notices


def _without_abandoned(
    reported: Sequence[Reported], pods: Mapping[str, PodFacts]
) -> list[Reported]:
    """Leave out attempts that never started where another one of the same name runs.

    A failed start is not reported before the container is removed (containerd).
    """

    def attempt(one: ContainerFacts) -> tuple[str, str]:
        return family_of(pods.get(one.pod_id), one), one.name or one.id

    running = {attempt(one.container) for one in reported if one.phase is Phase.RUNNING}
    return [
        one
        for one in reported
        if one.phase is Phase.RUNNING or attempt(one.container) not in running
    ]


def _judged(
    topology: Topology,
    rules: Rules,
    pods: Mapping[str, PodFacts],
    reported: Sequence[Reported],
) -> tuple[list[Holding], list[Notice]]:
    """Tell what each container asks for, with all its siblings in view."""
    everyone = Draft(Ledger.empty(topology, rules))
    for one in reported:
        pod = pods.get(one.container.pod_id)
        everyone.put(
            Holding(pod, one.container, SharedDemand(), Why.NOT_GUARANTEED, None, one.phase)
        )
    holdings: list[Holding] = []
    notices: list[Notice] = []
    for one in reported:
        holding, odd = judge(everyone, everyone.shared[one.container.id])
        holdings.append(holding)
        notices += odd
    return holdings, notices


def _place_integers(draft: Draft, holdings: Sequence[Holding]) -> list[Notice]:
    """Let integer containers keep what they can, and serve together those that lack cpus."""
    lacking: list[tuple[Holding, IntegerDemand, CpuSet]] = []
    for one, demand in _by_claim(draft, holdings):
        has = recorded_cpus(one.container, draft.topology)
        keep = _kept(draft, demand, has)
        draft.put(replace(one, cpus=keep))
        if len(keep) < demand.count:
            lacking.append((one, demand, keep))
    needs: list[tuple[Holding, Need]] = []
    for one, demand, has in lacking:
        keep = stay(draft.topology, supply_of(draft, CpuSet.EMPTY).free, demand, has)
        if keep != has:
            draft.put(replace(one, cpus=keep))
        needs.append((one, Need(one.id, demand, keep)))
    return _serve(draft, needs, _left(draft, holdings))


def _by_claim(draft: Draft, holdings: Iterable[Holding]) -> Iterator[tuple[Holding, IntegerDemand]]:
    """Yield the integer containers, those first whose cpus have been their own.

    One that runs on the pool can have the right number of cpus by accident, but it shares
    them with others on the runtime's record.
    """
    common = 0
    for other in draft.shared.values():
        common |= recorded_cpus(other.container, draft.topology).mask
    ranked = []
    for one in holdings:
        if isinstance(one.demand, IntegerDemand):
            has = recorded_cpus(one.container, draft.topology)
            surplus = len(has) - one.demand.count
            key = (surplus != 0, has.mask & common != 0, surplus > 0, one.id)
            ranked.append((key, one, one.demand))
    for _, one, demand in sorted(ranked, key=lambda entry: entry[0]):
        yield one, demand


def _left(draft: Draft, holdings: Iterable[Holding]) -> CpuSet:
    """Unite the cpus that owners run on and will leave."""
    left = CpuSet.EMPTY
    for one in holdings:
        owner = draft.exclusive.get(one.id)
        if owner is not None and owner.cpus is not None:
            left |= recorded_cpus(one.container, draft.topology) - owner.cpus
    return left


def _kept(draft: Draft, demand: IntegerDemand, has: CpuSet) -> CpuSet:
    """Tell which cpus an integer container keeps; none if the pool cannot do without them."""
    usable = (has & draft.pool) - draft.rules.reserved - demand.forbidden
    supply = supply_of(draft, CpuSet.EMPTY)
    if len(has) <= demand.count:
        # They are not in the pool now, so a larger `min_shared` than before takes nothing.
        keep, supply = usable, supply._replace(min_shared=0)
    else:
        # It has been on the pool, or has asked for more before.
        keep = shrink(draft.topology, usable, demand) or CpuSet.EMPTY
    return keep if supply.leaves_enough(keep) else CpuSet.EMPTY


def _serve(draft: Draft, lacking: list[tuple[Holding, Need]], left: CpuSet) -> list[Notice]:
    """Serve integer containers that lack cpus, as many as possible in the order of ids.

    Cpus that other owners leave are taken last: with one update per container, two
    owners cannot swap cpus without a moment at which one cpu has both.
    """
    waiting = sorted(lacking, key=lambda entry: entry[0].id)
    notices: list[Notice] = []
    while waiting:
        supply = supply_of(draft, CpuSet.EMPTY)
        needs = [need for _, need in waiting]
        plan = _off(left, supply, needs)
        if plan is not None:
            for one, _ in waiting:
                draft.put(replace(one, cpus=plan[one.id]))
            break
        # One that finds nothing even alone is in nobody's way.
        hopeless = (entry for entry in waiting if assign(supply, [entry[1]]) is None)
        one, need = next(hopeless, waiting[-1])
        waiting.remove((one, need))
        draft.take_out(one.id)
        refusal = misfit(draft.topology, supply.free, need.demand, need.keep, draft.rules.reserved)
        notices += give_pool(draft, one, refusal)
    return notices


def _off(left: CpuSet, supply: Supply, needs: Sequence[Need]) -> dict[str, CpuSet] | None:
    """Serve needs, with as few as possible of the cpus that other owners leave."""
    avoided = supply.free & left
    while True:
        narrow = supply._replace(free=supply.free - avoided, rest=supply.rest | avoided)
        plan = assign(narrow, needs)
        if plan is not None or not avoided:
            return plan
        avoided -= CpuSet.of([avoided.lowest])


def _moves(draft: Draft, holdings: Iterable[Holding]) -> tuple[Move, ...]:
    """List the integer containers that get cpus they did not have."""
    moves = []
    for one in holdings:
        now = draft.exclusive.get(one.id)
        if now is not None and now.kind is Class.INTEGER and now.cpus is not None:
            has = draft.told[one.id]
            if not now.cpus <= has:
                moves.append(Move(one.id, has, now.cpus))
    return tuple(moves)
