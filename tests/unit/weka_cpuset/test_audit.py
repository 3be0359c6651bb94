"""Audit: what the kernel enforces is read back; what differs is repaired, counted and said."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest

from nri import messages
from tests.requests import create, handlers_of, start
from weka_cpuset.audit import LINES, SLICE, Auditor
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CORES_ANNOTATION, Cpu, CpuSet, Topology
from weka_cpuset.engine import Node as NumaNode
from weka_cpuset.handlers import Handlers
from weka_cpuset.settle.calm import CALM_S
from weka_cpuset.settle.in_flight import APPLY_S, InFlight
from weka_cpuset.settle.settler import Settler

ALL = CpuSet.of(range(8))
ZERO = CpuSet.of([0])
INTERVAL_S = 10.0
MACHINE = Topology.build(
    [Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(8)],
    [NumaNode(0, ALL, has_memory=True, distances={})],
)


@dataclasses.dataclass
class Kernel:
    """The kernel's cpusets by path; what is not there has no cgroup."""

    groups: dict[str, Enforced] = dataclasses.field(default_factory=dict)
    reads: list[str] = dataclasses.field(default_factory=list)

    def read(self, path: str) -> Enforced:
        """Return what is enforced."""
        self.reads.append(path)
        if path not in self.groups:
            raise FileNotFoundError(path)
        return self.groups[path]

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Change what is enforced."""
        self.groups[path] = Enforced(cpus, mems or self.groups[path].mems, cpus)

    def is_dead(self, path: str) -> bool:
        """Return False."""
        del path
        return False


@dataclasses.dataclass
class Node:
    """Handlers, a kernel, and the two that bring the one to the other."""

    handlers: Handlers
    kernel: Kernel
    auditor: Auditor

    def run(self, name: str, milli: int, annotations: dict[str, str] | None = None) -> CpuSet:
        """Start a container; the kernel has what the reply said."""
        request: messages.CreateContainerRequest = create(name, milli, annotations)
        request.container.linux.cgroups_path = f"/{name}"
        cpus = start(self.handlers, request)
        self.kernel.groups[f"/{name}"] = Enforced(cpus, ZERO, cpus)
        for one in self.handlers.keeper.ledger.holdings():
            told = self.handlers.keeper.ledger.told[one.id]
            self.kernel.write(one.container.cgroup, told, CpuSet.EMPTY)
        return cpus


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Node]:
    """Run an agent's inner parts."""
    kernel = Kernel()
    handlers = handlers_of(MACHINE)
    in_flight = InFlight(handlers.keeper)
    auditor = Auditor(handlers.keeper, kernel, in_flight, INTERVAL_S)
    settler = Settler(handlers.keeper, kernel, in_flight)
    settler.on_settled = auditor.note_settled
    tasks = [asyncio.create_task(auditor.run()), asyncio.create_task(settler.run())]
    try:
        yield Node(handlers, kernel, auditor)
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_foreign_write_is_repaired_counted_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Somebody widens a shared container onto an owner's cpus: it is put back, with a warning."""
    async with running() as node:
        node.run("web", 100)
        owned = node.run("owner", 2000)
        await asyncio.sleep(INTERVAL_S * 1.5)
        assert node.auditor.status.differences == 0
        node.kernel.write("/web", ALL, CpuSet.EMPTY)
        await asyncio.sleep(INTERVAL_S)
        assert node.kernel.groups["/web"].cpus == ALL - owned
        status = node.auditor.status
        assert (status.differences, status.overlaps) == (1, 1)
        assert 0 < status.overlap_s <= INTERVAL_S
        assert "kernel=0-7" in caplog.text
        assert f"record={ALL - owned}" in caplog.text


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_memory_nodes_of_an_annotated_container_are_repaired() -> None:
    """`cpuset.mems` of an annotated container is read back like its cpus."""
    async with running() as node:
        node.run("named", 100, {CORES_ANNOTATION: "2-3"})
        node.kernel.groups["/named"] = Enforced(CpuSet.parse("2-3"), CpuSet.parse("1"), None)
        await asyncio.sleep(INTERVAL_S * 1.5)
        assert node.kernel.groups["/named"].mems == ZERO
        assert node.auditor.status.differences == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_update_that_the_runtime_still_applies_is_no_finding() -> None:
    """Between a reply and its effect the kernel may differ; afterwards it may not."""
    async with running() as node:
        node.run("web", 100)
        node.handlers.create_container(create("owner", 2000))
        await node.auditor.look()
        assert node.auditor.status.differences == 0
        await asyncio.sleep(APPLY_S * 2 + CALM_S)
        assert node.auditor.status.differences == 1
        assert node.kernel.groups["/web"].cpus == ALL - node.handlers.keeper.ledger.cpus_of("owner")


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_parent_cgroup_that_narrows_is_said_once_and_not_fought(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a parent takes away no write of ours brings back."""
    async with running() as node:
        node.run("web", 100)
        node.kernel.groups["/web"] = Enforced(ALL, ZERO, CpuSet.of(range(4)))
        await asyncio.sleep(INTERVAL_S * 5.5)
        assert caplog.text.count("A parent cgroup keeps a container from its cpus") == 1
        assert node.auditor.status.differences == 0
        assert len(node.auditor.status.narrowed) == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_without_a_cgroup_is_counted_and_harms_nothing() -> None:
    """One that ended a moment ago has no cgroup any more."""
    async with running() as node:
        node.run("web", 100)
        del node.kernel.groups["/web"]
        await asyncio.sleep(INTERVAL_S * 1.5)
        assert node.auditor.status.unreadable == 1
        assert node.auditor.status.differences == 0


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_many_containers_are_read_in_slices_and_few_lines_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Other tasks get their turns during a look at many containers, and the log is not flooded."""
    async with running() as node:
        names = [f"web-{number}" for number in range(10 * SLICE)]
        for name in names:
            node.run(name, 100)
        await asyncio.sleep(APPLY_S * 2)
        node.kernel.reads.clear()
        for name in names:
            node.kernel.write(f"/{name}", ZERO, CpuSet.EMPTY)
        most = last = 0
        looking = asyncio.create_task(node.auditor.look())
        while not looking.done():
            await asyncio.sleep(0)
            most, last = max(most, len(node.kernel.reads) - last), len(node.kernel.reads)
        assert len(node.kernel.reads) == len(names)
        assert most <= SLICE
        assert caplog.text.count("The kernel differs") == LINES
        assert f"{len(names) - LINES} more containers" in caplog.text


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_same_storm_gives_the_same_recording_each_time() -> None:
    """What was settled is read back in that order, not in that of Python's hashes."""
    async with running() as node:
        names = [f"web-{number}" for number in range(SLICE)]
        for name in names:
            node.run(name, 100)
        await asyncio.sleep(APPLY_S * 2)
        node.kernel.reads.clear()
        node.auditor.note_settled(names)
        await asyncio.sleep(INTERVAL_S / 20)
        assert node.kernel.reads == [f"/{name}" for name in names]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_two_looks_at_once_forget_nothing() -> None:
    """A look that begins while another one pauses takes nothing from it."""
    async with running() as node:
        for number in range(SLICE + 1):
            node.run(f"web-{number}", 100)
        node.handlers.create_container(create("owner", 2000))  # all webs are in flight
        all_looked = asyncio.create_task(node.auditor.look())
        await asyncio.sleep(0)
        await node.auditor.look(())
        await all_looked
        node.kernel.reads.clear()
        await asyncio.sleep(APPLY_S + 1.0)
        assert {f"/web-{number}" for number in range(SLICE + 1)} <= set(node.kernel.reads)
