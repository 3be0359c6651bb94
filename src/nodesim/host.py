"""A whole simulated host: machine, kernel, runtime, kubelet and the real agent, put together.

The host is told of everything that runtime and kubelet do. It lets the checker judge it, and
whoever looks on see it.
"""

import asyncio
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

from nodesim import kubernetes, limits, machines, runtimes
from nodesim.actions import Fault, FaultKind, OtherPluginKind, Scenario
from nodesim.agent import AgentProcess, LogLines
from nodesim.checker import Checker
from nodesim.deadlines import AUDIT_DEADLINE_S, DEADLINE_S, HOTPLUG_DEADLINE_S, WRITE_DEADLINE_S
from nodesim.faults import Faults
from nodesim.kernel import Kernel
from nodesim.kubelet import Kubelet, PodPhase
from nodesim.observer import Mishap
from nodesim.other_plugin import OtherPlugin
from nodesim.records import Container, Phase
from nodesim.report import Entry, EntryKind, Violation
from nodesim.runtime import Runtime
from nodesim.tenant import Newcomer
from nodesim.workload import Resources
from nri import Event
from weka_cpuset import settings
from weka_cpuset.engine import AnnotatedDemand, Class, CpuSet, Demand, IntegerDemand, Rules
from weka_cpuset.show.scene import Occupant

_PATIENCE_S = {
    # The agent learns of it when it is told that the container has started.
    Mishap.START: math.inf,
    Mishap.LOST: AUDIT_DEADLINE_S,
    Mishap.FAILED: AUDIT_DEADLINE_S,
    Mishap.UNANSWERED: DEADLINE_S,
    Mishap.LEFT_OUT: DEADLINE_S,
}
"""How long the agent has to put things right, in seconds."""


@dataclasses.dataclass(slots=True)
class Counts:
    """What has happened so far.

    Attributes:
        refused: How many creations the agent refused.
        completed: How many pods ran to their own end.
        synchronized: How often the agent was synchronized.
    """

    refused: int = 0
    completed: int = 0
    synchronized: int = 0


