"""Answers to the runtime's events: facts in, decision, reply out, one log line.

A handler works in memory only. It touches no file and no socket, takes no lock and waits
for nothing; its log line goes into a queue. So the runtime has its answer in time whatever
else on the node hangs. There is one ledger and one writer, the thread of the event loop:
between reading the ledger and replacing it nothing else runs.

There is one exception: where it depends on the end of other containers what a new or resized
one gets, `is_dead` tells of each whether it has ended already. That is a read of the kernel's
memory, and there are never more than a bounded number of them (docs/decisions/0007).
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import overload

import nri
from nri import Event, messages
from weka_cpuset import decision_log, translate
from weka_cpuset.decided import Decided, decided_on, placed_late, rebuilt_on, with_asker
from weka_cpuset.engine import (
    CpuSet,
    CpusetUpdate,
    Create,
    Dead,
    Decision,
    Doubt,
    Found,
    Ledger,
    Notice,
    Outcome,
    Phase,
    PodRemove,
    PodStop,
    Rebuilt,
    Remove,
    Rules,
    Seen,
    Settle,
    Stop,
    Topology,
    Update,
    siblings_in_question,
)
from weka_cpuset.engine import Event as EngineEvent
from weka_cpuset.latency import Latency
from weka_cpuset.logs import Fields
from weka_cpuset.questions import Enforced, Happened, Machine, Question, Report, ask
from weka_cpuset.record.recorder import Recorder
from weka_cpuset.rivals import Rivals

log = logging.getLogger(__name__)

EVENTS = (
    Event.STOP_POD_SANDBOX,
    Event.REMOVE_POD_SANDBOX,
    Event.CREATE_CONTAINER,
    Event.POST_START_CONTAINER,
    Event.UPDATE_CONTAINER,
    Event.STOP_CONTAINER,
    Event.REMOVE_CONTAINER,
)
"""What the agent asks for. Each event holds up the runtime, so there is none without need."""

GROWTH_PER_REPLY = 8
"""How many shared containers may grow with one reply where nothing settles: an update costs
the runtime about 10 ms under a lock of the whole node, and whatever comes next waits for it."""

REQUEST_TIMEOUT_S = 2.0
"""The time for an answer, in seconds, of a runtime that does not tell it: the default of NRI."""

SLOW_PART = 10
"""An answer that takes longer than this part of the runtime's deadline is warned of."""

DEAD_READS_MAX = 256
"""How many cgroups are looked at, at most, before a container is refused for lack of cpus: a
read takes some ten microseconds, so all together some milliseconds."""


