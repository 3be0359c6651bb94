"""Settling: what no reply could carry is written after a moment of quiet, once."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import pytest

import nri
from nri import Event, messages
from tests.requests import create, handlers_of, start, stop
from weka_cpuset.audit import Auditor
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CORES_ANNOTATION, Cpu, CpuSet, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.settings import Way
from weka_cpuset.settle.calm import CALM_S
from weka_cpuset.settle.in_flight import APPLY_S, InFlight
from weka_cpuset.settle.settler import LATEST_S, QUIET_S, RETRIES, Settler
from weka_cpuset.settle.starting import START_S
from weka_cpuset.settle.writer import CLOSED_S

ALL = CpuSet.of(range(8))


@dataclasses.dataclass
class Kernel:
    """Takes what is written; fails as told."""

    written: list[tuple[str, CpuSet]] = dataclasses.field(default_factory=list)
    failure: Exception | None = None
    enforced: dict[str, CpuSet] = dataclasses.field(default_factory=dict)
    missing: str = ""
    attempts: list[str] = dataclasses.field(default_factory=list)

    def read(self, path: str) -> Enforced:
        """Return what is enforced for a cgroup that exists."""
        if path not in self.enforced:
            raise FileNotFoundError(path)
        return Enforced(self.enforced[path], CpuSet.EMPTY, None)

    def is_dead(self, path: str) -> bool:
        """Return False."""
        del path
        return False

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Note a write, or fail."""
        del mems
        self.attempts.append(path)
        if path == self.missing:
            raise FileNotFoundError(path)
        if self.failure is not None:
            raise self.failure
        self.written.append((path, cpus))


def shared(name: str) -> messages.CreateContainerRequest:
    """Return a shared container that has a cgroup."""
    request = create(name, 100)
    request.container.linux.cgroups_path = f"/kubepods/{name}"
    return request


def settler_of(handlers: Handlers, kernel: Kernel, way: Way = Way.AUTO) -> Settler:
    """Return who settles what these handlers leave."""
    return Settler(handlers.keeper, kernel, InFlight(handlers.keeper), way)