class Host:
    """One simulated host.

    Args:
        scenario: Names the machine and the runtime, and has the agent's settings.
        tell: Called with each entry of the timeline; None: nobody looks on, which is faster.

    Attributes:
        machine: The machine.
        kind: The release of the runtime.
        kernel: What is enforced.
        checker: Judges it.
        faults: What is broken on purpose.
        log: The agent's log, if it is kept.
        counts: What has happened so far.
        at_work: Set while the agent is connected.
        now_s: The simulated time of the last thing that happened, in seconds.
        last_event_s: The simulated time of the last event of the runtime, in seconds.

    Raises:
        UnknownMachine: There is no such machine.
        UnknownRuntime: There is no such runtime.
        SettingsError: The scenario's settings are not allowed.
    """

    def __init__(self, scenario: Scenario, tell: Callable[[Entry], None] | None) -> None:
        self.machine = machines.find(scenario.machine)
        self.kind = runtimes.find(scenario.runtime)
        self.counts = Counts()
        self.at_work = asyncio.Event()
        self.now_s = 0.0
        self.last_event_s = 0.0
        self._tell = tell
        self._settings = settings.load(None, {}, dict(scenario.settings))
        self._other_kind = scenario.other_plugin
        self._demands: dict[str, Demand | None] = {}
        self._plugged_s = -math.inf
        self._seen: dict[str, CpuSet] = {}
        self._shown: dict[str, CpuSet] = {}
        self._refused_s: dict[str, float] = {}
        self._freed_s = 0.0
        self._forgotten_among: frozenset[str] | None = None
        self._topology = topology = self.machine.topology()
        memory_nodes = CpuSet.of(node.id for node in self.machine.nodes if node.has_memory)
        self.kernel = Kernel(topology.online, memory_nodes, scenario.cgroup, self.machine.present)
        rules = Rules(
            self._settings.cpus.reserved,
            self._settings.cpus.min_shared,
            preference=self._settings.placement.preference,
        )
        self.checker = Checker(topology.online, rules, self)
        self.faults = Faults(self._struck)
        self.log = LogLines(lambda: self.now_s)
        self.kernel.on_change = self._set
        self.kernel.fails_write = self._fails_write
        self.checker.on_violation = self._broken

    def start(self, socket: Path) -> None:
        """Start the runtime and the agent on the running loop.

        Args:
            socket: Where the two meet.
        """
        self.runtime = Runtime(self.kind, socket, self.kernel, self.faults, self)
        self.kubelet = Kubelet(self.runtime, self)
        nri = dataclasses.replace(self._settings.nri, socket=socket)
        self.agent = AgentProcess(
            dataclasses.replace(self._settings, nri=nri),
            lambda: self.machine.topology(self.kernel.online),
            self.kernel,
            self._agent_ended,
        )
        first = CpuSet.of([self.online.lowest])
        self.other_plugin = OtherPlugin(self._other_kind, socket, first, self.leaped)
        self.runtime.start()
        if self._other_kind is not OtherPluginKind.NONE:
            self.other_plugin.start()
        self.agent.start()

    async def stop(self) -> None:
        """End everything where it is."""
        await self.agent.end()
        await self.other_plugin.end()
        self.kubelet.close()
        self.runtime.stop()

    def tick(self) -> float:
        """Look at the clock; return the simulated time in seconds."""
        self.now_s = asyncio.get_running_loop().time()
        return self.now_s

    def note(self, kind: EntryKind, subject: str, text: str) -> None:
        """Put an entry on the timeline."""
        if self._tell is not None:
            self._tell(Entry(round(self.now_s, 6), kind, subject, text))

    # ---- what there is to see ----

    @property
    def online(self) -> CpuSet:
        """The cpus that are online."""
        return self.kernel.online

    @property
    def pool(self) -> CpuSet:
        """The online cpus on which no annotated or integer container runs."""
        taken = CpuSet.EMPTY
        for _, kind, cpus in self._live():
            if kind is not Class.SHARED:
                taken |= cpus
        return self.online - taken

    @property
    def agent_restarts(self) -> int:
        """How often the agent has ended by itself."""
        return self.agent.ends

    def occupants(self) -> tuple[Occupant, ...]:
        """List the live containers; what has changed since the last call is marked."""
        found = []
        for container, kind, cpus in self._live():
            changed = self._shown.get(container.id) != cpus
            found.append(Occupant(container.label, kind, cpus, running=True, changed=changed))
            self._shown[container.id] = cpus
        return tuple(found)

    def phase(self, key: str) -> PodPhase:
        """Tell how a pod is doing."""
        return self.kubelet.phase(key)

    def cpus_of(self, label: str) -> CpuSet | None:
        """Return the cpus of a live container by its label, or None if there is none."""
        return next((cpus for one, _, cpus in self._live() if one.label == label), None)

    @property
    def forgets_unnoticed(self) -> bool:
        """Whether the runtime has forgotten the agent, and no container came or went since.

        Nothing can show it to the agent, and it misses nothing.
        """
        return self._forgotten_among == self.kernel.containers()

    @property
    def left(self) -> int:
        """How many containers and sandboxes the runtime has on record."""
        return sum(1 for _ in self.runtime.containers) + sum(1 for _ in self.runtime.sandboxes)

    def leaked(self) -> list[str]:
        """Name what is left although no pod is."""
        left = [f"container {one.id} of the runtime" for one in self.runtime.containers]
        left += [f"sandbox {one.id} of the runtime" for one in self.runtime.sandboxes]
        left += [f"cgroup {path}" for path in self.kernel.paths]
        agent = self.agent.agent
        if agent is not None and not self.forgets_unnoticed:
            ledger = agent.keeper.ledger
            left += [f"container {one.id} in the ledger" for one in ledger.holdings()]
            if ledger.pool != self.online:
                left.append(f"cpus {self.online - ledger.pool} missing in the ledger's pool")
        return left

    def kept_out(self) -> list[tuple[str, Demand]]:
        """List the containers that the agent refuses now, by label, with what they ask for.

        Those whose last refusal is older than the end of some container are left out: they
        may fit by now, and will be tried again.
        """
        found = []
        for pod, container in self.kubelet.refused:
            label = f"{pod.key}/{container.name}"
            demand = kubernetes.demand_of(pod, container, self.online)
            if demand is not None and self._refused_s[label] > self._freed_s + DEADLINE_S:
                found.append((label, demand))
        return found

    def _live(self) -> Iterator[tuple[Container, Class, CpuSet]]:
        for container in self.runtime.containers:
            cgroup = self.kernel.get(container.path)
            if cgroup is not None and cgroup.processes:
                yield container, _class_of(self._demands.get(container.id)), cgroup.effective

    # ---- what is done to it ----

    def use(self, online: CpuSet) -> None:
        """Take cpus offline or bring them back; the last one stays.

        Args:
            online: The cpus that are online from now on.
        """
        if not online:
            return
        self._plugged_s = self.tick()
        for container in self.runtime.containers:
            if container.id in self._demands:
                spec = container.sandbox.spec
                self._demands[container.id] = kubernetes.demand_of(spec, container.spec, online)
        hit = self.kernel.use(online)
        self.checker.online_changed(online, self._demands.items())
        for path in hit:
            self._changed(path, self.checker.fell_back)

    def leaped(self, seconds: float) -> None:
        """The clock has leaped, or all wait for another plugin: nobody had that time.

        Args:
            seconds: How long it is.
        """
        self._plugged_s += seconds
        self.checker.leaped(seconds)

    # ---- what the runtime tells ----

    @property
    def placer(self) -> str:
        """Name of the plugin that places containers: the agent's."""
        return self._settings.nri.name

    def event(self, event: Event, subject: str) -> None:
        """A lifecycle event happens."""
        self.last_event_s = self.tick()
        if self._tell is not None:
            self.note(EntryKind.EVENT, subject, event.name)

    def made(self, container: Container) -> None:
        """A container has a cgroup from now on."""
        self.tick()
        cgroup = self.kernel.get(container.path)
        if cgroup is None:
            raise AssertionError("a container was made without its cgroup")
        demand = kubernetes.demand_of(container.sandbox.spec, container.spec, self.online)
        self._demands[container.id] = demand
        newcomer = Newcomer(
            container.id, container.label, demand, cgroup.effective, cgroup.effective_mems
        )
        if container.answered:
            patience_s = self._patience_with(container)
            self.checker.created(newcomer, patience_s, outdated=container.outdated)
        else:
            self.checker.unplaced(newcomer)
        self._show_change(container, cgroup.effective)

    def _patience_with(self, container: Container) -> float:
        """Tell how long a container that was just made may be wrong, in seconds."""
        return math.inf if container.passed_over else self._unnoticed_s

    @property
    def _unnoticed_s(self) -> float:
        """For how many seconds from now the agent need not know which cpus are online."""
        return max(0.0, self._plugged_s + HOTPLUG_DEADLINE_S - self.now_s)

    def started(self, container: Container) -> None:
        """Plugins were told that a container runs."""
        self.tick()
        silent = container.lost_silently
        self.checker.started(container.id, AUDIT_DEADLINE_S if silent else DEADLINE_S)

    def resized(self, container: Container, resources: Resources, *, answered: bool) -> None:
        """A container's new resources are about to be applied; a plugin may have had a say."""
        self.tick()
        spec = container.sandbox.spec
        own = dataclasses.replace(container.spec, resources=resources)
        others = tuple(own if one.name == own.name else one for one in spec.containers)
        demand = kubernetes.demand_of(
            dataclasses.replace(spec, containers=others), own, self.online
        )
        if container.id not in self._demands:
            # Its cgroup may be made before its new cpus are on record.
            container.passed_over = True
            return
        self._demands[container.id] = demand
        self.checker.resized(container.id, demand, answered=answered)

    def exited(self, container: Container) -> None:
        """A container's process is gone."""
        self._freed_s = self.tick()
        self.checker.ended(container.id)
        self._demands.pop(container.id, None)
        self._seen.pop(container.id, None)
        self._shown.pop(container.id, None)

    def noticed(self, container: Container) -> None:
        """The runtime shows that a container's process is gone."""
        self.kubelet.exited(container.sandbox.spec.uid, container.id, container.exit_code)

    def mishap(self, container: Container, mishap: Mishap) -> None:
        """Something kept a container from getting what the agent wanted for it."""
        self.tick()
        self.note(EntryKind.RUNTIME, container.label, mishap.value)
        if mishap is Mishap.UNASKED:
            self.checker.unasked()
            return
        # What has ended, though nobody was told yet, needs no cpus.
        if mishap is Mishap.LEFT_OUT and container.phase is not Phase.EXITED:
            self.checker.report(8, f"{container.label} is resized, and the reply leaves it out")
        container.lost_silently |= mishap in (Mishap.LOST, Mishap.FAILED)
        if container.id not in self._demands and mishap is not Mishap.START:
            # It has no cgroup yet, and will get one with the cpus that it should have left. What
            # met its start is noted by the runtime: it was placed.
            container.passed_over = True
        self.checker.excuse(container.id, _PATIENCE_S[mishap])

    def plugin_synchronized(self, name: str) -> None:
        """A plugin is at work."""
        self.last_event_s = self.tick()
        if name == self._settings.nri.name:
            self._forgotten_among = None
            self.counts.synchronized += 1
            self.at_work.set()
            self.checker.agent_synchronized()
            self.note(EntryKind.AGENT, "agent", "synchronized")
        else:
            self.note(EntryKind.RUNTIME, f"plugin {name}", "synchronized")

    def plugin_left(self, name: str, reason: str) -> None:
        """A plugin is gone."""
        self.tick()
        if name == self._settings.nri.name:
            self.at_work.clear()
            self.checker.agent_left()
            self.note(EntryKind.AGENT, "agent", f"cut off: {reason}")
        else:
            self.note(EntryKind.RUNTIME, f"plugin {name}", f"cut off: {reason}")

    def plugin_forgotten(self, name: str) -> None:
        """A plugin's connection is kept, and it is never called again."""
        self.tick()
        if name == self._settings.nri.name:
            self._forgotten_among = self.kernel.containers()
            self.note(EntryKind.AGENT, "agent", "forgotten: its report came too late")

    # ---- what the kubelet tells ----

    def refused(self, label: str, reason: str) -> None:
        """The agent refuses a container."""
        self.counts.refused += 1
        self._refused_s[label] = self.tick()
        self.note(EntryKind.REFUSAL, label, reason)

    def failed(self, label: str, reason: str) -> None:
        """The runtime fails to create or start a container."""
        self.tick()
        self.note(EntryKind.RUNTIME, label, reason)

    def completed(self, key: str) -> None:
        """A pod has run to its own end."""
        self.counts.completed += 1
        self.note(EntryKind.EVENT, key, "completed")

    # ---- what the checker looks at ----

    def memory_nodes(self, cpus: CpuSet) -> CpuSet:
        """Return the memory nodes that an annotated container with these cpus needs."""
        return self._topology.memory_nodes(cpus)

    def limit_broken(self, demand: IntegerDemand, cpus: CpuSet) -> str:
        """Tell which limit that a container has asked for some cpus would break; empty: none."""
        return limits.broken(self._topology, demand, cpus)

    def promised(self) -> CpuSet:
        """Return the cpus of owners that have not got them yet, or whose end was not told yet."""
        ledger = self.agent.ledger
        promised = CpuSet.EMPTY
        for one in self.runtime.containers:
            if one.phase is Phase.CREATED and not one.stop_told and one.cpus:
                demand = kubernetes.demand_of(one.sandbox.spec, one.spec, self.online)
                if _class_of(demand) is not Class.SHARED:
                    promised |= CpuSet.parse(one.cpus)
            elif ledger is not None and (held := ledger.holding(one.id)) is not None:
                # Of one that runs, an update may have been lost.
                promised |= held.cpus or CpuSet.EMPTY
        return promised

    def shares(self, container_id: str) -> bool:
        """Tell whether the agent says that it found no place for an integer container.

        While it is away, what it said last holds.
        """
        ledger = self.agent.ledger
        holding = ledger.holding(container_id) if ledger is not None else None
        return holding is None or holding.cpus is None

    # ---- inside ----

    def _set(self, path: str) -> None:
        """Somebody has set another cpuset."""
        self.tick()
        if not self._unnoticed_s:
            self._changed(path, self.checker.changed)
            return
        container, cgroup = self.runtime.find(path), self.kernel.get(path)
        if container is not None and cgroup is not None and not cgroup.cpus <= self.online:
            # In version 2 that is no error: the agent does not know it yet.
            self.checker.excuse(container.id, self._unnoticed_s)
        # What the agent has said before it knew says nothing of what it does about it.
        self._changed(path, self.checker.fell_back)

    def _changed(self, path: str, tell: Callable[[str, CpuSet, CpuSet], None]) -> None:
        """The kernel enforces another cpuset."""
        self.tick()
        container = self.runtime.find(path)
        cgroup = self.kernel.get(path)
        if container is not None and cgroup is not None and cgroup.processes:
            tell(container.id, cgroup.effective, cgroup.effective_mems)
            self._show_change(container, cgroup.effective)

    def _show_change(self, container: Container, cpus: CpuSet) -> None:
        if self._tell is None:
            return
        before = self._seen.get(container.id)
        self._seen[container.id] = cpus
        if before != cpus:
            text = f"{before} -> {cpus}" if before is not None else f"-> {cpus}"
            self.note(EntryKind.CHANGE, container.label, text)

    def _fails_write(self, path: str) -> bool:
        container = self.runtime.find(path)
        label = container.label if container is not None else path
        if self.faults.strikes(FaultKind.FAIL_WRITE, "", label) is None:
            return False
        if container is not None:
            self.checker.excuse(container.id, WRITE_DEADLINE_S)
        return True

    def _struck(self, fault: Fault, subject: str) -> None:
        self.note(EntryKind.FAULT, subject, fault.kind.value)

    def _agent_ended(self, reason: str) -> None:
        self.note(EntryKind.AGENT, "agent", f"ended by itself: {reason}")
        self.checker.report(0, f"the agent ended by itself: {reason}")

    def _broken(self, violation: Violation) -> None:
        self.note(EntryKind.VIOLATION, f"rule {violation.rule}", violation.text)


def _class_of(demand: Demand | None) -> Class:
    match demand:
        case AnnotatedDemand():
            return Class.ANNOTATED
        case IntegerDemand():
            return Class.INTEGER
        case _:
            return Class.SHARED
