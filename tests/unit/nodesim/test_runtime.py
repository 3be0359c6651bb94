"""The simulated runtime against what was observed on containerd."""

import asyncio
import contextlib

import pytest

from nodesim import clock
from nodesim.actions import Fault, FaultKind
from nodesim.observer import CriError, RuntimeAway
from nodesim.runtimes import RUNTIMES
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import messages
from tests.unit.nodesim.hosts import ALL, POD, host
from weka_cpuset.engine import CpuSet


def one(cpus: str) -> CpuSet:
    """Shorthand for a cpu list."""
    return CpuSet.parse(cpus)


@pytest.mark.parametrize("kind", RUNTIMES)
def test_a_life_has_containerds_events_in_containerds_order(kind: str) -> None:
    """From RunPodSandbox to RemovePodSandbox, once each, whatever the methods they come by."""

    async def main() -> list[str]:
        async with host(kind) as here:
            sandbox, container = await here.running()
            await here.runtime.stop_container(container, 2)
            await here.runtime.stop_pod_sandbox(sandbox)
            await here.runtime.remove_container(container)
            await here.runtime.remove_pod_sandbox(sandbox)
            assert not list(here.runtime.containers)
            assert here.kernel.paths == ()
            return [line.split()[0] for line in here.plugin.heard]

    assert clock.run(main()) == [
        "RUN_POD",
        "CREATE",
        "POST_CREATE",
        "START",
        "POST_START",
        "STOP",
        "STOP_POD",
        "REMOVE",
        "REMOVE_POD",
    ]


def test_removal_of_a_whole_pod_has_containerds_order() -> None:
    """Two running, one created and one exited container: the sample trace of containerd."""
    names = ("c0", "c1", "c2", "c3")
    pod = PodSpec("p", tuple(ContainerSpec(name, Resources(100, 100)) for name in names))

    async def main() -> list[str]:
        async with host("containerd-1.7") as here:
            sandbox = await here.runtime.run_pod_sandbox(pod)
            ids = [await here.runtime.create_container(sandbox, one) for one in pod.containers]
            for started in (ids[0], ids[1], ids[3]):
                await here.runtime.start_container(started)
            await here.runtime.stop_container(ids[3], 0)
            here.plugin.heard.clear()
            await here.runtime.remove_pod_sandbox(sandbox)
            short = dict(zip(ids, names, strict=True))
            words = (line.split() for line in here.plugin.heard)
            return [f"{event} {short.get(subject, 'pod')}" for event, subject in words]

    assert clock.run(main()) == [
        "STOP c0",
        "STOP c1",
        "STOP_POD pod",
        "REMOVE c0",
        "REMOVE c1",
        "STOP c2",
        "REMOVE c2",
        "REMOVE c3",
        "REMOVE_POD pod",
    ]


def test_a_refused_creation_is_undone_by_stop_and_remove() -> None:
    """The call fails, the plugin hears Stop and Remove at once, the sandbox stays."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            here.plugin.refuse = True
            here.plugin.heard.clear()
            with pytest.raises(CriError, match="no room") as refused:
                await here.runtime.create_container(sandbox, POD.containers[0])
            assert refused.value.by_plugin
            assert [line.split()[0] for line in here.plugin.heard] == ["CREATE", "STOP", "REMOVE"]
            assert not list(here.runtime.containers)
            assert len(list(here.runtime.sandboxes)) == 1

    clock.run(main())


def test_a_failed_start_has_no_event_until_removal() -> None:
    """The plugin believes in a created container until the kubelet removes it."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            container = await here.runtime.create_container(sandbox, POD.containers[0])
            here.faults.arm(Fault(FaultKind.FAIL_START))
            here.plugin.heard.clear()
            with pytest.raises(CriError, match="failed to create containerd task"):
                await here.runtime.start_container(container)
            assert here.plugin.heard == []
            await here.runtime.remove_container(container)
            assert [line.split()[0] for line in here.plugin.heard] == ["STOP", "REMOVE"]

    clock.run(main())


def test_a_silent_plugin_costs_two_seconds_and_the_event_goes_on_without_it() -> None:
    """This is the penalty of containerd: fail-open, and the plugin is dropped."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            before = asyncio.get_running_loop().time()
            here.faults.arm(Fault(FaultKind.DELAY, event="CREATE_CONTAINER"))
            container = await here.runtime.create_container(sandbox, POD.containers[0])
            assert 2.0 <= asyncio.get_running_loop().time() - before < 2.1
            await here.runtime.start_container(container)
            assert ALL == here.cpus(container)
            assert len(here.notes.left) == 1

    clock.run(main())


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.CUT_BEFORE, FaultKind.HALF_FRAME])
def test_a_cut_connection_drops_the_plugin(kind: FaultKind) -> None:
    """The event goes on; whether the plugin still heard of it depends on where the cut was."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            here.plugin.heard.clear()
            here.faults.arm(Fault(kind, event="CREATE_CONTAINER"))
            await here.runtime.create_container(sandbox, POD.containers[0])
            await here.connection.wait_closed()
            assert bool(here.plugin.heard) == (kind is FaultKind.CUT)
            assert len(here.notes.left) == 1

    clock.run(main())


def test_after_a_restart_what_was_there_before_is_forgotten() -> None:
    """Exited containers are never told of again, nor is the end of old pods."""

    async def main() -> None:
        async with host() as here:
            sandbox, lives = await here.running()
            ends = await here.runtime.create_container(sandbox, POD.containers[0])
            await here.runtime.start_container(ends)
            await here.runtime.stop_container(ends, 0)
            here.runtime.stop()
            with pytest.raises(RuntimeAway):
                await here.runtime.run_pod_sandbox(POD)
            here.runtime.start()
            plugin = type(here.plugin)()
            again = await here.connect(plugin, "60")
            assert plugin.synced == [[sandbox, lives]]
            for container in (ends, lives):
                await here.runtime.remove_container(container)
            await here.runtime.remove_pod_sandbox(sandbox)
            assert plugin.heard == [f"STOP {lives}", f"REMOVE {lives}"]
            again.abort()

    clock.run(main())


