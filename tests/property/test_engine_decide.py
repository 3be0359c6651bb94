"""The whole policy against the model of the kernel, with events in any order."""

from dataclasses import replace

from hypothesis import Phase as HypothesisPhase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.machines import container, flat, grid, pod, without
from tests.property.effort import EXAMPLES
from tests.property.kernel import Kernel
from tests.property.machines import machines
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    FORBID_ANNOTATION,
    ContainerFacts,
    CpuSet,
    Create,
    Dead,
    Decision,
    Doubt,
    Event,
    IntegerDemand,
    Ledger,
    Outcome,
    Phase,
    PodFacts,
    PodRemove,
    PodStop,
    Remove,
    Reported,
    Rules,
    Seen,
    Settle,
    Stop,
    Topology,
    Update,
    decide,
    rebuild,
    rehome,
)
from weka_cpuset.engine.demand import annotation_for
from weka_cpuset.machine import Machine

# From 2 to 64 cpus: regular ones, and any that sysfs could describe. Small ones find most.
SHAPES = st.sampled_from(
    [
        flat(2),
        flat(5),
        grid(1, 1, 1, 4, 2),
        grid(2, 1, 2, 2, 2),
        grid(1, 2, 1, 3, 1),
        grid(2, 1, 1, 2, 4),
        grid(2, 1, 2, 4, 2),
        grid(2, 2, 2, 4, 2),
    ]
) | machines().map(Machine.topology)
# Without the explain phase, which traces every line and takes minutes after a failure.
PROFILE = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    phases=[phase for phase in HypothesisPhase if phase is not HypothesisPhase.explain],
)
LIMITS = st.sampled_from([None, 0, 1])


