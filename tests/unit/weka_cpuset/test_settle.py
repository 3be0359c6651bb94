"""Settling: what no reply could carry is written after a moment of quiet, once."""

import asyncio
import dataclasses

import pytest

from nri import Event, messages
from tests.unit.weka_cpuset.test_handlers import EIGHT, create, start, stop
from weka_cpuset.engine import Cpu, CpuSet, Rules, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.settle import LATEST_S, QUIET_S, Settler

ALL = CpuSet.of(range(8))


@dataclasses.dataclass
class Kernel:
    """Takes what is written; fails as told."""

    written: list[tuple[str, CpuSet]] = dataclasses.field(default_factory=list)
    failure: Exception | None = None
    enforced: dict[str, CpuSet] = dataclasses.field(default_factory=dict)
    attempts: list[str] = dataclasses.field(default_factory=list)

    def read_cpus(self, path: str) -> CpuSet:
        """Return what is enforced for a cgroup that exists."""
        if path not in self.enforced:
            raise FileNotFoundError(path)
        return self.enforced[path]

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Note a write, or fail."""
        del mems
        self.attempts.append(path)
        if self.failure is not None:
            raise self.failure
        self.written.append((path, cpus))


def shared(name: str) -> messages.CreateContainerRequest:
    """Return a shared container that has a cgroup."""
    request = create(name, 100)
    request.container.linux.cgroups_path = f"/kubepods/{name}"
    return request


def remove(handlers: Handlers, request: messages.CreateContainerRequest) -> None:
    """Remove a container that never said it stopped: its cpus come free without a reply."""
    handlers.state_change(Event.REMOVE_CONTAINER, request.pod, request.container)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_update_lost_in_the_start_window_is_written_again() -> None:
    """A container that was updated while it started gets its cpus from the kernel's files."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=False), Kernel()
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    early = shared("early")
    handlers.create_container(early)
    owned = start(handlers, create("owner", 2000))
    handlers.state_change(Event.POST_START_CONTAINER, early.pod, early.container)
    await asyncio.sleep(QUIET_S * 1.5)
    assert kernel.written == [("/kubepods/early", ALL - owned)]
    await asyncio.sleep(10)
    assert len(kernel.written) == 1
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_storm_of_releases_costs_one_write_per_container() -> None:
    """Cpus that come free one after the other without replies are given back at once."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=False), Kernel()
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    start(handlers, shared("web"))
    owners = [create(f"owner-{number}", 1000) for number in range(5)]
    for owner in owners:
        start(handlers, owner)
    for owner in owners:
        remove(handlers, owner)
        await asyncio.sleep(QUIET_S / 4)
    await asyncio.sleep(QUIET_S * 1.5)
    assert kernel.written == [("/kubepods/web", ALL)]
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_deleting_fifty_pods_at_once_updates_each_shared_container_once() -> None:
    """No pod waits for the growth of others: no reply carries it, and one pass writes it."""
    machine = Topology.build([Cpu(cpu, cpu, 0, 0, 0) for cpu in range(64)])
    handlers, kernel = Handlers(machine, Rules(), dry_run=False), Kernel()
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    names = [f"web-{number}" for number in range(100)]
    for name in names:
        start(handlers, shared(name))
    owners = [create(f"owner-{number}", 1000) for number in range(50)]
    for owner in owners:
        start(handlers, owner)
    await asyncio.sleep(QUIET_S * 1.5)
    kernel.written.clear()
    assert not any(stop(handlers, owner).update for owner in owners)
    await asyncio.sleep(QUIET_S * 1.5)
    everything = [(f"/kubepods/{name}", machine.online) for name in names]
    assert sorted(kernel.written) == sorted(everything)
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_endless_storm_cannot_put_settling_off_for_ever() -> None:
    """Where events never pause, a pass begins a second after the first cause."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=False), Kernel()
    settler = Settler(handlers, kernel)
    settling = asyncio.create_task(settler.run())
    start(handlers, shared("web"))
    owner = create("owner", 1000)
    start(handlers, owner)
    remove(handlers, owner)
    for _ in range(int(LATEST_S / (QUIET_S / 2)) + 2):
        await asyncio.sleep(QUIET_S / 2)
        settler.wake()
    assert kernel.written == [("/kubepods/web", ALL)]
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(
    "failure", [PermissionError("read-only"), FileNotFoundError(), ValueError(), RuntimeError()]
)
async def test_what_cannot_be_written_goes_with_the_next_reply(failure: Exception) -> None:
    """A read-only cgroup tree loses nothing: the next reply carries the rest, and no loop spins."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=False), Kernel(failure=failure)
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    start(handlers, shared("web"))
    for name in ("first", "second"):
        start(handlers, create(name, 1000))
    remove(handlers, create("first", 1000))
    await asyncio.sleep(30)
    assert not settling.done()
    carried = stop(handlers, create("second", 1000)).update
    assert [entry.container_id for entry in carried] == ["web"]
    assert CpuSet.parse(carried[0].linux.resources.cpu.cpus) == ALL
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_dry_run_writes_nothing() -> None:
    """In a dry run the cgroups are left alone."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=True), Kernel()
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    start_requests = [shared("web"), create("owner", 1000)]
    for request in start_requests:
        handlers.create_container(request)
        handlers.state_change(Event.POST_START_CONTAINER, request.pod, request.container)
    remove(handlers, start_requests[1])
    await asyncio.sleep(5)
    assert kernel.written == []
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_after_a_restart_the_kernel_is_compared_with_the_record() -> None:
    """A container whose kernel cpuset is not the one on record is written again, no other."""
    handlers = Handlers(EIGHT, Rules(), dry_run=False)
    kernel = Kernel(enforced={"/kubepods/wrong": ALL, "/kubepods/right": CpuSet.of(range(2, 8))})
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    requests = [create("owner", 2000), shared("wrong"), shared("right"), shared("gone")]
    for request, cpus in zip(requests, ("0-1", "2-7", "2-7", "2-7"), strict=True):
        request.container.state = messages.ContainerState.CONTAINER_RUNNING
        request.container.linux.resources.cpu.cpus = cpus
    assert not handlers.synchronize(
        [one.pod for one in requests], [one.container for one in requests]
    )
    await asyncio.sleep(QUIET_S * 1.5)
    assert kernel.written == [("/kubepods/wrong", CpuSet.of(range(2, 8)))]
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_failed_write_stops_the_pass() -> None:
    """When a container cannot leave its cpus, nobody is let in on them."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=False), Kernel()
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    for name in ("a", "b", "c"):
        start(handlers, shared(name))
    start(handlers, create("owner", 1000))
    remove(handlers, create("owner", 1000))
    kernel.failure = PermissionError("read-only")
    await asyncio.sleep(QUIET_S * 1.5)
    assert len(kernel.attempts) == 1
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_creation_that_failed_after_the_reply_leaves_nothing_wrong() -> None:
    """A reply that the runtime threw away is noticed by its effect, and made good."""
    handlers = Handlers(EIGHT, Rules(), dry_run=False)
    kernel = Kernel(enforced={"/kubepods/web": ALL})
    settling = asyncio.create_task(Settler(handlers, kernel).run())
    start(handlers, shared("web"))
    owned = start(handlers, create("owner", 1000))
    # The update of web in that reply took effect; the next reply's does not.
    kernel.enforced["/kubepods/web"] = ALL - owned
    failed = create("failed", 1000)
    handlers.create_container(failed)
    stop(handlers, failed)
    kernel.enforced["/kubepods/web"] = ALL
    await asyncio.sleep(QUIET_S * 1.5)
    assert kernel.written == [("/kubepods/web", ALL - owned)]
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_defect_in_a_pass_does_not_end_the_agent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in a pass is logged, and the next pass follows."""
    handlers, kernel = Handlers(EIGHT, Rules(), dry_run=False), Kernel()
    settler = Settler(handlers, kernel)
    settling = asyncio.create_task(settler.run())
    with monkeypatch.context() as broken:
        broken.setattr(handlers, "take_due_updates", lambda: 1 // 0)
        settler.wake()
        await asyncio.sleep(1)
    assert "Settling failed" in caplog.text
    assert not settling.done()
    settling.cancel()
