"""A whole simulated host: machine, kernel, runtime, kubelet and the real agent, on one clock.

The simulation does the actions of a scenario, lets everything that happens be checked and
shown, and ends in a report. It is a pure function of the scenario: what is random in it was
drawn from a seed before.
"""

import asyncio
import dataclasses
import logging
import tempfile
from pathlib import Path
from typing import Protocol, assert_never

from nodesim import clock, kubernetes, machines, runtimes
from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Expect,
    Fault,
    FaultKind,
    Looked,
    Offline,
    Online,
    Repeat,
    Resize,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
    laid_out,
)
from nodesim.agent import AgentProcess, LogLines, logged
from nodesim.checker import AUDIT_DEADLINE_S, DEADLINE_S, Checker, Newcomer
from nodesim.expect import evaluate
from nodesim.faults import Faults
from nodesim.kernel import Kernel
from nodesim.kubelet import Kubelet, PodPhase
from nodesim.records import Container
from nodesim.report import Entry, EntryKind, Expectation, Occupant, Report, Violation
from nodesim.runtime import CriError, Mishap, Runtime
from nodesim.storm import disturb
from nodesim.workload import Resources
from nri import Event
from weka_cpuset import settings
from weka_cpuset.engine import AnnotatedDemand, Class, CpuSet, Demand, IntegerDemand

LOOK_S = 0.25
"""The checker is told that time passes this often, in seconds."""

QUIET_S = AUDIT_DEADLINE_S + 1.0
"""After this long without an event, in seconds, everything should be as it shall be."""

PATIENCE_S = 600.0
"""A call of the runtime that has not ended after this long, in seconds, hangs."""


class Watcher(Protocol):
    """Who looks at a simulation while it runs."""

    def entry(self, entry: Entry) -> None:
        """Something happened."""

    def progress(self, done: int, total: int) -> None:
        """So many actions of so many have begun."""


