"""A second plugin beside the agent, or beside another plugin."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from nodesim import clock
from nodesim.actions import (
    Action,
    Apply,
    Delete,
    Expect,
    Looked,
    OtherPluginKind,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
)
from nodesim.observer import CriError, Mishap
from nodesim.other_plugin import IDENTITY, RETRY_S, SLOW_S, OtherPlugin
from nodesim.report import Entry, EntryKind, Report
from nodesim.runtimes import RUNTIMES
from nodesim.simulation import Simulation
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import messages
from tests.unit.nodesim.hosts import POD, Host, host
from weka_cpuset.engine import CpuSet

CPUS = CpuSet.parse("5")
BESIDE = (OtherPluginKind.QUIET, OtherPluginKind.SLOW)


class Timeline:
    """Who looks on and writes down."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def entry(self, entry: Entry) -> None:
        """Write it down."""
        self.entries.append(entry)

    def progress(self, done: int, total: int) -> None:
        """Nobody waits."""

    def of(self, kind: EntryKind, subject: str) -> list[str]:
        """Return the texts of the entries of one kind about somebody."""
        return [one.text for one in self.entries if (one.kind, one.subject) == (kind, subject)]


def play(
    kind: OtherPluginKind,
    *actions: Action,
    runtime: str = "containerd-2.1",
    index: str = "99",
    watch: Timeline | None = None,
) -> Report:
    """Play actions on a host with a second plugin; nothing is broken or left."""
    settings = (("nri.index", index),)
    scenario = Scenario("laptop", actions, runtime, settings, other_plugin=kind)
    report = Simulation(scenario, watch=watch).run()
    assert report.violations == ()
    assert [one for one in report.expectations if not one.met] == []
    return report


def pod(name: str, cpus: int = 0) -> PodSpec:
    """Return a pod of one container; with cpus it is Guaranteed."""
    resources = Resources(1000 * cpus, 1000 * cpus, 1 << 20, 1 << 20) if cpus else Resources()
    return PodSpec(name, (ContainerSpec("c", resources),), grace_s=1.0)


def count(name: str, cpus: int) -> Expect:
    """Expect that a pod's container has so many cpus."""
    return Expect(Looked.CPU_COUNT, f"default/{name}/c", str(cpus))


@contextlib.asynccontextmanager
async def two(
    kind: OtherPluginKind,
    runtime: str = "containerd-2.1",
    on_hold: Callable[[float], None] = lambda _: None,
) -> AsyncIterator[Host]:
    """Start a runtime with a plugin named `test` and the other one."""
    async with host(runtime) as here:
        here.notes.placer = "test"
        here.notes.synchronized.clear()
        other = OtherPlugin(kind, here.socket, CPUS, on_hold)
        other.start()
        await here.notes.synchronized.wait()
        try:
            yield here
        finally:
            await other.end()


# ---- beside another plugin ----


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_events_reach_both_plugins(runtime: str) -> None:
    """Each event is sent twice, and the answers of the one that places count."""

    async def main() -> None:
        async with two(OtherPluginKind.QUIET, runtime) as here:
            sandbox, container = await here.running()
            await here.runtime.update_container_resources(container, Resources(700, 700, 1, 1))
            await here.runtime.stop_container(container, 0)
            await here.runtime.remove_pod_sandbox(sandbox)
            assert here.runtime.delivered == 2 * len(here.plugin.heard)
            assert here.notes.mishaps == []
            assert here.notes.left == []

    clock.run(main())


def test_a_slow_plugin_that_is_asked_first_holds_up_the_next_one() -> None:
    """Each event comes later, and nobody is dropped for it."""
    held: list[float] = []

    async def main() -> None:
        async with two(OtherPluginKind.SLOW, on_hold=held.append) as here:
            times: list[float] = []
            here.plugin.on_create = lambda: times.append(asyncio.get_running_loop().time())
            sandbox = await here.runtime.run_pod_sandbox(POD)
            begun_s = asyncio.get_running_loop().time()
            await here.runtime.create_container(sandbox, POD.containers[0])
            # Its index, 50, and its name come before 50 and `test`.
            assert times == [pytest.approx(begun_s + SLOW_S)]
            assert here.notes.left == []
            assert held == [SLOW_S] * len(here.plugin.heard)

    clock.run(main())


