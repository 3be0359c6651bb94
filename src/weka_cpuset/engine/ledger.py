"""Who has which cpus: the one book of the agent, an immutable value.

Three things are kept apart for each container. What it is *wanted* to have follows from
the holdings: an exclusive holding names its cpus, all others run on the pool minus the
cpus their pod forbids, so that a change of the pool touches no holding. What the runtime
was *told* is kept by container, and *doubts* are the cpus that a container may still
have beside those, because an update can be lost while it starts. Everything that is
wanted and not told goes out with the next reply that can carry it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from weka_cpuset.engine.cpuset import CpuListError, CpuSet
from weka_cpuset.engine.demand import (
    AnnotatedDemand,
    Class,
    ContainerFacts,
    Demand,
    IntegerDemand,
    PodFacts,
    SharedDemand,
    Why,
)
from weka_cpuset.engine.errors import LedgerBroken
from weka_cpuset.engine.events import Phase
from weka_cpuset.engine.preference import NO_PREFERENCE, Preference
from weka_cpuset.engine.topology import Topology


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator may set.

    Attributes:
        reserved: Cpus that integer containers never get (`cpus.reserved`).
        min_shared: Least size of the pool that requests must leave (`cpus.min_shared`).
        burst_max: How many cpus at most shared containers are taken off ahead, while
            integer containers come in a burst (`cpus.burst_max`); 0: none.
        preference: How the cpus of integer containers lie whose pod does not say it
            (`placement`).
    """

    reserved: CpuSet = CpuSet.EMPTY
    min_shared: int = 0
    burst_max: int = 32
    preference: Preference = NO_PREFERENCE


@dataclass(frozen=True, slots=True)
class Holding:
    """One live container.

    Attributes:
        pod: Its pod, if any event has shown it.
        container: The container as last judged.
        demand: What it asks for.
        why: What decided about that.
        cpus: The cpus of its own, or None if it runs on the pool. That can be so for an
            annotated or integer demand too: a container that was found running and
            cannot be given what it asks for runs on the pool.
        phase: How far it has come.
        limit_is_own: Whether its cpu limit is known to be its own: it was changed while
            the container was live. What is shown of the pod itself is then older.
    """

    pod: PodFacts | None
    container: ContainerFacts
    demand: Demand
    why: Why
    cpus: CpuSet | None
    phase: Phase
    limit_is_own: bool = False

    @property
    def id(self) -> str:
        """The container's id."""
        return self.container.id

    @property
    def kind(self) -> Class:
        """The class it is held as."""
        if self.cpus is None:
            return Class.SHARED
        return Class.ANNOTATED if isinstance(self.demand, AnnotatedDemand) else Class.INTEGER

    @property
    def asks_for_own(self) -> bool:
        """Whether it asks for cpus of its own."""
        return not isinstance(self.demand, SharedDemand)

    @property
    def is_degraded(self) -> bool:
        """Whether its pod names cpus for it that cannot be used."""
        return self.why is Why.BAD_ANNOTATION

    @property
    def family(self) -> str:
        """What all attempts of its pod's containers have in common: the uid, or the pod's id."""
        return family_of(self.pod, self.container)

    @property
    def role(self) -> str:
        """What all attempts of one container have in common: its family and its name."""
        return f"{self.family}/{self.container.name}"

    @property
    def label(self) -> str:
        """A name for people: namespace/pod/container, as far as known."""
        return label_of(self.pod, self.container)


@dataclass(frozen=True, slots=True)
class Reported:
    """A container as the runtime lists it.

    Attributes:
        container: The container.
        phase: How far it has come.
    """

    container: ContainerFacts
    phase: Phase