def remove(handlers: Handlers, request: messages.CreateContainerRequest) -> None:
    """Remove a container that never said it stopped: its cpus come free without a reply."""
    handlers.state_change(Event.REMOVE_CONTAINER, request.pod, request.container)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_update_lost_in_the_start_window_is_written_again() -> None:
    """A container that was updated while it started gets its cpus from the kernel's files."""
    handlers, kernel = handlers_of(), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
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
async def test_container_that_may_be_on_an_owners_cpus_is_written_before_others_grow() -> None:
    """What is urgent goes at once and is short; growth follows after the usual quiet."""
    handlers, kernel = handlers_of(), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
    start(handlers, shared("web"))
    early = shared("early")
    handlers.create_container(early)
    owned, _ = (start(handlers, create(name, 2000)) for name in ("owner", "other"))
    await asyncio.sleep(CALM_S * 2)
    kernel.written.clear()
    remove(handlers, create("other", 2000))
    handlers.state_change(Event.POST_START_CONTAINER, early.pod, early.container)
    await asyncio.sleep(QUIET_S / 10)
    assert kernel.written == [("/kubepods/early", ALL - owned)]
    await asyncio.sleep(QUIET_S * 1.5)
    assert kernel.written[1:] == [("/kubepods/web", ALL - owned)]
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_owner_of_which_the_ledger_is_not_sure_keeps_its_cpus() -> None:
    """Updates may have been lost, so two owners may be on each other's cpus: the kernel is asked.

    One of them was told to leave some of its own for a moment, so that the other could go on.
    """
    handlers, kernel = handlers_of(), Kernel()
    for name in ("owner", "other"):
        request = create(name, 2000)
        request.container.linux.cgroups_path = f"/kubepods/{name}"
        kernel.enforced[f"/kubepods/{name}"] = start(handlers, request)
    owned, theirs = kernel.enforced.values()
    handlers.keeper.doubt(["owner", "other"], {"owner": theirs, "other": owned})
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
    handlers.keeper.on_unsettled()
    await asyncio.sleep(QUIET_S * 1.5)
    assert kernel.written == []
    assert not handlers.keeper.ledger.doubts
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_in_flight_is_not_forgotten_on_a_node_where_nothing_happens() -> None:
    """It is written without another event, once the reply must have been applied."""
    handlers, kernel = handlers_of(), Kernel()
    in_flight = InFlight(handlers.keeper)
    settling = asyncio.create_task(Settler(handlers.keeper, kernel, in_flight).run())
    start(handlers, shared("web"))
    handlers.keeper.doubt(["web"], {})
    in_flight.note_told(["web"], handlers.keeper.ledger)
    handlers.keeper.on_unsettled()
    await asyncio.sleep(APPLY_S / 2)
    assert kernel.written == []
    await asyncio.sleep(APPLY_S)
    assert kernel.written == [("/kubepods/web", ALL)]
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_storm_of_releases_costs_one_write_per_container() -> None:
    """Cpus that come free one after the other without replies are given back at once."""
    handlers, kernel = handlers_of(), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
    start(handlers, shared("web"))
    owners = [create(f"owner-{number}", 1000) for number in range(5)]
    for owner in owners:
        start(handlers, owner)
    await asyncio.sleep(CALM_S * 2)
    kernel.written.clear()
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
    handlers, kernel = handlers_of(machine), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
    names = [f"web-{number}" for number in range(100)]
    for name in names:
        start(handlers, shared(name))
    owners = [create(f"owner-{number}", 1000) for number in range(50)]
    for owner in owners:
        start(handlers, owner)
    await asyncio.sleep(CALM_S * 1.5)
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
    handlers, kernel = handlers_of(), Kernel()
    settler = settler_of(handlers, kernel)
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
    handlers, kernel = handlers_of(), Kernel(failure=failure)
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
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
    handlers, kernel = handlers_of(dry_run=True), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
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
    handlers = handlers_of()
    enforced = {
        "/kubepods/owner": CpuSet.of([0, 1]),
        "/kubepods/wrong": ALL,
        "/kubepods/right": CpuSet.of(range(2, 8)),
    }
    kernel = Kernel(enforced=enforced, missing="/kubepods/gone")
    flight = InFlight(handlers.keeper)
    settler = Settler(handlers.keeper, kernel, flight)
    settler.read_all = Auditor(handlers.keeper, kernel, flight, 10.0).read_all
    settling = asyncio.create_task(settler.run())
    owner = create("owner", 2000)
    owner.container.linux.cgroups_path = "/kubepods/owner"
    requests = [owner, shared("wrong"), shared("right"), shared("gone")]
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
    handlers, kernel = handlers_of(), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
    for name in ("a", "b", "c"):
        start(handlers, shared(name))
    start(handlers, create("owner", 1000))
    remove(handlers, create("owner", 1000))
    kernel.failure = PermissionError("read-only")
    await asyncio.sleep(CALM_S * 1.2)
    assert len(kernel.attempts) == 1
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_creation_that_failed_after_the_reply_leaves_nothing_wrong() -> None:
    """A move that the runtime threw away is noticed, and made good before others grow."""
    handlers, kernel = handlers_of(), Kernel()
    flight = InFlight(handlers.keeper)
    settler = Settler(handlers.keeper, kernel, flight)
    settler.verify = Auditor(handlers.keeper, kernel, flight, 10.0).look
    settling = asyncio.create_task(settler.run())
    start(handlers, shared("web"))
    owner = create("owner", 2000)
    owner.container.linux.cgroups_path = "/kubepods/owner"
    first = start(handlers, owner)
    kernel.enforced = {"/kubepods/owner": first, "/kubepods/web": ALL - first}
    failed = create("failed", 100, {CORES_ANNOTATION: str(first)})
    handlers.create_container(failed)
    second = handlers.keeper.ledger.cpus_of("owner")
    assert second.isdisjoint(first)
    stop(handlers, failed)
    await asyncio.sleep(2 * CALM_S)
    owners = [written for written in kernel.written if written[0] == "/kubepods/owner"]
    assert owners == [("/kubepods/owner", second)]
    for path, cpus in kernel.written[: kernel.written.index(owners[0])]:
        assert path == "/kubepods/web"
        assert cpus.isdisjoint(first | second)
    settling.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_defect_in_a_pass_does_not_end_the_agent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in a pass is logged, and the next pass follows."""
    handlers, kernel = handlers_of(), Kernel()
    settler = settler_of(handlers, kernel)
    settling = asyncio.create_task(settler.run())
    with monkeypatch.context() as broken:
        broken.setattr(handlers.keeper, "take_due_updates", None)
        settler.wake()
        await asyncio.sleep(1)
    assert "Settling failed" in caplog.text
    assert not settling.done()
    settling.cancel()


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the reasons that the log gives for what was settled."""
    lines = [one.getMessage() for one in caplog.records if one.msg == "Settled %s"]
    return [line.partition("reason=")[2].strip('"') for line in lines]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_log_says_container_removal_only_of_what_follows_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An operator who greps for it finds no repair, and no end of a burst."""
    caplog.set_level("INFO")
    handlers, kernel = handlers_of(), Kernel()
    settling = asyncio.create_task(settler_of(handlers, kernel).run())
    start(handlers, shared("web"))
    owners = [create(f"owner-{number}", 1000) for number in range(2)]
    for owner in owners:
        start(handlers, owner)
    assert handlers.keeper.ledger.spare
    await asyncio.sleep(CALM_S * 2)
    assert reasons(caplog) == ["growth"]
    handlers.keeper.doubt(["web"], {"web": ALL})
    handlers.keeper.on_unsettled()
    await asyncio.sleep(CALM_S)
    assert reasons(caplog) == ["growth", "repair"]
    remove(handlers, owners[0])
    await asyncio.sleep(CALM_S)
    assert reasons(caplog) == ["growth", "repair", "container removal"]
    for number in range(2, 4):
        start(handlers, create(f"owner-{number}", 1000))
    assert handlers.keeper.ledger.spare
    await asyncio.sleep(CALM_S * 2)
    assert reasons(caplog) == ["growth", "repair", "container removal", "growth"]
    settling.cancel()


class Runtime:
    """A runtime that takes updates outside of events, and may fail or be told of events."""

    def __init__(self, nri_version: str = "v0.12.1") -> None:
        self.runtime = nri.RuntimeInfo("test", "1", nri_version, None, None)
        self.requests: list[list[messages.ContainerUpdate]] = []
        self.failures = 0
        self.meanwhile: Callable[[], object] = lambda: None

    async def update_containers(
        self, updates: Sequence[messages.ContainerUpdate], timeout_s: float
    ) -> None:
        """Take updates."""
        del timeout_s
        self.requests.append(list(updates))
        await asyncio.sleep(0.01)
        self.meanwhile()
        if self.failures:
            self.failures -= 1
            raise nri.StatusError(nri.Status.UNKNOWN, "NRI update of some containers failed")

    @property
    def told(self) -> list[tuple[str, CpuSet]]:
        """Return what was asked for, in order."""
        return [
            (one.container_id, CpuSet.parse(one.linux.resources.cpu.cpus))
            for request in self.requests
            for one in request
        ]


@contextlib.contextmanager
def settling_by(
    way: Way, runtime: Runtime | None, kernel: Kernel, handlers: Handlers
) -> Iterator[Settler]:
    """Settle by a way for the length of a `with` block."""
    settler = settler_of(handlers, kernel, way)
    settler.use(runtime)
    task = asyncio.create_task(settler.run())
    try:
        yield settler
        assert not task.done()
    finally:
        task.cancel()


async def one_release(handlers: Handlers) -> None:
    """Leave something to settle: a container must grow."""
    start(handlers, shared("web"))
    start(handlers, create("owner", 2000))
    await asyncio.sleep(2 * CALM_S)
    remove(handlers, create("owner", 2000))


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(
    ("way", "nri_version", "taken"),
    [
        (Way.AUTO, "v0.12.1", Way.UPDATE),
        (Way.AUTO, "v0.12.0", Way.REPLY),
        (Way.AUTO, "", Way.REPLY),
        (Way.UPDATE, "", Way.UPDATE),
        (Way.CGROUP, "v0.12.1", Way.REPLY),
        (Way.REPLY, "v0.12.1", Way.REPLY),
    ],
)
async def test_way_where_the_cgroup_tree_is_read_only(
    way: Way, nri_version: str, taken: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """The runtime is asked only where that cannot dead-lock it, or when the settings insist."""
    handlers = handlers_of()
    kernel, runtime = Kernel(failure=PermissionError("read-only")), Runtime(nri_version)
    with settling_by(way, runtime, kernel, handlers) as settler:
        await one_release(handlers)
        await asyncio.sleep(30)
        assert settler.status.way is taken
        assert runtime.told == ([("web", ALL)] if taken is Way.UPDATE else [])
    assert caplog.text.count("The cgroup tree cannot be used") <= 1
    other = create("other", 1000)
    start(handlers, other)
    carried = stop(handlers, other).update
    told = {one.container_id: CpuSet.parse(one.linux.resources.cpu.cpus) for one in carried}
    if taken is Way.REPLY:
        assert told == {"web": ALL}


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_each_update_lets_one_container_grow() -> None:
    """Events get their turn between the containers of a large release."""
    handlers, runtime = handlers_of(), Runtime()
    with settling_by(Way.UPDATE, runtime, Kernel(), handlers):
        for number in range(5):
            start(handlers, shared(f"web-{number}"))
        await one_release(handlers)
        await asyncio.sleep(5)
    assert [1] * 6 == [len(request) for request in runtime.requests]
    assert {cpus for _, cpus in runtime.told} == {ALL}


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_event_that_overtakes_an_update_has_the_last_word() -> None:
    """A reply shrinks a container whose growth waits at the runtime: it is told again at once."""
    handlers, runtime = handlers_of(), Runtime()
    owned: list[CpuSet] = []

    def overtake() -> None:
        if not owned:
            owned.append(start(handlers, create("late", 1000)))

    with settling_by(Way.UPDATE, runtime, Kernel(), handlers):
        await one_release(handlers)
        runtime.meanwhile = overtake
        await asyncio.sleep(10)
    assert runtime.told[-1] == ("web", ALL - owned[0])


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize("failures", [1, RETRIES - 1, RETRIES])
async def test_failing_update_is_repeated_later_and_later(
    failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails once, or some times, is settled in the end, with one warning."""
    handlers, runtime = handlers_of(), Runtime()
    with settling_by(Way.UPDATE, runtime, Kernel(), handlers) as settler:
        await one_release(handlers)
        runtime.failures = failures
        await asyncio.sleep(600)
        assert runtime.told == [("web", ALL)] * (failures + 1)
        status = settler.status
        assert (status.unsettled, status.problem) == ((), "")
        assert (status.failed, status.retries) == (failures, failures)
    assert caplog.text.count("could not be settled") == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_update_that_always_fails_is_given_up_and_stays_visible() -> None:
    """After some minutes only replies carry it; the status names the container and the reason."""
    handlers, runtime = handlers_of(), Runtime()
    with settling_by(Way.UPDATE, runtime, Kernel(), handlers) as settler:
        await one_release(handlers)
        runtime.failures = 1000
        await asyncio.sleep(3600)
        assert len(runtime.requests) == RETRIES + 1
        assert settler.status.unsettled == ("default/web/main",)
        assert "NRI update of some containers failed" in settler.status.problem
    carried = stop(handlers, create("unknown", 1000)).update
    assert [one.container_id for one in carried] == ["web"]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_has_gone_drops_out() -> None:
    """One without a cgroup, where others have theirs, is neither repeated nor warned of."""
    handlers, kernel = handlers_of(), Kernel()
    with settling_by(Way.AUTO, None, kernel, handlers) as settler:
        start(handlers, shared("gone"))
        await one_release(handlers)
        kernel.missing = "/kubepods/gone"
        await asyncio.sleep(600)
        assert settler.status.gone == 1
        assert settler.status.failed == 0
    assert kernel.attempts.count("/kubepods/gone") == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_owner_beside_a_failed_start_gets_its_cpus_on_a_node_where_nothing_happens() -> None:
    """It waits for the container that may start on them, and not for an event."""
    handlers, kernel = handlers_of(), Kernel()
    with settling_by(Way.AUTO, None, kernel, handlers):
        handlers.create_container(shared("never"))
        owner = create("owner", 2000)
        owner.container.linux.cgroups_path = "/kubepods/owner"
        owned = start(handlers, owner)
        handlers.keeper.found({"owner": CpuSet.of([max(owned)])})
        handlers.keeper.on_unsettled()
        await asyncio.sleep(START_S / 2)
        assert kernel.written == []
        await asyncio.sleep(START_S)
        assert kernel.written == [("/kubepods/owner", owned)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_new_connection_gives_a_closed_tree_another_chance() -> None:
    """A tree that was mounted again is written at once, not after a minute."""
    handlers, kernel = handlers_of(), Kernel()
    kernel.failure = PermissionError("read-only")
    with settling_by(Way.AUTO, None, kernel, handlers) as settler:
        await one_release(handlers)
        await asyncio.sleep(CLOSED_S / 10)
        kernel.failure = None
        settler.use(Runtime(""))
        handlers.keeper.on_unsettled()
        await asyncio.sleep(LATEST_S)
        assert kernel.written == [("/kubepods/web", ALL)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_runtime_is_asked_for_no_growth_while_a_burst_lasts() -> None:
    """What shared containers would get they would soon have to leave again."""
    handlers, runtime = handlers_of(), Runtime()
    with settling_by(Way.UPDATE, runtime, Kernel(), handlers):
        start(handlers, shared("web"))
        start(handlers, create("owner", 2000))
        remove(handlers, create("owner", 2000))
        await asyncio.sleep(CALM_S * 0.9)
        assert runtime.told == []
        await asyncio.sleep(CALM_S)
        assert runtime.told == [("web", ALL)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_update_that_waits_in_the_runtime_is_in_flight() -> None:
    """Until its answer the kernel may differ: the audit finds nothing wrong with that."""
    handlers, runtime = handlers_of(), Runtime()
    in_flight = InFlight(handlers.keeper)
    settler = Settler(handlers.keeper, Kernel(), in_flight, Way.UPDATE)
    settler.use(runtime)
    seen: list[bool] = []
    runtime.meanwhile = lambda: seen.append(in_flight.has("web"))
    settling = asyncio.create_task(settler.run())
    await one_release(handlers)
    await asyncio.sleep(CALM_S * 2)
    assert seen == [True]
    assert not in_flight.has("web")
    settling.cancel()