def test_a_plugin_that_pins_as_well_makes_every_creation_fail() -> None:
    """In the runtime's words; nobody's updates of others are applied, and that is told."""

    async def main() -> None:
        async with two(OtherPluginKind.QUIET) as here:
            _, container = await here.running()
            pinning = OtherPlugin(OtherPluginKind.PINNING, here.socket, CPUS, lambda _: None)
            here.notes.synchronized.clear()
            pinning.start()
            await here.notes.synchronized.wait()
            here.plugin.updates = [messages.cpu_update(container, "3", "")]
            with pytest.raises(CriError, match="'other' and 'test' both tried to set") as caught:
                await here.running()
            assert not caught.value.by_plugin
            assert here.notes.mishaps == [Mishap.FAILED]
            assert CpuSet.parse("1") == here.cpus(container)
            await pinning.end()

    clock.run(main())


def test_the_other_plugins_pin_is_no_answer_of_the_one_that_places() -> None:
    """A container that only the other one has pinned was created unasked."""

    async def main() -> None:
        async with two(OtherPluginKind.PINNING) as here:
            here.connection.abort()
            _, container = await here.running()
            assert here.notes.mishaps == [Mishap.UNASKED]
            assert CPUS == here.cpus(container)
            await here.runtime.update_container_resources(container, Resources(700, 700, 1, 1))
            assert here.notes.mishaps == [Mishap.UNASKED, Mishap.UNANSWERED]

    clock.run(main())


def test_it_comes_back_after_the_runtime() -> None:
    """Like every plugin, by itself."""

    async def main() -> None:
        async with two(OtherPluginKind.QUIET) as here:
            here.runtime.stop()
            here.notes.synchronized.clear()
            await asyncio.sleep(3 * RETRY_S)
            here.runtime.start()
            await here.notes.synchronized.wait()
            assert here.notes.left == [
                f"{IDENTITY.name}: the runtime ended",
                "test: the runtime ended",
            ]

    clock.run(main())


# ---- beside the agent ----


@pytest.mark.parametrize("kind", BESIDE)
@pytest.mark.parametrize("index", ["10", "99"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_plugin_that_wants_nothing_changes_nothing(
    kind: OtherPluginKind, index: str, runtime: str
) -> None:
    """Whichever is asked first, over restarts of the agent and of the runtime."""
    report = play(
        kind,
        Apply((pod("a", 2), pod("s"))),
        Wait(5),
        count("a", 2),
        count("s", 6),
        RestartAgent(1.0),
        Wait(5),
        RestartRuntime(1.0),
        Apply((pod("b", 3),)),
        Wait(10),
        count("b", 3),
        count("s", 3),
        Delete(("*",)),
        runtime=runtime,
        index=index,
    )
    assert report.pods_refused == 0
    assert report.agent_restarts == 0


def test_beside_a_plugin_that_pins_nothing_is_created_and_the_timeline_says_why() -> None:
    """What came while the agent was away is put right by the agent, and stays right."""
    timeline = Timeline()
    play(
        OtherPluginKind.PINNING,
        RestartAgent(3.0),
        Apply((pod("a", 2), pod("s"))),
        Wait(8),
        count("a", 2),
        count("s", 6),
        Apply((pod("b", 1),)),
        Wait(15),
        Expect(Looked.PHASE, "default/b", "Pending"),
        count("a", 2),
        Delete(("*",)),
        watch=timeline,
    )
    assert timeline.of(EntryKind.REFUSAL, "default/b/c") == []
    failures = timeline.of(EntryKind.RUNTIME, "default/b/c")
    assert set(failures) == {"plugins 'other' and 'weka-cpuset' both tried to set CPUSetCPUs"}
    assert len(failures) > 1