@dataclass(frozen=True, slots=True)
class Ledger:
    """All live containers and their cpus. `Draft` makes new ones.

    One writer replaces the ledger by the one in a decision, without waiting in between.

    Attributes:
        topology: The machine.
        rules: What the operator set.
        pool: The online cpus that no exclusive holding owns.
        spare: Cpus of the pool that shared containers leave free for the next integer ones.
        burst: How many cpus were given to new integer containers since it was last calm.
        exclusive: Holdings with cpus of their own, by container id.
        shared: Holdings on the pool, by container id.
        families: Ids of live containers by `Holding.family`.
        forbids: How many holdings on the pool forbid each set of cpus.
        told: The cpus the runtime was last told (or showed) for each container.
        doubts: Further cpus that a container may have; it is told again once it runs.
        starved: Containers that were found running when nothing was left for them.
        unplaced: Those on the pool that ask for cpus of their own.
        ended: Ids of ended containers, oldest first.
        former: The last cpus of integer containers that are none any more, by `Holding.role`,
            oldest first.
        settled: Whether nothing wanted remains to be told.
    """

    topology: Topology
    rules: Rules
    pool: CpuSet
    spare: CpuSet = CpuSet.EMPTY
    burst: int = 0
    exclusive: Mapping[str, Holding] = field(default_factory=dict)
    shared: Mapping[str, Holding] = field(default_factory=dict)
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forbids: Mapping[CpuSet, int] = field(default_factory=dict)
    told: Mapping[str, CpuSet] = field(default_factory=dict)
    doubts: Mapping[str, CpuSet] = field(default_factory=dict)
    starved: frozenset[str] = frozenset()
    unplaced: frozenset[str] = frozenset()
    ended: Mapping[str, None] = field(default_factory=dict)
    former: Mapping[str, CpuSet] = field(default_factory=dict)
    settled: bool = True

    @classmethod
    def empty(cls, topology: Topology, rules: Rules | None = None) -> "Ledger":
        """Make the ledger of a machine without containers."""
        return cls(topology, rules or Rules(), topology.online)

    @property
    def common(self) -> CpuSet:
        """The cpus of the pool that shared containers run on."""
        return self.pool - self.spare

    @property
    def degraded(self) -> frozenset[str]:
        """The containers that name cpus which cannot be used, and run on the pool."""
        return frozenset(one for one, held in self.shared.items() if held.is_degraded)

    def without_spare(self) -> "Ledger":
        """Give the ledger in which shared containers have the whole pool, as after a burst."""
        if not self.burst and not self.spare:
            return self
        return replace(self, spare=CpuSet.EMPTY, burst=0, settled=self.settled and not self.spare)

    def __len__(self) -> int:
        """Count the live containers."""
        return len(self.exclusive) + len(self.shared)

    def holding(self, container_id: str) -> Holding | None:
        """Give a container's holding, or None if it is not live."""
        return self.exclusive.get(container_id) or self.shared.get(container_id)

    def holdings(self) -> Iterator[Holding]:
        """Yield all holdings, those with cpus of their own first."""
        yield from self.exclusive.values()
        yield from self.shared.values()

    def cpus_of(self, container_id: str) -> CpuSet:
        """Give the cpus a live container is wanted to have.

        Raises:
            KeyError: It is not live.
        """
        owner = self.exclusive.get(container_id)
        if owner is not None:
            return owner.cpus or CpuSet.EMPTY
        return self.common - self.shared[container_id].demand.forbidden

    def mems_of(self, container_id: str) -> CpuSet:
        """Give the memory nodes a container is wanted to have; empty: leave them as they are."""
        return mems_wanted(self.exclusive.get(container_id), self.topology)

    def reported(self) -> tuple[tuple[PodFacts, ...], tuple[Reported, ...]]:
        """List pods and containers as a runtime would, to rebuild on another topology."""
        pods = {one.pod.id: one.pod for one in self.holdings() if one.pod is not None}
        containers = tuple(
            Reported(
                replace(one.container, cpus=str(self.told[one.id]), mems=str(self.mems_of(one.id))),
                one.phase,
            )
            for one in self.holdings()
        )
        return tuple(pods.values()), containers

    def check(self) -> None:
        """Check every invariant of the rules at rest.

        Raises:
            LedgerBroken: Some do not hold; all of these are listed.
        """
        violations = (*_broken_rules(self), *_broken_books(self))
        if violations:
            raise LedgerBroken(violations)


def family_of(pod: PodFacts | None, container: ContainerFacts) -> str:
    """Give the key that all attempts of a pod's containers share."""
    return pod.uid if pod is not None and pod.uid else container.pod_id


def label_of(pod: PodFacts | None, container: ContainerFacts) -> str:
    """Name a container for people: namespace/pod/container, as far as known."""
    owner = f"{pod.namespace}/{pod.name}" if pod is not None and pod.name else container.pod_id
    return f"{owner}/{container.name}"