class Node(RuleBasedStateMachine):
    """A node on which containers come and go; no update is ever lost."""

    loses = False

    @initialize(
        machine=SHAPES,
        reserve=st.integers(0, 2),
        least=st.sampled_from([0, 0, 1, 3]),
        ahead=st.sampled_from([0, 2, 32]),
        guests=st.integers(0, 2),
    )
    def boot(self, machine: Topology, reserve: int, least: int, ahead: int, guests: int) -> None:
        """Start a node with some shared containers."""
        self.machine = self.topology = topology = machine
        self.placement = Rules(CpuSet.of(list(topology.online)[:reserve]), least, ahead)
        self.ledger = Ledger.empty(topology, self.placement)
        self.kernel = Kernel(topology.online, self.loses)
        self.pods: dict[str, PodFacts] = {}
        self.facts: dict[str, ContainerFacts] = {}
        self.past: list[Event] = []
        self.next = 0
        for number in range(guests):
            self.admit(pod(f"g{number}"), container(f"g{number}"), None)

    def decide(self, event: Event, limit: int | None = None) -> Decision:
        """Decide, check the new ledger, and apply the updates of others."""
        decision = decide(self.ledger, event, limit)
        decision.ledger.check()
        if decision.outcome is Outcome.REFUSED:
            assert decision.ledger is self.ledger
            assert not decision.updates
            assert str(decision.refusal)
        # One that finds cpus at last is told so somewhere in this reply.
        self.kernel.strangers |= self.ledger.starved
        self.ledger = decision.ledger
        if isinstance(event, Seen) and decision.outcome is Outcome.ADOPTED:
            # It is judged (anew), and this reply could not tell it anything yet.
            self.kernel.strangers.add(event.container.id)
        self.kernel.apply(decision.updates, self.ledger)
        self.past = [*self.past[-20:], event]
        return decision

    def some_pod(self, data: st.DataObject, name: str) -> PodFacts:
        """Draw a pod with some annotations."""
        cpus = list(self.topology.online)
        few = st.frozensets(st.sampled_from(cpus), min_size=1, max_size=4)
        lists = st.one_of(few, few, few, st.just(cpus))
        annotations = {}
        for annotation in (CORES_ANNOTATION, FORBID_ANNOTATION):
            if data.draw(st.integers(0, 3)) == 0:
                annotations[annotation] = str(CpuSet.of(data.draw(lists)))
            if data.draw(st.integers(0, 15)) == 0:
                own = st.just("none") | few.map(lambda ids: str(CpuSet.of(ids)))
                annotations[annotation_for(annotation, "main")] = data.draw(own)
        bare = pod(name, guaranteed=data.draw(st.booleans()))
        return replace(bare, annotations=annotations)

    def arrive(self, data: st.DataObject) -> tuple[PodFacts, ContainerFacts]:
        """Draw a new container."""
        name = f"c{self.next}"
        self.next += 1
        its_pod = self.some_pod(data, name)
        one = container(name, whole=data.draw(st.integers(0, 4)))
        self.pods[name], self.facts[name] = its_pod, one
        return its_pod, one

    @rule(data=st.data(), limit=LIMITS)
    def create(self, data: st.DataObject, limit: int | None) -> None:
        """Create a container; the runtime first applies the updates of others."""
        its_pod, one = self.arrive(data)
        known = None if data.draw(st.integers(0, 9)) == 0 else its_pod
        self.admit(known, one, limit)

    @rule(data=st.data(), limit=LIMITS, count=st.integers(2, 5), whole=st.integers(1, 2))
    def burst(self, data: st.DataObject, limit: int | None, count: int, whole: int) -> None:
        """Create integer containers back to back, perhaps with a shared one among them."""
        late = data.draw(st.integers(0, 2 * count))
        for number in range(count):
            name = f"c{self.next}"
            self.next += 1
            its_pod = self.some_pod(data, name) if number == late else pod(name, guaranteed=True)
            self.admit(its_pod, container(name, 0 if number == late else whole), limit)

    def admit(self, its_pod: PodFacts | None, one: ContainerFacts, limit: int | None) -> None:
        """Ask for a new container, and create it with what it gets."""
        self.facts[one.id] = one
        self.pods.setdefault(one.id, its_pod or pod(one.id))
        before = self.ledger
        decision = self.decide(Create(its_pod, one), limit)
        self.same_as_without_spare(before, Create(its_pod, one), decision)
        if decision.outcome is Outcome.REFUSED:
            assert decision.adjustment is None
            return
        assert decision.adjustment is not None
        assert all(update.container_id != one.id for update in decision.updates)
        self.kernel.create(one.id, decision.adjustment.cpus)

    def live_pods(self) -> set[str]:
        """List the pods that have a live container."""
        return {self.facts[one].pod_id for one in self.kernel.processes}

    @rule(data=st.data(), limit=LIMITS)
    def come_again(self, data: st.DataObject, limit: int | None) -> None:
        """Start a container again that has ended; it gets its former cpus if it can."""
        facts = [self.facts[one] for one in self.ledger.ended if one in self.facts]
        gone = [one for one in facts if one.pod_id not in self.live_pods()]
        if not gone:
            return
        last = data.draw(st.sampled_from(gone))
        its_pod = self.pods[last.id]
        one = replace(last, id=f"{its_pod.name}.{self.next}", cpus="")
        self.next += 1
        before = self.ledger
        self.admit(its_pod, one, limit)
        holding = self.ledger.holding(one.id)
        former = before.former.get(holding.role) if holding is not None else None
        if holding is None or former is None or not isinstance(holding.demand, IntegerDemand):
            return
        left = before.pool - former
        is_free = former <= before.pool - self.placement.reserved - holding.demand.forbidden
        is_enough = len(left) >= min(self.placement.min_shared, len(before.pool)) and all(
            left - guest.demand.forbidden or not before.pool - guest.demand.forbidden
            for guest in before.shared.values()
        )
        if is_free and is_enough and len(former) == holding.demand.count:
            assert holding.cpus == former

    def same_as_without_spare(self, before: Ledger, event: Create, decision: Decision) -> None:
        """What is taken ahead in a burst costs nobody a cpu, nor a better one."""
        plain = decide(before.without_spare(), event)
        assert type(plain.refusal) is type(decision.refusal)
        name = event.container.id
        if name in decision.ledger.exclusive:
            assert plain.ledger.cpus_of(name) == decision.ledger.cpus_of(name)
        assert plain.moves == decision.moves
        assert len(decision.ledger.spare) <= self.placement.burst_max

    @rule(data=st.data(), phase=st.sampled_from(Phase))
    def appear(self, data: st.DataObject, phase: Phase) -> None:
        """Show a container that was created behind the engine's back."""
        its_pod, one = self.arrive(data)
        online = self.topology.online
        self.kernel.create(one.id, online)
        self.kernel.processes[one.id].phase = phase
        self.kernel.strangers.add(one.id)
        self.decide(Seen(its_pod if data.draw(st.booleans()) else None, one, phase))
        self.kernel.strangers.add(one.id)

    def live(self, data: st.DataObject) -> str | None:
        """Draw a live container."""
        ids = sorted(self.kernel.processes)
        return data.draw(st.sampled_from(ids)) if ids else None

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """Let a created container run; PostStart tells the engine."""
        one = self.live(data)
        if one is None:
            return
        self.kernel.processes[one].phase = Phase.RUNNING
        seen = self.pods[one] if data.draw(st.booleans()) else None
        self.decide(Seen(seen, self.recorded(one), Phase.RUNNING))

    def recorded(self, one: str) -> ContainerFacts:
        """Give a container with the cpuset on the runtime's record."""
        process = self.kernel.processes.get(one)
        return replace(self.facts[one], cpus=str(process.record) if process else "")

    @rule(data=st.data(), whole=st.integers(0, 4), limit=LIMITS, repeat=st.booleans())
    def resize(self, data: st.DataObject, whole: int, limit: int | None, repeat: bool) -> None:
        """Change a container's resources; its own cpuset is applied after those of others."""
        one = self.live(data)
        if one is None:
            return
        wanted = self.facts[one].shares // 1024 if repeat else whole
        process = self.kernel.processes[one]
        facts = replace(
            container(one, whole=wanted, cpus=str(process.record)), pod_id=self.facts[one].pod_id
        )
        decision = self.resolve(one, Update(self.pods[one], facts), limit)
        if decision.outcome is not Outcome.REFUSED:
            self.facts[one] = facts

    def resolve(self, one: str, event: Update, limit: int | None) -> Decision:
        """Decide on an update; until it is applied the container is in between."""
        stranger = one in self.kernel.strangers
        self.kernel.strangers.add(one)
        before = self.kernel.processes[one].kernel
        owned = self.ledger.exclusive.get(one)
        decision = decide(self.ledger, event, limit)
        if owned is not None and not stranger:
            for update in decision.updates:
                grown = update.cpus - self.kernel.processes[update.container_id].kernel
                assert grown.isdisjoint(before) or self.kernel.processes[one].lost
        decision = self.decide(event, limit)
        assert all(update.container_id != one for update in decision.updates)
        if decision.adjustment is not None:
            self.kernel.set(one, decision.adjustment.cpus)
        # Its pod may be known only now; what it then has to wait for comes later.
        if decision.outcome is not Outcome.REFUSED:
            stranger |= self.kernel.processes[one].record != self.ledger.cpus_of(one)
        if not stranger:
            self.kernel.strangers.discard(one)
        self.kernel.welcome(self.ledger)
        return decision

    @rule(data=st.data(), limit=LIMITS)
    def stop(self, data: st.DataObject, limit: int | None) -> None:
        """End a container."""
        one = self.live(data)
        if one is None:
            return
        del self.kernel.processes[one]
        self.kernel.strangers.discard(one)
        self.decide(Stop(one), limit)

    @rule(data=st.data(), false_alarm=st.booleans())
    def die(self, data: st.DataObject, false_alarm: bool) -> None:
        """Find that no process is left of a container; its Stop comes later, or never."""
        one = self.live(data)
        if one is None:
            return
        holding = self.ledger.holding(one)
        if holding is None or holding.phase is Phase.CREATED:
            if false_alarm:
                assert self.decide(Dead(frozenset([one]))).outcome is Outcome.NOTHING
            return
        del self.kernel.processes[one]
        self.kernel.strangers.discard(one)
        decision = self.decide(Dead(frozenset([one])))
        assert decision.outcome is Outcome.RELEASED
        assert decision.updates == ()

    @rule(data=st.data(), whole_pod=st.booleans())
    def remove(self, data: st.DataObject, whole_pod: bool) -> None:
        """End a container of which no Stop is seen."""
        one = self.live(data)
        if one is None:
            return
        del self.kernel.processes[one]
        self.kernel.strangers.discard(one)
        self.decide(PodStop(self.facts[one].pod_id) if whole_pod else Remove(one))

    @rule(data=st.data(), kind=st.integers(0, 5))
    def late(self, data: st.DataObject, kind: int) -> None:
        """Send an event for a container that has ended or was never seen."""
        name = data.draw(st.sampled_from(["never-seen", *self.ledger.ended]))
        one = self.facts.get(name, container(name))
        events: list[Event] = [Stop(name), Remove(name)]
        if one.pod_id not in self.live_pods():
            events.append(PodRemove(one.pod_id))
        if name in self.ledger.ended:
            events += [Seen(None, one, Phase.RUNNING), Update(None, one), Create(None, one)]
        decision = self.decide(events[kind % len(events)])
        assert decision.outcome is Outcome.NOTHING

    @precondition(lambda self: any(isinstance(one, (Create, Seen, Stop)) for one in self.past))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Send an event for the second time."""
        again = [one for one in self.past if isinstance(one, (Create, Seen, Stop))]
        event = data.draw(st.sampled_from(again))
        known = isinstance(event, Stop) or self.ledger.holding(event.container.id) is not None
        if not known:
            return
        if isinstance(event, Seen) and event.phase is Phase.RUNNING:
            process = self.kernel.processes[event.container.id]
            process.phase = Phase.RUNNING
        before = {one.id: one.cpus for one in self.ledger.holdings()}
        decision = self.decide(event)
        if not isinstance(event, Seen):
            assert before == {one.id: one.cpus for one in decision.ledger.holdings()}

    @rule(limit=LIMITS)
    def calm(self, limit: int | None) -> None:
        """Nobody has come for a while: what was taken ahead returns, who waits gets a place."""
        waiting = self.ledger.unplaced
        # Who gets a place changes its class, and is in between until it was told.
        self.kernel.strangers |= waiting
        self.decide(Settle(calm=True), limit)
        assert self.ledger.spare == CpuSet.EMPTY
        assert self.ledger.unplaced <= waiting
        if self.ledger.settled:
            assert self.ledger.starved <= self.nothing_left()

    def nothing_left(self) -> frozenset[str]:
        """Tell for whom the pool has no cpu."""
        return frozenset(one for one in self.ledger.shared if not self.ledger.cpus_of(one))

    @rule(limit=LIMITS)
    def settle(self, limit: int | None) -> None:
        """Send what is due."""
        spare = self.ledger.spare
        self.decide(Settle(), limit)
        assert self.ledger.spare == spare
        if self.ledger.settled:
            assert self.decide(Settle()).updates == ()

    @rule(data=st.data())
    def doubt(self, data: st.DataObject) -> None:
        """Tell that an update may have failed."""
        one = self.live(data)
        if one is not None:
            self.decide(Doubt(frozenset([one])))

    @rule(lossless=st.booleans())
    def restart(self, lossless: bool) -> None:
        """Rebuild from what the runtime reports."""
        containers = [
            Reported(self.recorded(one), process.phase)
            for one, process in self.kernel.processes.items()
        ]
        if lossless:
            containers.reverse()
        rebuilt = rebuild(self.topology, self.placement, self.pods.values(), containers)
        rebuilt.ledger.check()
        # What a container becomes at a restart can differ from before (an adopted one may
        # find its cpus at last): it is only known to be right once it was told.
        for one, process in self.kernel.processes.items():
            if process.record != rebuilt.ledger.cpus_of(one):
                self.kernel.strangers.add(one)
        self.ledger = rebuilt.ledger
        self.kernel.apply(rebuilt.updates, self.ledger)
        # What the kernel missed is not on the runtime's record; the audit finds it.
        missed = [
            one
            for one, process in self.kernel.processes.items()
            if process.kernel != process.record
        ]
        self.kernel.strangers.update(missed)
        self.decide(Doubt(frozenset(missed)))

    @rule(data=st.data())
    def hotplug(self, data: st.DataObject) -> None:
        """Take cpus offline or bring them back; cgroup v1 loses those that go offline."""
        cpus = list(self.machine.online)
        lost = data.draw(st.frozensets(st.sampled_from(cpus), max_size=min(3, len(cpus) - 1)))
        before, self.topology = self.ledger, without(self.machine, CpuSet.of(lost))
        rebuilt = rehome(before, self.topology)
        rebuilt.ledger.check()
        assert rebuilt.updates == ()
        self.ledger = rebuilt.ledger
        self.kernel.use(self.topology.online)
        for one in before.holdings():
            now = self.ledger.holding(one.id)
            assert now is not None
            # What it becomes is known to be right once it was told.
            if now.kind is not one.kind or self.kernel.processes[one.id].kernel != one.cpus:
                self.kernel.strangers.add(one.id)

    @invariant()
    def rules_hold(self) -> None:
        """The rules hold on what the kernel enforces, and the engine knows what it told."""
        if not hasattr(self, "kernel"):
            return
        self.kernel.check(self.ledger)
        for one, process in self.kernel.processes.items():
            assert self.ledger.holding(one) is not None, f"{one} runs and is not in the ledger"
            assert self.ledger.told[one] == process.record, f"{one} was not told its record"

    def teardown(self) -> None:
        """Without further events everybody ends up with what is wanted."""
        if not hasattr(self, "kernel"):
            return
        for one in sorted(self.kernel.processes):
            self.kernel.processes[one].phase = Phase.RUNNING
            self.decide(Seen(None, self.recorded(one), Phase.RUNNING))
        for _ in range(3):
            self.calm(None)
        # Two owners can only swap cpus by way of a third place. On a machine without any
        # they keep what they have until somebody ends. When cpus go offline, an owner can lose
        # its place to one that has waited on the pool: these two then swap as well, by way of
        # what is left of the pool. They stay apart, and wait likewise.
        if not self.ledger.settled:
            assert not self.ledger.pool or self.kernel.plugged, self.ledger
            return
        for one, process in self.kernel.processes.items():
            wanted = self.ledger.cpus_of(one)
            assert process.kernel == wanted or not wanted


class ForgetfulNode(Node):
    """The same, but updates in the start window only reach the runtime's record."""

    loses = True


TestNode = Node.TestCase
TestNode.settings = PROFILE
TestForgetfulNode = ForgetfulNode.TestCase
TestForgetfulNode.settings = PROFILE