def test_calls_under_way_fail_when_the_runtime_ends() -> None:
    """A kubelet's call gets an error instead of an answer; the container lives on."""

    async def main() -> None:
        async with host() as here:
            _, container = await here.running()
            stopping = asyncio.create_task(here.runtime.stop_container(container, 30))
            await asyncio.sleep(1)
            here.runtime.stop()
            with pytest.raises(RuntimeAway):
                await stopping
            assert here.kernel.paths
            assert here.notes.exits == []

    clock.run(main())


def test_a_natural_end_is_noticed_a_moment_later() -> None:
    """Stop trails the end of the process by about 20 ms, and comes once."""
    pod = PodSpec("p", (ContainerSpec("main", life_s=5.0, exit_code=3),))

    async def main() -> None:
        async with host() as here:
            _, container = await here.running(pod)
            await asyncio.sleep(5.001)
            assert here.notes.exits == [3]
            assert f"STOP {container}" not in here.plugin.heard
            await asyncio.sleep(0.05)
            await here.runtime.stop_container(container, 2)
            assert here.plugin.heard.count(f"STOP {container}") == 1

    clock.run(main())


def test_a_resize_without_an_answer_keeps_the_cpuset() -> None:
    """The container's own entry of the reply is applied after the others."""

    async def main() -> None:
        async with host() as here:
            _, first = await here.running()
            _, second = await here.running()
            changes: list[str] = []
            here.kernel.on_change = changes.append
            here.plugin.cpus = "2-3"
            here.plugin.updates = [messages.cpu_update(first, "4", "")]
            await here.runtime.update_container_resources(second, Resources(2000, 2000, 1, 1))
            assert one("2-3") == here.cpus(second)
            assert one("4") == here.cpus(first)
            assert [path.rpartition("/")[2] for path in changes] == [first, second]

    clock.run(main())


@pytest.mark.parametrize(("kind", "creates"), [("containerd-1.7", False), ("containerd-2.1", True)])
def test_a_container_in_a_stopped_pod_is_created_by_new_releases_only(
    kind: str, creates: bool
) -> None:
    """The old one says that the pod does not run, and tells plugins nothing."""

    async def main() -> list[str]:
        async with host(kind) as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            await here.runtime.stop_pod_sandbox(sandbox)
            with contextlib.suppress(CriError):
                await here.runtime.create_container(sandbox, POD.containers[0])
            return [line.split()[0] for line in here.plugin.heard]

    assert ("CREATE" in clock.run(main())) is creates


def test_a_container_that_runs_or_has_ended_cannot_be_started() -> None:
    """Neither the kernel nor a plugin sees anything of the attempt."""

    async def main() -> None:
        async with host() as here:
            _, container = await here.running()
            heard = len(here.plugin.heard)
            with pytest.raises(CriError, match="RUNNING"):
                await here.runtime.start_container(container)
            assert len(here.plugin.heard) == heard
            await here.runtime.stop_container(container, 0)
            with pytest.raises(CriError, match="EXITED"):
                await here.runtime.start_container(container)

    clock.run(main())


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("containerd-1.7", ["CONTAINER_RUNNING", "CONTAINER_STOPPED"]),
        ("containerd-2.1", ["CONTAINER_RUNNING", "CONTAINER_STOPPED"]),
        ("containerd-2.3", ["CONTAINER_STOPPED", "CONTAINER_UNKNOWN"]),
    ],
)
def test_stops_and_removals_show_the_state_that_their_release_shows(
    kind: str, shown: list[str]
) -> None:
    """Up to 2.2 a Stop still shows a running container; since 2.3 a removal shows no state."""

    async def main() -> list[str]:
        async with host(kind) as here:
            _, container = await here.running()
            await here.runtime.stop_container(container, 0)
            await here.runtime.remove_container(container)
            return [messages.ContainerState.Name(state) for state in here.plugin.states[-2:]]

    assert clock.run(main()) == shown


def test_calls_for_what_is_not_there_fail_or_have_nothing_to_do() -> None:
    """As CRI wants it: to stop or remove what is gone succeeds, all else does not."""

    async def main() -> None:
        async with host() as here:
            runtime = here.runtime
            for call in (
                runtime.create_container("none", POD.containers[0]),
                runtime.start_container("none"),
                runtime.update_container_resources("none", Resources()),
            ):
                with pytest.raises(CriError, match="none not found"):
                    await call
            await runtime.stop_container("none", 0)
            await runtime.remove_container("none")
            await runtime.stop_pod_sandbox("none")
            await runtime.remove_pod_sandbox("none")
            assert here.plugin.heard == []

    clock.run(main())


def test_a_container_that_is_stopped_while_it_starts_never_runs() -> None:
    """No PostStart follows its Stop."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            container = await here.runtime.create_container(sandbox, POD.containers[0])
            starting = asyncio.create_task(here.runtime.start_container(container))
            await asyncio.sleep(0.055)
            await here.runtime.stop_container(container, 0)
            await starting
            await asyncio.sleep(1)
            events = [line.split()[0] for line in here.plugin.heard if container in line]
            assert events == ["CREATE", "POST_CREATE", "START", "STOP"]
            assert here.notes.exits == [137]

    clock.run(main())
