"""Keeps the ledger: asks the engine about what happened, and tells who has to do with it.

There is one ledger and one writer, the thread of the event loop: between reading the ledger and
replacing it nothing else runs. The keeper works in memory only. It touches no file and no socket,
takes no lock and waits for nothing; its log line goes into a queue.

There is one exception: where it depends on the end of other containers what a new or resized
one gets, `is_dead` tells of each whether it has ended already. That is a read of the kernel's
memory, and there are never more than a bounded number of them (docs/decisions/0007).
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import overload

from weka_cpuset import decision_log
from weka_cpuset.decided import Decided, decided_on, placed_late, rebuilt_on, with_asker
from weka_cpuset.engine import (
    CpuSet,
    CpusetUpdate,
    Dead,
    Decision,
    Doubt,
    Event,
    Found,
    Ledger,
    Notice,
    Outcome,
    Phase,
    PodFacts,
    Rebuilt,
    Reported,
    Rules,
    Settle,
    Topology,
    siblings_in_question,
)
from weka_cpuset.latency import us_since
from weka_cpuset.logs import Fields
from weka_cpuset.questions import Enforced, Happened, Machine, Question, Report, ask
from weka_cpuset.record.recorder import Recorder

log = logging.getLogger(__name__)

GROWTH_PER_REPLY = 8
"""How many shared containers may grow with one reply where nothing settles: an update costs
the runtime about 10 ms under a lock of the whole node, and whatever comes next waits for it."""

DEAD_READS_MAX = 256
"""How many cgroups are looked at, at most, before a container is refused for lack of cpus: a
read takes some ten microseconds, so all together some milliseconds."""


class Keeper:
    """Keeps the ledger of a node, and asks the placement engine how it goes on.

    Args:
        topology: The machine, until `use_topology` brings a newer reading.
        rules: Settings of the engine.
        dry_run: Decide and log, but tell nobody: containers do not have what the ledger says.
        recorder: Is shown everything that changes the ledger; None: nobody is.

    Attributes:
        dry_run: As given.
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
        on_decided: Called with what each decision has changed, once it is made.
        growth_per_reply: How many shared containers may grow with a reply. A settler that
            can reach them sets it to 0: growth then goes once, whatever the number of
            containers that end, and no pod waits for it.
    """

    def __init__(
        self, topology: Topology, rules: Rules, *, dry_run: bool, recorder: Recorder | None = None
    ) -> None:
        self.dry_run = dry_run
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
        self.growth_per_reply = GROWTH_PER_REPLY
        self._topology = topology
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
            "us": us_since(started_ns),
        }
        same = before.topology.online == topology.online
        log.warning("Other %s %s", "memory is there" if same else "cpus are online", Fields(fields))
        self.on_decided(
            rebuilt_on("Hotplug", before, rebuilt, us_since(started_ns), of_machine=True)
        )
        self.on_unsettled()

    def synchronize(self, pods: Sequence[PodFacts], containers: Sequence[Reported]) -> Rebuilt:
        """Rebuild the ledger from the runtime's report.

        Args:
            pods: All pods of the runtime.
            containers: Its containers that have not ended.

        Returns:
            What was rebuilt; none of its updates is for a runtime in a dry run.
        """
        started_ns = time.perf_counter_ns()
        self.on_request()
        # In a dry run nobody reads: containers do not have what the ledger says.
        reads_kernel = self.reads_kernel and not self.dry_run
        before = self.ledger
        rebuilt = self._ask(Report(self._topology, pods, containers, reads_kernel))
        self.unread, self.unverified = reads_kernel, not reads_kernel
        if reads_kernel:
            self.on_urgent()
        else:
            self.on_told([one.container_id for one in rebuilt.updates], before)
        self.on_unsettled()
        for notice in rebuilt.notices:
            self._warn("Synchronize", notice)
        self.on_decided(rebuilt_on("Synchronize", before, rebuilt, us_since(started_ns)))
        return rebuilt

    def decide(self, name: str, event: Event, subject: str) -> Decision:
        """Decide an event, replace the ledger, and log one line.

        Args:
            name: The event's name at the runtime.
            event: The event.
            subject: The id of the container, or of the pod, that it is about.

        Returns:
            The decision. With a refusal in it the ledger is as it was, but for containers that
            were found to have no process.
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
        if not self.dry_run and any(one.container_id in doubts for one in decision.updates):
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
        decided = decided_on(name, subject, before, decision, us_since(started_ns))
        decided = with_asker(decided, event)
        decision_log.write(decided)
        self.on_decided(decided)
        return decision

    def take_due_updates(
        self, settle: Settle, growth: int | None = None
    ) -> tuple[CpusetUpdate, ...]:
        """Return what no reply has carried yet, and note it as told; none in a dry run.

        Args:
            settle: Whether it is calm, and who is within reach.
            growth: How many containers at most may grow; None: all.
        """
        if self.dry_run:
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

    def doubt_kernel(self) -> None:
        """Have it read what the kernel gives each container; settling mends what is wrong.

        A cpu that went offline is taken out of cgroups, and may not be put back with it.
        """
        self.unverified = True
        self.on_unsettled()

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

    def _may_be_astray(self, container_id: str) -> bool:
        """Tell whether a live container may have cpus that it is not wanted to have."""
        ledger = self.ledger
        return container_id in ledger.doubts or not (
            ledger.told[container_id] <= ledger.cpus_of(container_id)
        )

    def _ask_without_the_dead(self, event: Event, refused: Decision) -> Decision:
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


def _never(path: str) -> bool:  # noqa: ARG001  # nobody can tell
    """Say no: nothing is known."""
    return False


def _tell_nobody(ids: Collection[str], before: Ledger) -> None:
    """Do nothing: nobody reads back."""
