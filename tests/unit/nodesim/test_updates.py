"""What becomes of the updates that plugins ask for."""

import asyncio

import pytest

from nodesim import clock
from nodesim.actions import Fault, FaultKind
from nodesim.observer import Mishap
from nodesim.runtime import START_S, TASK_S
from nri import messages
from tests.unit.nodesim.hosts import POD, host
from weka_cpuset.engine import CpuSet


def one(cpus: str) -> CpuSet:
    """Shorthand for a cpu list."""
    return CpuSet.parse(cpus)


@pytest.mark.parametrize("since_s", [TASK_S / 50, TASK_S + START_S / 5])
def test_an_update_in_the_start_window_is_recorded_and_lost(since_s: float) -> None:
    """The record has the new cpus, the kernel the old ones, and the observer is told.

    The start takes the record when it begins, before there is a cgroup.
    """

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            first = await here.runtime.create_container(sandbox, POD.containers[0])
            starting = asyncio.create_task(here.runtime.start_container(first))
            await asyncio.sleep(since_s)
            here.plugin.updates = [messages.cpu_update(first, "5", "")]
            second = await here.runtime.create_container(sandbox, POD.containers[0])
            await starting
            assert one("1") == here.cpus(first)
            assert {"5", "1"} == {container.cpus for container in here.runtime.containers}
            assert here.notes.mishaps == [Mishap.START]
            # Any later update of the same container repairs it.
            here.plugin.updates = [messages.cpu_update(first, "5", "")]
            await here.runtime.stop_container(second, 0)
            assert one("5") == here.cpus(first)

    clock.run(main())


def test_an_update_before_the_start_counts() -> None:
    """A created container starts with what is on record."""

    async def main() -> None:
        async with host() as here:
            sandbox = await here.runtime.run_pod_sandbox(POD)
            first = await here.runtime.create_container(sandbox, POD.containers[0])
            here.plugin.updates = [messages.cpu_update(first, "5", "")]
            await here.runtime.create_container(sandbox, POD.containers[0])
            await here.runtime.start_container(first)
            assert one("5") == here.cpus(first)
            assert here.notes.mishaps == []

    clock.run(main())


def test_a_failed_update_rolls_the_record_back() -> None:
    """An update with a cpu that does not exist changes neither record nor kernel."""

    async def main() -> None:
        async with host() as here:
            _, first = await here.running()
            here.plugin.updates = [messages.cpu_update(first, "77", "")]
            await here.running()
            assert one("1") == here.cpus(first)
            assert {"1"} == {container.cpus for container in here.runtime.containers}

    clock.run(main())


def test_an_update_that_fails_changes_neither_record_nor_kernel() -> None:
    """The observer is told; the next update works."""

    async def main() -> None:
        async with host() as here:
            _, first = await here.running()
            sandbox, second = await here.running()
            here.faults.arm(Fault(FaultKind.FAIL_UPDATE))
            here.plugin.updates = [messages.cpu_update(first, "5", "")]
            await here.runtime.stop_container(second, 0)
            assert one("1") == here.cpus(first)
            assert {"1"} == {container.cpus for container in here.runtime.containers}
            assert here.notes.mishaps == [Mishap.FAILED]
            third = await here.runtime.create_container(sandbox, POD.containers[0])
            here.plugin.updates = [messages.cpu_update(first, "5", "")]
            await here.runtime.stop_container(third, 0)
            assert one("5") == here.cpus(first)

    clock.run(main())