def recorded_cpus(container: ContainerFacts, topology: Topology) -> CpuSet:
    """Read the cpus on a runtime's record.

    Args:
        container: A container that was created without or before us.
        topology: The machine.

    Returns:
        The cpus; all that are online if nothing usable is on record (not pinned).
    """
    try:
        return CpuSet.parse(container.cpus) or topology.online
    except CpuListError:
        return topology.online


def mems_wanted(owner: Holding | None, topology: Topology) -> CpuSet:
    """Give the memory nodes of an exclusive holding; empty: leave them as they are."""
    if owner is None or owner.cpus is None or owner.kind is not Class.ANNOTATED:
        return CpuSet.EMPTY
    return topology.memory_nodes(owner.cpus)


def owned_cpus(exclusive: Mapping[str, Holding]) -> CpuSet:
    """Unite the cpus of all exclusive holdings."""
    mask = 0
    for holding in exclusive.values():
        if holding.cpus is not None:
            mask |= holding.cpus.mask
    return CpuSet(mask)


def _broken_rules(ledger: Ledger) -> Iterator[str]:
    """Find violations of the rules of placement."""
    owner: dict[int, Holding] = {}
    for one in ledger.exclusive.values():
        cpus = one.cpus or CpuSet.EMPTY
        for cpu in cpus:
            other = owner.setdefault(cpu, one)
            if other is not one and Class.INTEGER in (one.kind, other.kind):
                yield f"cpu {cpu} belongs to {other.id} and to {one.id}"
        yield from _broken_holding(ledger, one, cpus)
    for one in ledger.shared.values():
        if not ledger.cpus_of(one.id) and one.id not in ledger.starved:
            yield f"nothing of the pool {ledger.pool} is left for {one.id}"
    if not ledger.spare <= ledger.pool - ledger.rules.reserved:
        yield f"the spare {ledger.spare} is not a part of the pool {ledger.pool}"
    if len(ledger.common) < min(ledger.rules.min_shared, len(ledger.pool)):
        yield f"the spare {ledger.spare} leaves too little of the pool {ledger.pool}"


def _broken_holding(ledger: Ledger, one: Holding, cpus: CpuSet) -> Iterator[str]:
    """Find what is wrong with one exclusive holding."""
    if not cpus <= ledger.topology.online:
        yield f"{one.id} owns offline cpus {cpus - ledger.topology.online}"
    match one.demand:
        case AnnotatedDemand(named):
            if cpus != named:
                yield f"{one.id} names {named} and owns {cpus}"
        case IntegerDemand(count, forbidden, _):
            if len(cpus) != count:
                yield f"{one.id} asks for {count} cpus and owns {cpus}"
            if not cpus.isdisjoint(forbidden | ledger.rules.reserved):
                yield f"{one.id} owns forbidden or reserved cpus among {cpus}"
        case SharedDemand():
            yield f"{one.id} is shared and owns {cpus}"


def _broken_books(ledger: Ledger) -> Iterator[str]:
    """Find contradictions between the ledger's own entries."""
    live = ledger.exclusive.keys() | ledger.shared.keys()
    if ledger.exclusive.keys() & ledger.shared.keys():
        yield "a container is held twice"
    if ledger.pool != ledger.topology.online - owned_cpus(ledger.exclusive):
        yield f"the pool {ledger.pool} is not what the exclusive holdings leave"
    if ledger.told.keys() != live or not ledger.doubts.keys() <= live:
        yield "what was told is not told to exactly the live containers"
    if not ledger.starved <= live or not live.isdisjoint(ledger.ended):
        yield "an ended container is live or starved"
    if ledger.unplaced != {one.id for one in ledger.shared.values() if one.asks_for_own}:
        yield "those without a place of their own are not listed right"
    families: dict[str, set[str]] = {}
    forbids: dict[CpuSet, int] = {}
    for one in ledger.holdings():
        families.setdefault(one.family, set()).add(one.id)
    for one in ledger.shared.values():
        forbids[one.demand.forbidden] = forbids.get(one.demand.forbidden, 0) + 1
    if families != {key: set(ids) for key, ids in ledger.families.items()}:
        yield "the families do not list the live containers"
    if forbids != ledger.forbids:
        yield "the forbidden sets are not counted right"
    if ledger.settled and any(
        ledger.told.get(one) != ledger.cpus_of(one) for one in live - ledger.starved
    ):
        yield "something wanted is not told although all is said to be settled"
