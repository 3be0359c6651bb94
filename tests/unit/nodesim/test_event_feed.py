"""What plugins are told of, once, and in which order."""

import asyncio

from nodesim import clock
from nodesim.actions import Fault, FaultKind
from nodesim.event_feed import HELD_BACK_S
from nri import messages
from tests.unit.nodesim.hosts import POD, Plugin, host
from weka_cpuset.engine import CpuSet


def one(cpus: str) -> CpuSet:
    """Shorthand for a cpu list."""
    return CpuSet.parse(cpus)


def test_a_created_container_that_was_stopped_can_still_start_and_stop() -> None:
    """It stays created; plugins are told of both stops."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            container = await here.runtime.create_container(sandbox, POD.containers[0])
            await here.runtime.stop_container(container, 0)
            await here.runtime.start_container(container)
            await here.runtime.stop_container(container, 0)
            assert here.plugin.heard.count(f"STOP {container}") == 2

    clock.run(main())


def test_a_plugin_that_was_shown_a_container_hears_of_its_stop() -> None:
    """Also if that container had been stopped, without ever having run, before it connected."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            container = await here.runtime.create_container(sandbox, POD.containers[0])
            await here.runtime.stop_container(container, 0)
            late = Plugin(cpus="")
            connection = await here.connect(late, "60")
            await here.runtime.remove_pod_sandbox(sandbox)
            assert late.synced == [[sandbox, container]]
            assert f"STOP {container}" in late.heard
            connection.abort()

    clock.run(main())


def test_a_stop_that_comes_late_comes_after_the_next_event() -> None:
    """And its answer is applied all the same."""

    async def main() -> None:
        async with host() as here:
            _, stays = await here.running()
            sandbox, stops = await here.running()
            here.faults.arm(Fault(FaultKind.SWAP, event="STOP_CONTAINER"))
            here.plugin.heard.clear()
            here.plugin.updates = [messages.cpu_update(stays, "6", "")]
            await here.runtime.stop_container(stops, 0)
            assert here.plugin.heard == []
            await here.runtime.stop_pod_sandbox(sandbox)
            assert here.plugin.heard == [f"STOP_POD {sandbox}", f"STOP {stops}"]
            assert one("6") == here.cpus(stays)

    clock.run(main())


def test_a_stop_that_comes_late_comes_also_if_nothing_follows() -> None:
    """The runtime asks one thing after the other, so what it holds back is not held for long."""

    async def main() -> None:
        async with host() as here:
            _, stops = await here.running()
            here.faults.arm(Fault(FaultKind.SWAP, event="STOP_CONTAINER"))
            here.plugin.heard.clear()
            await here.runtime.stop_container(stops, 0)
            await asyncio.sleep(HELD_BACK_S / 2)
            assert here.plugin.heard == []
            await asyncio.sleep(HELD_BACK_S)
            assert here.plugin.heard == [f"STOP {stops}"]

    clock.run(main())