class Simulation:
    """One run of one scenario.

    Args:
        scenario: What is done.
        seed: Draws faults and restarts between the scenario's own actions; None: none.
        watch: Who looks on; None: nobody, which is faster.
        keep_log: Whether the report has the agent's log.

    Attributes:
        scenario: What is done, with what the seed has added.
        machine: The machine.

    Raises:
        UnknownMachine: There is no such machine.
        UnknownRuntime: There is no such runtime.
        SettingsError: The scenario's settings are not allowed.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int | None = None,
        watch: Watcher | None = None,
        keep_log: bool = False,
    ) -> None:
        self.scenario = scenario if seed is None else disturb(scenario, seed)
        self.machine = machines.find(scenario.machine)
        self._seed = seed
        self._watch = watch
        self._keep_log = keep_log
        self._kind = runtimes.find(scenario.runtime)
        self._settings = settings.load(None, {}, dict(scenario.settings))
        self._agent_name = self._settings.nri.name
        self._topology = self.machine.topology()
        self.now_s = 0.0
        self._last_event_s = 0.0
        self._demands: dict[str, Demand | None] = {}
        self._seen: dict[str, CpuSet] = {}
        self._shown: dict[str, CpuSet] = {}
        self._expectations: list[Expectation] = []
        self._refused = 0
        self._completed = 0
        self._reconnects = -1
        self._at_work = asyncio.Event()
        memory_nodes = CpuSet.of(node.id for node in self.machine.nodes if node.has_memory)
        self._kernel = Kernel(self._topology.online, memory_nodes)
        self._checker = Checker(
            self._topology.online,
            self._settings.cpus.reserved,
            self._settings.cpus.min_shared,
            lambda cpus: self._topology.memory_nodes(cpus),
            lambda: self.now_s,
        )
        self._faults = Faults(self._struck)
        self._log = LogLines(lambda: self.now_s)

    # ---- for whoever looks on ----

    @property
    def online(self) -> CpuSet:
        """The cpus that are online."""
        return self._kernel.online

    @property
    def pool(self) -> CpuSet:
        """The online cpus on which no annotated or integer container runs."""
        taken = CpuSet.EMPTY
        for one in self.occupants(remember=False):
            if one.kind is not Class.SHARED:
                taken |= one.cpus
        return self.online - taken

    def occupants(self, *, remember: bool = True) -> tuple[Occupant, ...]:
        """List the live containers.

        Args:
            remember: Whether the next call marks what has changed since this one.
        """
        found = []
        for container in self._runtime.containers:
            cgroup = self._kernel.get(container.path)
            if cgroup is not None and cgroup.processes:
                changed = self._shown.get(container.id) != cgroup.cpus
                kind = _class_of(self._demands.get(container.id))
                found.append(
                    Occupant(container.label, kind, cgroup.cpus, running=True, changed=changed)
                )
                if remember:
                    self._shown[container.id] = cgroup.cpus
        return tuple(found)

    # ---- the run ----

    def run(self) -> Report:
        """Run the scenario to its end.

        Returns:
            The report.
        """
        wants_log = self._keep_log or any(
            isinstance(one, Expect) and one.looked in (Looked.LOG, Looked.NO_LOG)
            for one in laid_out(self.scenario.actions)
        )
        level = logging.INFO if wants_log else logging.CRITICAL
        with (
            tempfile.TemporaryDirectory(prefix="nodesim-") as folder,
            logged(self._log, level),
        ):
            return clock.run(self._play(Path(folder) / "nri.sock"))

    async def _play(self, socket: Path) -> Report:
        self._put_together(socket)
        self._runtime.start()
        self._agent.start()
        looking = asyncio.create_task(self._look_again_and_again(), name="look")
        await self._at_work.wait()
        total = sum(1 for _ in laid_out(self.scenario.actions))
        for done, action in enumerate(laid_out(self.scenario.actions), start=1):
            if self._watch is not None:
                self._watch.progress(done, total)
            await self._do(action)
        self._faults.clear()
        await asyncio.sleep(self.scenario.tail_s)
        await self._come_to_rest()
        looking.cancel()
        return await self._end()

    def _put_together(self, socket: Path) -> None:
        self._kernel.on_change = self._changed
        self._kernel.fails_write = self._fails_write
        self._checker.on_violation = self._broken
        self._runtime = Runtime(self._kind, socket, self._kernel, self._faults, self)
        self._kubelet = Kubelet(self._runtime, self)
        nri = dataclasses.replace(self._settings.nri, socket=socket)
        self._agent = AgentProcess(
            dataclasses.replace(self._settings, nri=nri),
            lambda: self.machine.topology(self._kernel.online),
            self._kernel,
            self._agent_ended,
        )

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._tick()
            self._checker.look()

    async def _come_to_rest(self) -> None:
        """Wait until nothing is under way any more, and look at everything."""
        end_s = self._tick() + PATIENCE_S
        while self._tick() < end_s and not self._is_at_rest:
            # Rest is no event that could be awaited.
            await asyncio.sleep(LOOK_S)  # noqa: ASYNC110
        if self._runtime.is_busy:
            self._checker.report(0, "the runtime hangs: calls of the kubelet never return")
        elif self._kubelet.is_ending:
            self._checker.report(0, "pods that were deleted never end")
        if not self._at_work.is_set():
            self._checker.report(0, "the agent is not connected")
        self._checker.at_rest()

    @property
    def _is_at_rest(self) -> bool:
        quiet = self.now_s - self._last_event_s >= QUIET_S
        return quiet and not self._runtime.is_busy and not self._kubelet.is_ending

    async def _end(self) -> Report:
        """End everything and see whether something is left."""
        self._tick()
        leaked = self._leaked() if self._kubelet.is_idle else []
        await self._agent.end()
        self._kubelet.close()
        self._runtime.stop()
        for _ in range(10):  # a cancelled task may need some turns to end
            await asyncio.sleep(0)
        here = asyncio.current_task()
        leaked += [f"task {one.get_name()}" for one in asyncio.all_tasks() if one is not here]
        self._checker.finish(leaked)
        return self._report()

    def _leaked(self) -> list[str]:
        """Name what is left although no pod is."""
        left = [f"container {one.id} of the runtime" for one in self._runtime.containers]
        left += [f"sandbox {one.id} of the runtime" for one in self._runtime.sandboxes]
        left += [f"cgroup {path}" for path in self._kernel.paths]
        agent = self._agent.agent
        if agent is not None:
            ledger = agent.handlers.ledger
            left += [f"container {one.id} in the ledger" for one in ledger.holdings()]
            if ledger.pool != self.online:
                left.append(f"cpus {self.online - ledger.pool} missing in the ledger's pool")
        return left

    def _report(self) -> Report:
        wire = self._kind.wire
        return Report(
            machine=self.machine.name,
            runtime=f"{wire.name} {wire.version}",
            seed=self._seed,
            simulated_s=round(self.now_s, 6),
            events=self._runtime.events,
            delivered=self._runtime.delivered,
            updates=self._runtime.updates,
            pods_created=self._kubelet.created,
            pods_refused=self._refused,
            pods_completed=self._completed,
            agent_restarts=self._agent.ends,
            reconnects=max(0, self._reconnects),
            exposed_s=round(self._checker.exposed_s, 6),
            expectations=tuple(self._expectations),
            violations=tuple(self._checker.violations),
            log=tuple(self._log.lines) if self._keep_log else (),
        )

    # ---- actions ----

    async def _do(self, action: Action) -> None:
        match action:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Apply(pods):
                self._note(EntryKind.ACTION, _few([pod.key for pod in pods]), "apply")
                for pod in pods:
                    self._kubelet.apply(pod)
            case Delete():
                self._delete(action)
            case Resize():
                await self._resize(action)
            case RestartAgent():
                await self._restart_agent(action)
            case RestartRuntime(away_s):
                self._note(EntryKind.ACTION, "runtime", f"restart, away for {away_s:g} s")
                self._runtime.stop()
                asyncio.get_running_loop().call_later(away_s, self._runtime.start)
            case Offline(cpus):
                self._use(self.online - cpus, f"take cpus {cpus} offline")
            case Online(cpus):
                self._use(self.online | cpus & self.machine.present, f"bring cpus {cpus} online")
            case Break(fault):
                self._break(fault)
            case Expect():
                self._expect(action)
            case Repeat():
                raise AssertionError("repeated actions were laid out before")
            case _:
                assert_never(action)

    def _delete(self, action: Delete) -> None:
        keys = [
            pod.key
            for pod in self._kubelet.pods
            for name in action.names
            if name in ("*", pod.key, f"{pod.namespace}/{pod.owner}")
        ]
        how = ", by force" if action.force else ""
        self._note(EntryKind.ACTION, _few(keys), f"delete{how}")
        for key in dict.fromkeys(keys):
            self._kubelet.delete(key, action.grace_s, force=action.force)

    async def _resize(self, action: Resize) -> None:
        pod, _, container = action.container.rpartition("/")
        self._note(EntryKind.ACTION, action.container, f"resize to {_asked(action.resources)}")
        try:
            await self._kubelet.resize(pod, container, action.resources)
        except CriError as error:
            kind = EntryKind.REFUSAL if error.by_plugin else EntryKind.RUNTIME
            self._note(kind, action.container, str(error))

    async def _restart_agent(self, action: RestartAgent) -> None:
        how = "kill" if action.kill else "stop"
        self._note(EntryKind.ACTION, "agent", f"{how}, start after {action.away_s:g} s")
        await self._agent.end()
        asyncio.get_running_loop().call_later(action.away_s, self._agent.start)

    def _use(self, online: CpuSet, what: str) -> None:
        self._note(EntryKind.ACTION, "machine", what)
        if not online:
            return
        self._tick()
        for container in self._runtime.containers:
            self._demands[container.id] = kubernetes.demand_of(
                container.sandbox.spec, container.spec, online
            )
        hit = self._kernel.use(online)
        self._checker.online_changed(online, self._demands.items())
        for path in hit:
            self._changed(path)

    def _break(self, fault: Fault) -> None:
        if fault.kind is FaultKind.CLOCK_JUMP:
            self._struck(fault, "clock")
            loop = asyncio.get_running_loop()
            if isinstance(loop, clock.VirtualLoop):
                loop.leap(fault.seconds)
        else:
            self._faults.arm(fault)

    def _expect(self, action: Expect) -> None:
        result = evaluate(action, self)
        self._expectations.append(result)
        found = "met" if result.met else f"not met: {result.found}"
        self._note(EntryKind.EXPECT, result.text, found)

    # ---- what expectations look at ----

    def phase(self, key: str) -> PodPhase:
        """Tell how a pod is doing."""
        return self._kubelet.phase(key)

    def cpus_of(self, label: str) -> CpuSet | None:
        """Return the cpus of a live container by its label, or None if there is none."""
        return next(
            (one.cpus for one in self.occupants(remember=False) if one.label == label), None
        )

    @property
    def agent_restarts(self) -> int:
        """How often the agent has ended by itself."""
        return self._agent.ends

    @property
    def log(self) -> list[str]:
        """The agent's log so far, if it is kept."""
        return self._log.lines

    # ---- what the runtime and the kubelet tell ----

    def event(self, event: Event, subject: str) -> None:
        """A lifecycle event happens."""
        self._last_event_s = self._tick()
        if self._watch is not None:
            self._note(EntryKind.EVENT, subject, event.name)

    def made(self, container: Container) -> None:
        """A container has a cgroup from now on."""
        self._tick()
        spec = container.sandbox.spec
        demand = kubernetes.demand_of(spec, container.spec, self.online)
        self._demands[container.id] = demand
        cgroup = self._kernel.get(container.path)
        if cgroup is None:
            raise AssertionError("a container was made without its cgroup")
        newcomer = Newcomer(container.id, container.label, demand, cgroup.cpus, cgroup.mems)
        if container.cpus:
            self._checker.created(newcomer, DEADLINE_S if container.missed_update else 0.0)
        else:
            self._checker.unplaced(newcomer)
        self._show_change(container, cgroup.cpus)

    def resized(self, container: Container, resources: Resources, *, answered: bool) -> None:
        """A container's new resources are about to be applied; a plugin may have had a say."""
        self._tick()
        spec = container.sandbox.spec
        own = dataclasses.replace(container.spec, resources=resources)
        others = tuple(own if one.name == own.name else one for one in spec.containers)
        demand = kubernetes.demand_of(
            dataclasses.replace(spec, containers=others), own, self.online
        )
        self._demands[container.id] = demand
        self._checker.resized(container.id, demand, answered=answered)

    def exited(self, container: Container) -> None:
        """A container's process is gone."""
        self._tick()
        self._checker.ended(container.id)
        self._demands.pop(container.id, None)
        self._seen.pop(container.id, None)
        self._shown.pop(container.id, None)

    def noticed(self, container: Container) -> None:
        """The runtime shows that a container's process is gone."""
        self._kubelet.exited(container.sandbox.spec.uid, container.id, container.exit_code)

    def mishap(self, container: Container, mishap: Mishap) -> None:
        """Something kept a container from getting what the agent wanted for it."""
        self._tick()
        known = mishap in (Mishap.START, Mishap.UNANSWERED)
        self._checker.excuse(container.id, DEADLINE_S if known else AUDIT_DEADLINE_S)
        self._note(EntryKind.RUNTIME, container.label, mishap.value)

    def plugin_synchronized(self, name: str) -> None:
        """A plugin is at work."""
        self._last_event_s = self._tick()
        if name == self._agent_name:
            self._reconnects += 1
            self._at_work.set()
            self._checker.agent_synchronized()
            self._note(EntryKind.AGENT, "agent", "synchronized")

    def plugin_left(self, name: str, reason: str) -> None:
        """A plugin is gone."""
        self._tick()
        if name == self._agent_name:
            self._at_work.clear()
            self._checker.agent_left()
            self._note(EntryKind.AGENT, "agent", f"cut off: {reason}")

    def refused(self, label: str, reason: str) -> None:
        """The agent refuses a container."""
        self._refused += 1
        self._note(EntryKind.REFUSAL, label, reason)

    def completed(self, key: str) -> None:
        """A pod has run to its own end."""
        self._completed += 1
        self._note(EntryKind.EVENT, key, "completed")

    # ---- inside ----

    def _tick(self) -> float:
        self.now_s = asyncio.get_running_loop().time()
        return self.now_s

    def _changed(self, path: str) -> None:
        """The kernel enforces another cpuset."""
        self._tick()
        container = self._runtime.find(path)
        cgroup = self._kernel.get(path)
        if container is not None and cgroup is not None and cgroup.processes:
            self._checker.changed(container.id, cgroup.cpus, cgroup.mems)
            self._show_change(container, cgroup.cpus)

    def _show_change(self, container: Container, cpus: CpuSet) -> None:
        if self._watch is None:
            return
        before = self._seen.get(container.id)
        self._seen[container.id] = cpus
        if before != cpus:
            text = f"{before} -> {cpus}" if before is not None else f"-> {cpus}"
            self._note(EntryKind.CHANGE, container.label, text)

    def _fails_write(self, path: str) -> bool:
        container = self._runtime.find(path)
        label = container.label if container is not None else path
        if self._faults.strikes(FaultKind.FAIL_WRITE, "", label) is None:
            return False
        if container is not None:
            self._checker.excuse(container.id, AUDIT_DEADLINE_S)
        return True

    def _struck(self, fault: Fault, subject: str) -> None:
        self._note(EntryKind.FAULT, subject, fault.kind.value)

    def _agent_ended(self, reason: str) -> None:
        self._note(EntryKind.AGENT, "agent", f"ended by itself: {reason}")
        self._checker.report(0, f"the agent ended by itself: {reason}")

    def _broken(self, violation: Violation) -> None:
        self._note(EntryKind.VIOLATION, f"rule {violation.rule}", violation.text)

    def _note(self, kind: EntryKind, subject: str, text: str) -> None:
        if self._watch is not None:
            self._watch.entry(Entry(round(self.now_s, 6), kind, subject, text))


def _class_of(demand: Demand | None) -> Class:
    match demand:
        case AnnotatedDemand():
            return Class.ANNOTATED
        case IntegerDemand():
            return Class.INTEGER
        case _:
            return Class.SHARED


def _few(names: list[str]) -> str:
    return (
        ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    )


def _asked(resources: Resources) -> str:
    return f"{resources.cpu_limit_m}m cpu"
