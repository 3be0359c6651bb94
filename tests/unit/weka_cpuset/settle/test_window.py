"""Containers that are told to leave cpus while they start."""

import asyncio
import dataclasses
import errno

import pytest

from nri import Event, messages
from tests.requests import cpus_of, create, handlers_of, start
from tests.unit.weka_cpuset.settle.test_settler import ALL, Kernel, remove, shared
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CORES_ANNOTATION, CpuSet
from weka_cpuset.settings import Way
from weka_cpuset.settle.in_flight import InFlight
from weka_cpuset.settle.settler import QUIET_S, Settler
from weka_cpuset.settle.window import LOOK_PART, LOOK_S, START_MAX_S

WEB = "/kubepods/web"


@dataclasses.dataclass
class Files(Kernel):
    """Has what is written, and counts how often it is looked at."""

    looks: int = 0

    def read(self, path: str) -> Enforced:
        """Return what is enforced for a cgroup that exists."""
        self.looks += 1
        return super().read(path)

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Change what is enforced, or fail."""
        super().write(path, cpus, mems)
        self.enforced[path] = cpus


class Node:
    """A shared container is created, then an owner."""

    def __init__(self, way: Way = Way.AUTO, *, dry_run: bool = False) -> None:
        self.files = Files()
        self.handlers = handlers_of(dry_run=dry_run)
        self.settler = Settler(
            self.handlers.keeper, self.files, InFlight(self.handlers.keeper), way
        )
        self.web = shared("web")
        self.handlers.create_container(self.web)
        self.owned = start(self.handlers, create("owner", 2000))

    def make_cgroup(self) -> None:
        """The runtime makes a cgroup of the record as it was when the start began."""
        self.files.enforced[WEB] = ALL


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_starts_is_off_an_owners_cpus_before_it_runs() -> None:
    """The reply that takes them away has come too late for its start."""
    node = Node()
    await asyncio.sleep(10 * LOOK_S)
    assert node.files.written == []
    node.make_cgroup()
    await asyncio.sleep(1.5 * LOOK_S)
    assert node.files.written == [(WEB, ALL - node.owned)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_whose_cgroup_is_there_leaves_an_owners_cpus_with_the_reply() -> None:
    """Nothing has to be waited for: the owner's own start takes longer."""
    node = Node()
    node.make_cgroup()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert node.files.written == [(WEB, ALL - node.owned)]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_runtime_that_writes_its_old_record_again_does_not_have_the_last_word() -> None:
    """It makes the cgroup first, and fills it a moment later."""
    node = Node()
    node.make_cgroup()
    await asyncio.sleep(LOOK_S)
    node.make_cgroup()
    await asyncio.sleep(1.5 * LOOK_S)
    assert node.files.enforced[WEB] == ALL - node.owned
    assert len(node.files.written) == 2


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_has_started_is_left_to_settling() -> None:
    """Its start window is over; nobody looks any more."""
    node = Node()
    node.make_cgroup()
    node.handlers.state_change(Event.POST_START_CONTAINER, node.web.pod, node.web.container)
    await asyncio.sleep(START_MAX_S)
    assert node.files.looks == 0


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_whose_start_has_failed_is_not_looked_at_for_ever() -> None:
    """An idle node has no timer running."""
    node = Node()
    await asyncio.sleep(2 * START_MAX_S)
    looks = node.files.looks
    assert 0 < looks < START_MAX_S / LOOK_S / 10
    await asyncio.sleep(START_MAX_S)
    assert node.files.looks == looks


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_starts_slowly_on_a_busy_node_leaves_an_owners_cpus() -> None:
    """Forty pods at once on the virtual node: some had their cgroup after five seconds only."""
    node = Node()
    await asyncio.sleep(5)
    node.make_cgroup()
    await asyncio.sleep(LOOK_S + 6 / LOOK_PART)
    assert node.files.enforced[WEB] == ALL - node.owned


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_starts_late_in_a_long_storm_is_looked_at_all_the_same() -> None:
    """A queue of replies has kept its start waiting for longer than a start takes."""
    node = Node()
    await asyncio.sleep(2 * START_MAX_S)
    also = start(node.handlers, create("other", 2000))
    await asyncio.sleep(3 * LOOK_S)
    node.make_cgroup()
    await asyncio.sleep(1.5 * LOOK_S)
    assert len(node.files.written) == 1
    assert node.files.enforced[WEB].isdisjoint(node.owned | also)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_starts_gets_nothing_that_the_runtime_does_not_know_of() -> None:
    """What comes free meanwhile is for settling, which sees whether others are still there."""
    node = Node()
    node.files.enforced[WEB] = ALL - node.owned
    remove(node.handlers, create("owner", 2000))
    await asyncio.sleep(10 * LOOK_S)
    assert node.files.looks > 0
    assert node.files.written == []


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_starts_on_fewer_cpus_than_it_may_have_is_left_alone() -> None:
    """Nothing is given here, and what it has is right."""
    node = Node()
    node.files.enforced[WEB] = CpuSet.of([(ALL - node.owned).lowest])
    await asyncio.sleep(10 * LOOK_S)
    assert node.files.looks > 0
    assert node.files.written == []


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_cgroup_that_the_runtime_has_yet_to_fill_is_narrowed() -> None:
    """An empty file stands for all the cpus of its parent."""
    node = Node()
    node.files.enforced[WEB] = CpuSet.EMPTY
    await asyncio.sleep(1.5 * LOOK_S)
    assert node.files.enforced[WEB] == ALL - node.owned


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize(
    ("way", "dry_run"), [(Way.UPDATE, False), (Way.REPLY, False), (Way.AUTO, True)]
)
async def test_files_of_containers_that_start_are_left_alone_where_settings_say_so(
    way: Way, *, dry_run: bool
) -> None:
    """Another way was asked for, or nothing is to be changed at all."""
    node = Node(way, dry_run=dry_run)
    node.make_cgroup()
    await asyncio.sleep(START_MAX_S)
    assert node.files.attempts == []


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_tree_that_cannot_be_written_is_given_up_for_containers_that_start() -> None:
    """It is tried for as long as a start takes; settling says what is wrong."""
    node = Node()
    node.make_cgroup()
    node.files.failure = OSError(errno.EROFS, "Read-only file system")
    await asyncio.sleep(2 * START_MAX_S)
    tried = len(node.files.attempts)
    await asyncio.sleep(START_MAX_S)
    assert len(node.files.attempts) == tried > 0


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_nobody_looks_at_starts_once_the_agent_has_ended() -> None:
    """Settling takes its timers along."""
    node = Node()
    settling = asyncio.create_task(node.settler.run())
    await asyncio.sleep(LOOK_S)
    settling.cancel()
    await asyncio.gather(settling, return_exceptions=True)
    looks = node.files.looks
    assert looks > 0
    await asyncio.sleep(LOOK_S * 10)
    assert node.files.looks == looks


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_owner_that_is_moved_while_it_starts_is_not_ahead_of_those_it_displaces() -> None:
    """The runtime takes the others off its new cpu with the same reply, and that takes a while.

    Nor does it start on fewer cpus than it asks for.
    """
    files, handlers = Files(), handlers_of()
    Settler(handlers.keeper, files, InFlight(handlers.keeper))
    start(handlers, shared("web"))
    owner = create("owner", 2000)
    owner.container.linux.cgroups_path = "/kubepods/owner"
    had = cpus_of(handlers.create_container(owner))
    named = create("named", 100, {CORES_ANNOTATION: str(had.lowest)})
    start(handlers, named)
    files.enforced["/kubepods/owner"] = had
    await asyncio.sleep(1.5 * LOOK_S)
    assert handlers.keeper.ledger.told["owner"] != had
    assert files.written == []


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_starts_while_the_agent_is_restarted_leaves_an_owners_cpus() -> None:
    """The runtime's report has the record, which may have come too late for the start."""
    files, handlers = Files(), handlers_of()
    settling = asyncio.create_task(Settler(handlers.keeper, files, InFlight(handlers.keeper)).run())
    await asyncio.sleep(0)
    web, owner = shared("web"), create("owner", 2000)
    web.container.state = messages.ContainerState.CONTAINER_CREATED
    web.container.linux.resources.cpu.cpus = "2-7"
    owner.container.state = messages.ContainerState.CONTAINER_RUNNING
    owner.container.linux.resources.cpu.cpus = "0-1"
    owner.container.linux.cgroups_path = "/kubepods/owner"
    files.enforced |= {WEB: ALL, "/kubepods/owner": CpuSet.parse("0-1")}
    handlers.synchronize([web.pod, owner.pod], [web.container, owner.container])
    await asyncio.sleep(1.5 * LOOK_S)
    assert files.enforced[WEB] == CpuSet.parse("2-7")
    # Whatever the runtime does to it until then, it is told again.
    files.enforced[WEB] = ALL
    handlers.state_change(Event.POST_START_CONTAINER, web.pod, web.container)
    await asyncio.sleep(2 * QUIET_S)
    assert files.enforced[WEB] == CpuSet.parse("2-7")
    settling.cancel()
