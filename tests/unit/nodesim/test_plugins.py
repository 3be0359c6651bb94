"""Locks, conflicts and connections: what a plugin can do to a runtime."""

import asyncio

import pytest

import nri
from nodesim import clock
from nodesim.actions import Fault, FaultKind
from nodesim.observer import CriError, Mishap
from nodesim.workload import Resources
from nri import messages
from tests.unit.nodesim.hosts import POD, Host, Plugin, host


async def create(here: Host) -> str:
    """Create one more container in a pod of its own."""
    sandbox = await here.runtime.run_pod_sandbox(POD)
    return await here.runtime.create_container(sandbox, POD.containers[0])


@pytest.mark.parametrize(
    ("kind", "hangs"),
    [(f"containerd-{name}", name != "2.4") for name in ("1.7", "2.1", "2.3", "2.4")],
)
def test_an_unsolicited_update_beside_an_event_locks_old_runtimes_for_good(
    kind: str, hangs: bool
) -> None:
    """NRI before 0.12.1: the update and the event wait for each other for ever."""

    async def main() -> bool:
        async with host(kind) as here:
            _, container = await here.running()
            update = messages.cpu_update(container, "3", "")
            calls: list[asyncio.Task[object]] = []

            def call_back() -> None:
                work = here.connection.update_containers([update], 60)
                calls.append(asyncio.create_task(work))

            here.plugin.on_create = call_back
            creating = [asyncio.create_task(create(here)) for _ in range(3)]
            _, waiting = await asyncio.wait([*creating], timeout=30)
            for task in (*creating, *calls):
                task.cancel()
            await asyncio.gather(*creating, *calls, return_exceptions=True)
            return bool(waiting)

    assert clock.run(main()) is hangs


def test_two_plugins_that_pin_the_same_container_make_its_creation_fail() -> None:
    """The same value does not help; nothing of any plugin is applied."""

    async def main() -> None:
        async with host() as here:
            other = await here.connect(Plugin(), "60")
            with pytest.raises(CriError, match="both tried to set CPUSetCPUs"):
                await create(here)
            other.abort()

    clock.run(main())


def test_a_plugin_that_names_the_new_container_in_its_updates_makes_the_creation_fail() -> None:
    """The container being created has a place of its own in the reply."""

    async def main() -> None:
        async with host() as here:
            here.plugin.updates = [messages.cpu_update("container-000002", "3", "")]
            with pytest.raises(CriError, match="asked update of"):
                await create(here)

    clock.run(main())


def test_a_plugin_that_connects_waits_for_a_graceful_stop_and_holds_up_everybody() -> None:
    """The sync lock: with a grace of 6 s a new pod waits nearly as long."""

    async def main() -> float:
        async with host("containerd-2.1") as here:
            _, container = await here.running()
            stopping = asyncio.create_task(here.runtime.stop_container(container, 6))
            await asyncio.sleep(0.5)
            connecting = asyncio.create_task(here.connect(Plugin(cpus=""), "60"))
            await asyncio.sleep(0.5)
            before = asyncio.get_running_loop().time()
            await here.runtime.run_pod_sandbox(POD)
            waited = asyncio.get_running_loop().time() - before
            await stopping
            (await connecting).abort()
            return waited

    assert 4.5 < clock.run(main()) < 6


@pytest.mark.parametrize(("kind", "stays"), [("containerd-1.7", True), ("containerd-2.1", False)])
def test_a_failed_synchronisation_leaves_a_zombie_on_old_runtimes(kind: str, stays: bool) -> None:
    """The old one keeps the connection open and never speaks again; newer ones close it."""

    async def main() -> None:
        async with host(kind) as here:
            here.faults.arm(Fault(FaultKind.DELAY, event="SYNCHRONIZE"))
            late = Plugin()
            endpoint, identity = nri.SocketEndpoint(str(here.socket)), nri.Identity("late", "60")
            connection = await nri.connect(endpoint, identity, late)
            closed = asyncio.create_task(connection.wait_closed())
            await asyncio.sleep(5)
            assert closed.done() is not stays
            await create(here)
            assert late.heard == []
            assert here.notes.forgotten == ["late"] * stays
            connection.abort()
            await closed

    clock.run(main())


def test_duplicated_and_swapped_events_reach_the_plugin() -> None:
    """A Stop can come twice; a removal can overtake the stop of its pod."""

    async def main() -> list[str]:
        async with host() as here:
            sandbox, container = await here.running()
            here.plugin.heard.clear()
            here.faults.arm(Fault(FaultKind.DUPLICATE, event="STOP_CONTAINER"))
            here.faults.arm(Fault(FaultKind.SWAP, event="STOP_POD_SANDBOX"))
            await here.runtime.stop_container(container, 0)
            await here.runtime.stop_pod_sandbox(sandbox)
            await here.runtime.remove_container(container)
            return [line.split()[0] for line in here.plugin.heard]

    assert clock.run(main()) == ["STOP", "STOP", "REMOVE", "STOP_POD"]


def test_an_unsolicited_update_that_fails_is_refused_and_the_host_goes_on() -> None:
    """The plugin learns it; nothing of the simulation ends."""

    async def main() -> None:
        async with host("containerd-2.4") as here:
            _, container = await here.running()
            update = messages.cpu_update(container, "99", "")
            update.ignore_failure = False
            with pytest.raises(nri.StatusError, match="update of some containers failed"):
                await here.connection.update_containers([update], 60)
            await create(here)

    clock.run(main())


def test_a_reply_to_a_resize_that_leaves_the_container_out_is_noticed() -> None:
    """It is not the same as no reply at all."""

    async def main() -> None:
        async with host() as here:
            _, container = await here.running()
            here.plugin.cpus = ""
            await here.runtime.update_container_resources(container, Resources(700, 700, 1, 1))
            assert here.notes.mishaps == [Mishap.LEFT_OUT]

    clock.run(main())


def test_a_connection_that_is_no_plugin_keeps_nobody_out() -> None:
    """The runtime closes it and takes in the next one."""

    async def main() -> None:
        async with host() as here:
            reader, writer = await asyncio.open_unix_connection(str(here.socket))
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP" not in await reader.read()
            writer.close()
            late = Plugin(cpus="")
            connection = await here.connect(late, "60")
            await create(here)
            assert [line for line in late.heard if line.startswith("CREATE ")]
            connection.abort()

    clock.run(main())
