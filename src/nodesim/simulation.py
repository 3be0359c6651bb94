"""One run of one scenario: its actions are done to a simulated host, and end in a report.

A run is a pure function of the scenario: what is random in it was drawn from a seed before.
"""

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Any, Protocol, assert_never

from nodesim import clock
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
from nodesim.agent import logged
from nodesim.deadlines import WRITE_DEADLINE_S
from nodesim.expect import evaluate
from nodesim.host import Host
from nodesim.observer import CriError
from nodesim.report import Entry, EntryKind, Expectation, Report

LOOK_S = 0.25
"""The checker is told that time passes this often, in seconds."""

QUIET_S = WRITE_DEADLINE_S + 1.0
"""After this long without an event, in seconds, everything should be as it shall be."""

PATIENCE_S = 600.0
"""The runtime hangs if for so long, in seconds, calls are under way and nothing is removed. Beside
a slow plugin it can have a longer queue than that, and works through it."""

TURNS_TO_END = 10
"""A cancelled task has ended after so many turns of the loop: one for each wait it is in."""


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
        watch: Who looks on; None: nobody, which is faster.
        keep_log: Whether the report has the agent's log.

    Attributes:
        scenario: What is done.
        host: What it is done to.

    Raises:
        UnknownMachine: There is no such machine.
        UnknownRuntime: There is no such runtime.
        SettingsError: The scenario's settings are not allowed.
    """

    def __init__(
        self, scenario: Scenario, *, watch: Watcher | None = None, keep_log: bool = False
    ) -> None:
        self.scenario = scenario
        self.host = Host(scenario, watch.entry if watch is not None else None)
        self._watch = watch
        self._keep_log = keep_log
        self._expectations: list[Expectation] = []

    def run(self) -> Report:
        """Run the scenario to its end.

        Returns:
            The report.
        """
        looks_at_log = any(
            isinstance(one, Expect) and one.looked in (Looked.LOG, Looked.NO_LOG)
            for one in laid_out(self.scenario.actions)
        )
        level = logging.INFO if self._keep_log or looks_at_log else logging.CRITICAL
        with (
            tempfile.TemporaryDirectory(prefix="nodesim-") as folder,
            logged(self.host.log, level),
        ):
            return clock.run(self._play(Path(folder) / "nri.sock"))

    async def _play(self, socket: Path) -> Report:
        before = asyncio.all_tasks()
        self.host.start(socket)
        try:
            await self._do_all()
            return await self._end(before)
        finally:
            # Also if something failed: open connections would outlive the loop.
            await self.host.stop()

    async def _do_all(self) -> None:
        looking = clock.spawn(self._look_again_and_again(), "look")
        await self.host.at_work.wait()
        total = sum(1 for _ in laid_out(self.scenario.actions))
        for done, action in enumerate(laid_out(self.scenario.actions), start=1):
            if self._watch is not None:
                self._watch.progress(done, total)
            await self._do(action)
        self.host.faults.clear()
        await asyncio.sleep(self.scenario.tail_s)
        await self._come_to_rest()
        looking.cancel()

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.host.tick()
            self.host.checker.look()

    async def _come_to_rest(self) -> None:
        """Wait until nothing is under way any more, and look at everything."""
        host, checker = self.host, self.host.checker
        end_s, left = host.tick() + PATIENCE_S, host.left
        # Rest is no event that could be awaited.
        while host.tick() < end_s and not self._is_at_rest:
            await asyncio.sleep(LOOK_S)
            if host.left < left:
                end_s = host.now_s + PATIENCE_S
            left = host.left
        if host.runtime.is_busy:
            checker.report(0, "the runtime hangs: calls of the kubelet never return")
        elif host.kubelet.is_ending:
            checker.report(0, "pods that were deleted never end")
        if not (host.at_work.is_set() or host.forgets_unnoticed):
            checker.report(0, "the agent is not connected")
        if not host.runtime.is_busy:
            # Otherwise the agent keeps cpus for containers of whose end nobody tells.
            checker.at_rest(host.kept_out())

    @property
    def _is_at_rest(self) -> bool:
        host = self.host
        quiet = host.now_s - host.last_event_s >= QUIET_S
        return quiet and not host.runtime.is_busy and not host.kubelet.is_ending

    async def _end(self, before: set["asyncio.Task[Any]"]) -> Report:
        """End everything and see whether something is left that was not there before."""
        host = self.host
        leaked = host.leaked() if host.kubelet.is_idle else []
        await host.stop()
        for _ in range(TURNS_TO_END):
            await asyncio.sleep(0)
        leaked += sorted(f"task {one.get_name()}" for one in asyncio.all_tasks() - before)
        host.checker.finish(leaked)
        return self._report()

    def _report(self) -> Report:
        host = self.host
        wire = host.kind.wire
        return Report(
            machine=host.machine.name,
            runtime=f"{wire.name} {wire.version}",
            simulated_s=round(host.now_s, 6),
            events=host.runtime.events,
            delivered=host.runtime.delivered,
            updates=host.runtime.updates,
            pods_created=host.kubelet.created,
            pods_refused=host.counts.refused,
            pods_completed=host.counts.completed,
            agent_restarts=host.agent_restarts,
            reconnects=host.counts.synchronized - 1,
            exposed_s=round(host.checker.exposures.total_s, 6),
            expectations=tuple(self._expectations),
            violations=tuple(host.checker.violations),
            log=tuple(host.log.lines) if self._keep_log else (),
        )

    # ---- actions ----

    async def _do(self, action: Action) -> None:
        match action:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Apply() | Delete():
                self._do_with_pods(action)
            case Resize():
                await self._resize(action)
            case RestartAgent():
                await self._restart_agent(action)
            case RestartRuntime(away_s):
                self._note("runtime", f"restart, away for {away_s:g} s")
                self.host.runtime.stop()
                asyncio.get_running_loop().call_later(away_s, self.host.runtime.start)
            case Offline() | Online():
                self._plug(action)
            case Break(fault):
                self._break(fault)
            case Expect():
                self._expect(action)
            case Repeat():
                raise AssertionError("repeated actions were laid out before")
            case _:
                assert_never(action)

    def _do_with_pods(self, action: Apply | Delete) -> None:
        kubelet = self.host.kubelet
        if isinstance(action, Apply):
            self._note(_few([pod.key for pod in action.pods]), "apply")
            for pod in action.pods:
                kubelet.apply(pod)
            return
        keys = [
            pod.key
            for pod in kubelet.pods
            for name in action.names
            if name in ("*", pod.key, f"{pod.namespace}/{pod.owner}")
        ]
        self._note(_few(keys), f"delete{', by force' if action.force else ''}")
        for key in dict.fromkeys(keys):
            kubelet.delete(key, action.grace_s, force=action.force)

    async def _resize(self, action: Resize) -> None:
        pod, _, container = action.container.rpartition("/")
        self._note(action.container, f"resize to {action.resources.cpu_limit_m}m cpu")
        try:
            await self.host.kubelet.resize(pod, container, action.resources)
        except CriError as error:
            kind = EntryKind.REFUSAL if error.by_plugin else EntryKind.RUNTIME
            self.host.note(kind, action.container, str(error))

    async def _restart_agent(self, action: RestartAgent) -> None:
        self._note("agent", f"end, start after {action.away_s:g} s")
        await self.host.agent.end()
        asyncio.get_running_loop().call_later(action.away_s, self.host.agent.start)

    def _plug(self, action: Offline | Online) -> None:
        host = self.host
        if isinstance(action, Offline):
            self._note("machine", f"take cpus {action.cpus} offline")
            host.use(host.online - action.cpus)
        else:
            self._note("machine", f"bring cpus {action.cpus} online")
            host.use(host.online | action.cpus & host.machine.present)

    def _break(self, fault: Fault) -> None:
        if fault.kind is FaultKind.CLOCK_JUMP:
            self.host.note(EntryKind.FAULT, "clock", f"leaps by {fault.seconds:g} s")
            loop = asyncio.get_running_loop()
            if isinstance(loop, clock.VirtualLoop):
                loop.leap(fault.seconds)
                self.host.leaped(fault.seconds)
        else:
            self.host.faults.arm(fault)

    def _expect(self, action: Expect) -> None:
        result = evaluate(action, self.host)
        self._expectations.append(result)
        found = "met" if result.met else f"not met: {result.found}"
        self.host.note(EntryKind.EXPECT, result.text, found)

    def _note(self, subject: str, text: str) -> None:
        """Put the beginning of an action on the timeline."""
        self.host.tick()
        self.host.note(EntryKind.ACTION, subject, text)


def _few(names: list[str]) -> str:
    """Name at most four; of more, three and how many others there are."""
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"