class Handlers:
    """Implements `nri.PluginHandler` with the placement engine.

    Args:
        topology: The machine, until `use_topology` brings a newer reading.
        rules: Settings of the engine.
        dry_run: Decide and log, but reply as if every container were left alone.
        recorder: Is shown everything that changes the ledger; None: nobody is.

    Attributes:
        ledger: Who has which cpus, as of the last event.
        unread: Whether what the kernel enforces has to be read, all at once, before
            anything else is told outside of replies.
        unverified: Whether the ledger rests on what the runtime was told and may not have
            done, so that all should be compared with the kernel.
        released: Whether a container was released since all was last settled outside of
            replies; whoever settles clears it.
        reads_kernel: Whether what the kernel enforces is read right after a Synchronize. Then
            nothing is told to running containers before.
        on_unsettled: Called after an event that leaves something for later.
        on_urgent: Called before that if somebody may be on cpus of another container.
        on_overtaken: Called when a reply has an update of a container that does not run yet:
            should its start be under way, the update will not come to the kernel.
        on_burst: Called after each creation that takes cpus off the pool.
        is_dead: Tells whether the cgroup at a path is known to have no process. Asked only
            before a container would be refused for lack of cpus, and of the containers whose
            end decides whether a new one has its own limit or that of its pod.
        on_told: Called with the ids of containers for which a reply has a cpuset, and the
            ledger before it: the kernel has it once the runtime has come to that part.
        on_request: Called when a request comes. The runtime asks one thing at a time, so it
            has done all that was replied before.
        on_decided: Called with what each decision has changed, once the answer is made.
        on_answered: Called with the name of each request and the seconds its answer took.
        latency: How long the runtime waited for answers.
        rivals: Who else sets cpusets.
        growth_per_reply: How many shared containers may grow with a reply. A settler that
            can reach them sets it to 0: growth then goes once, whatever the number of
            containers that end, and no pod waits for it.
    """

    def __init__(
        self, topology: Topology, rules: Rules, *, dry_run: bool, recorder: Recorder | None = None
    ) -> None:
        self.ledger = Ledger.empty(topology, rules)
        self.unread = False
        self.unverified = False
        self.released = False
        self.reads_kernel = False
        self.on_unsettled: Callable[[], None] = _nobody
        self.on_urgent: Callable[[], None] = _nobody
        self.on_request: Callable[[], None] = _nobody
        self.on_overtaken: Callable[[], None] = _nobody
        self.on_burst: Callable[[], None] = _nobody
        self.is_dead: Callable[[str], bool] = _never
        self.on_told: Callable[[Collection[str], Ledger], None] = _tell_nobody
        self.on_decided: Callable[[Decided], None] = _ignore
        self.on_answered: Callable[[str, float], None] = _take_no_time
        self.growth_per_reply = GROWTH_PER_REPLY
        self.latency = Latency()
        self.rivals = Rivals()
        self._slow_s = REQUEST_TIMEOUT_S / SLOW_PART
        self._decided_us = self._updates = 0
        self._topology = topology
        self._dry_run = dry_run
        self._recorder = recorder

    def use_topology(self, topology: Topology) -> None:
        """Take a new reading of the machine; the next Synchronize is based on it."""
        self._topology = topology

    def rehome(self, topology: Topology) -> None:
        """Apply the rules to a machine with other cpus online, or other memory (rule 10).

        What running containers must change to is due; settling, or the next reply, tells it.
        """
        started_ns = time.perf_counter_ns()
        before = self.ledger
        rebuilt = self._ask(Machine(topology))
        self._topology = topology
        for notice in rebuilt.notices:
            self._warn("hotplug", notice)
        fields = {
            "before": before.topology.online,
            "after": topology.online,
            "memory": topology.memory,
            "moves": len(rebuilt.moves),
            "pool": self.ledger.pool,
            "us": _us_since(started_ns),
        }
        same = before.topology.online == topology.online
        log.warning("Other %s %s", "memory is there" if same else "cpus are online", Fields(fields))
        self.on_decided(
            rebuilt_on("Hotplug", before, rebuilt, _us_since(started_ns), of_machine=True)
        )
        self.on_unsettled()

    def doubt_kernel(self) -> None:
        """Have it read what the kernel gives each container; settling mends what is wrong.

        A cpu that went offline is taken out of cgroups, and may not be put back with it.
        """
        self.unverified = True
        self.on_unsettled()

    def configure(self, request: messages.ConfigureRequest) -> int:
        """Learn the runtime's deadline; return the event mask."""
        # In milliseconds; not told before NRI 0.7.
        timeout_s = request.request_timeout / 1000 or REQUEST_TIMEOUT_S
        self._slow_s = timeout_s / SLOW_PART
        return messages.mask_of(EVENTS)

    def synchronize(
        self,
        pods: Sequence[messages.PodSandbox],
        containers: Sequence[messages.Container],
    ) -> Sequence[messages.ContainerUpdate]:
        """Rebuild the ledger from the runtime's report and return what must be corrected."""
        started_ns = time.perf_counter_ns()
        self.on_request()
        # In a dry run nobody reads: containers do not have what the ledger says.
        reads_kernel = self.reads_kernel and not self._dry_run
        report = Report(
            self._topology,
            [translate.pod_facts(pod) for pod in pods],
            [
                translate.reported(container)
                for container in containers
                if container.state != messages.ContainerState.CONTAINER_STOPPED
            ],
            reads_kernel,
        )
        before, rebuilt = self.ledger, self._ask(report)
        self.unread, self.unverified = reads_kernel, not reads_kernel
        if reads_kernel:
            self.on_urgent()
        else:
            self.on_told([one.container_id for one in rebuilt.updates], before)
        self.on_unsettled()
        for notice in rebuilt.notices:
            self._warn("Synchronize", notice)
        log.info(
            "Synchronized %s",
            Fields(
                {
                    "event": "Synchronize",
                    "pods": len(pods),
                    "containers": len(containers),
                    "moves": len(rebuilt.moves),
                    "updates": len(rebuilt.updates),
                    "pool": rebuilt.ledger.pool,
                    "us": _us_since(started_ns),
                }
            ),
        )
        self.on_decided(rebuilt_on("Synchronize", before, rebuilt, _us_since(started_ns)))
        return [] if self._dry_run else translate.update_messages(rebuilt.updates)

    def create_container(
        self, request: messages.CreateContainerRequest
    ) -> messages.CreateContainerResponse:
        """Place a new container.

        Raises:
            nri.Refusal: The rules allow no place for it; nothing has changed.
        """
        pod, container = (
            translate.optional_pod_facts(request),
            translate.container_facts(request.container),
        )
        decision = self._decide("CreateContainer", Create(pod, container), container.id)
        holding = self.ledger.holding(container.id)
        if container.cpus and holding is not None:
            self.rivals.note_creation(holding.label, holding.kind, container.cpus)
        reply = messages.CreateContainerResponse()
        if not self._dry_run:
            if decision.adjustment is not None:
                reply.adjust.CopyFrom(translate.adjustment_message(decision.adjustment))
            reply.update.extend(translate.update_messages(decision.updates))
        return reply

    def update_container(
        self, request: messages.UpdateContainerRequest
    ) -> messages.UpdateContainerResponse:
        """Answer a resource update; the reply always carries the container's own cpuset.

        Raises:
            nri.Refusal: The new size cannot be satisfied; nothing has changed.
        """
        pod, container = (
            translate.optional_pod_facts(request),
            translate.updated_facts(request.container, request.linux_resources),
        )
        event = Update(pod, container, translate.has_ended(request.container))
        decision = self._decide("UpdateContainer", event, container.id)
        holding = self.ledger.holding(container.id)
        if request.linux_resources.cpu.cpus and holding is not None:
            self.rivals.note_update(holding.label, request.linux_resources.cpu.cpus)
        reply = messages.UpdateContainerResponse()
        if not self._dry_run:
            reply.update.extend(translate.update_messages(decision.updates))
            if decision.adjustment is not None:
                reply.update.append(
                    translate.self_update_message(container.id, decision.adjustment)
                )
        return reply

    def stop_container(
        self, request: messages.StopContainerRequest
    ) -> messages.StopContainerResponse:
        """Release a container that has stopped; others may grow in the same reply."""
        container_id = request.container.id
        decision = self._decide("StopContainer", Stop(container_id), container_id)
        reply = messages.StopContainerResponse()
        if not self._dry_run:
            reply.update.extend(translate.update_messages(decision.updates))
        return reply

    def state_change(
        self,
        event: Event,
        pod: messages.PodSandbox,
        container: messages.Container | None,
    ) -> None:
        """Take note of an event whose reply can carry no updates."""
        match event:
            case Event.REMOVE_CONTAINER if container is not None:
                self._decide("RemoveContainer", Remove(container.id), container.id)
            case Event.POST_START_CONTAINER if container is not None:
                facts = translate.pod_facts(pod) if pod.uid or pod.name else None
                seen = Seen(facts, translate.container_facts(container), Phase.RUNNING)
                self._decide("PostStartContainer", seen, container.id)
            case Event.STOP_POD_SANDBOX:
                self._decide("StopPodSandbox", PodStop(pod.id), pod.id)
            case Event.REMOVE_POD_SANDBOX:
                self._decide("RemovePodSandbox", PodRemove(pod.id), pod.id)
            case _:
                log.debug("Ignored event %s", event)

    def shutdown(self) -> None:
        """Take note that the runtime is about to end; the connection's end will follow."""
        log.info("The runtime says that it shuts down")

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Log a defect of ours; the connection has answered the event and lives on."""
        log.error("A handler failed: %s", method.name, exc_info=error)

    def answered(self, method: nri.Method, took_s: float) -> None:
        """Count how long an answer took; warn if it came too near to the deadline."""
        self.latency.note(took_s)
        self.on_answered(method.name, took_s)
        if took_s >= self._slow_s:
            self.latency.slow += 1
            # The rest was spent before the handler, on the event loop, or on the messages.
            fields = {
                "event": method.name,
                "ms": round(took_s * 1000),
                "decide_ms": self._decided_us // 1000,
                "updates": self._updates,
                "containers": len(self.ledger),
            }
            log.warning("An answer took long %s", Fields(fields))

    def take_due_updates(
        self, settle: Settle, growth: int | None = None
    ) -> tuple[CpusetUpdate, ...]:
        """Return what no reply has carried yet, and note it as told; none in a dry run.

        Args:
            settle: Whether it is calm, and who is within reach.
            growth: How many containers at most may grow; None: all.
        """
        if self._dry_run:
            return ()
        before, decision = self.ledger, self._ask(Happened(settle, growth))
        for one in placed_late(before, decision):
            self.on_decided(one)
        return decision.updates

    def doubt(self, container_ids: Collection[str], may: Mapping[str, CpuSet]) -> None:
        """Take note that containers may not have what they were told.

        Args:
            container_ids: These containers; those that are not live do not matter.
            may: Cpus that some of them may have beside those they were told.
        """
        self._ask(Happened(Doubt(frozenset(container_ids), may)))

    def found(self, cpus: Mapping[str, CpuSet]) -> None:
        """Take note that running containers have something else than they were told.

        Args:
            cpus: What the kernel enforces for them.
        """
        self._ask(Happened(Found(cpus)))

    def reread(self, cpus: Mapping[str, CpuSet]) -> None:
        """Take what the kernel enforces for what running containers have.

        Args:
            cpus: What was read, by container.
        """
        self._ask(Enforced(cpus))

    def cgroup_of(self, container_id: str) -> str:
        """Return a live container's cgroup path as the runtime reported it; or nothing."""
        holding = self.ledger.holding(container_id)
        return holding.container.cgroup if holding is not None else ""

    def _decide(self, name: str, event: EngineEvent, subject: str) -> Decision:
        """Decide an event, replace the ledger, and log one line.

        Args:
            name: The event's name at the runtime.
            event: The event.
            subject: The id of the container, or of the pod, that it is about.

        Raises:
            nri.Refusal: The decision is a refusal (never in a dry run).
        """
        started_ns = time.perf_counter_ns()
        self.on_request()
        before = self.ledger
        self._release_dead(siblings_in_question(before, event))
        decision = self._ask(Happened(event, self.growth_per_reply))
        if decision.refusal is not None and decision.refusal.more_cpus_help:
            decision = self._ask_without_the_dead(event, decision)
        ended = before.holding(subject) if decision.outcome is Outcome.RELEASED else None
        if ended is not None and ended.phase is Phase.CREATED:
            # It never started: its creation may have failed after our reply, and then the
            # runtime has thrown the reply away, updates of others included.
            self.unverified = True
        if decision.updates or decision.adjustment is not None:
            self.on_told([subject, *(one.container_id for one in decision.updates)], before)
        # Only one that does not run yet is doubted for having been told something.
        doubts = self.ledger.doubts
        if not self._dry_run and any(one.container_id in doubts for one in decision.updates):
            self.on_overtaken()
        if self.ledger.burst > before.burst:
            self.on_burst()
        if self.unverified or not self.ledger.settled:
            if decision.outcome is Outcome.STARTED and self._may_be_astray(subject):
                # It may have kept cpus in its start that others own by now.
                self.on_urgent()
            self.on_unsettled()
        for notice in decision.notices:
            self._warn(name, notice)
        self._decided_us, self._updates = _us_since(started_ns), len(decision.updates)
        decided = decided_on(name, subject, before, decision, self._decided_us)
        decided = with_asker(decided, event)
        decision_log.write(decided)
        self.on_decided(decided)
        if decision.refusal is not None and not self._dry_run:
            raise nri.Refusal(str(decision.refusal))
        return decision

    def _may_be_astray(self, container_id: str) -> bool:
        """Tell whether a live container may have cpus that it is not wanted to have."""
        ledger = self.ledger
        return container_id in ledger.doubts or not (
            ledger.told[container_id] <= ledger.cpus_of(container_id)
        )

    def _ask_without_the_dead(self, event: EngineEvent, refused: Decision) -> Decision:
        """Release the holders without a process, if there are any, and decide once more.

        Pods that are deleted by force and created again at once come before the events that
        end their predecessors. Who would be refused gains by the few reads that it takes to
        see that; all other events read nothing.
        """
        holders = [one.id for one in self.ledger.holdings() if one.phase is Phase.RUNNING]
        # Owners come first in the list; beyond this bound a refusal costs less than the wait.
        if not self._release_dead(holders[:DEAD_READS_MAX]):
            return refused
        return self._ask(Happened(event, self.growth_per_reply))

    def _release_dead(self, ids: Sequence[str]) -> bool:
        """Release those of some containers that have no process; tell whether there are any."""
        dead = [one for one in ids if self.is_dead(self.cgroup_of(one))]
        if dead:
            held = (self.ledger.holding(one) for one in dead)
            labels = ", ".join(one.label for one in held if one is not None)
            log.info("Released containers without a process %s", Fields({"containers": labels}))
            before, decision = self.ledger, self._ask(Happened(Dead(frozenset(dead))))
            for one in dead:
                self.on_decided(decided_on("Dead", one, before, decision))
            self.on_unsettled()
        return bool(dead)

    @overload
    def _ask(self, question: Happened) -> Decision: ...
    @overload
    def _ask(self, question: Report | Machine | Enforced) -> Rebuilt: ...
    def _ask(self, question: Question) -> Decision | Rebuilt:
        """Ask the engine, record question and answer, and replace the ledger."""
        answer = ask(self.ledger, question)
        if self._recorder is not None:
            self._recorder.record(self.ledger, question, answer)
        self.ledger = answer.ledger
        if isinstance(answer, Decision):
            self.released |= answer.outcome is Outcome.RELEASED
        return answer

    def _warn(self, name: str, notice: Notice) -> None:
        log.warning("%s: %s", name, notice)


def _nobody() -> None:
    """Do nothing: nobody listens."""


def _ignore(decided: Decided) -> None:
    """Do nothing: nobody tells of decisions."""


def _take_no_time(request: str, took_s: float) -> None:
    """Do nothing: nobody counts by request."""


def _never(path: str) -> bool:  # noqa: ARG001  # nobody can tell
    """Say no: nothing is known."""
    return False


def _tell_nobody(ids: Collection[str], before: Ledger) -> None:
    """Do nothing: nobody reads back."""


def _us_since(started_ns: int) -> int:
    return (time.perf_counter_ns() - started_ns) // 1000
