"""Writing cgroup files: who is left alone, who must wait, and what is known after a failure."""

from collections.abc import Iterator

import pytest

from nri import messages
from tests.requests import create, handlers_of, start
from tests.unit.weka_cpuset.settle.test_settler import ALL, Kernel, remove, shared
from weka_cpuset.engine import CpuSet, Settle
from weka_cpuset.settle.in_flight import InFlight
from weka_cpuset.settle.writer import Writer


class OneFails(Kernel):
    """Fails for one cgroup."""

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Note a write, or fail."""
        self.failure = OSError("input/output error") if path == "/kubepods/bad" else None
        super().write(path, cpus, mems)


class Node:
    """A node with an owner of two cpus beside shared containers."""

    def __init__(self, *names: str) -> None:
        self.kernel = OneFails()
        self.handlers = handlers_of()
        self.in_flight = InFlight(self.handlers.keeper)
        self.writer = Writer(self.handlers.keeper, self.kernel, self.in_flight)
        for name in names:
            start(self.handlers, shared(name))
        self.without_owner = self.handlers.keeper.ledger
        self.owner = create("owner", 2000)
        self.owner.container.linux.cgroups_path = "/kubepods/owner"
        self.owned = start(self.handlers, self.owner)

    def settle(self) -> Iterator[list[str]]:
        """Write what is due; yield who was told, who waits, and who failed."""
        before = self.handlers.keeper.ledger
        written = self.writer.write(self.handlers.keeper.take_due_updates(Settle()), before)
        yield written.told
        yield written.waiting
        yield list(written.failed)


@pytest.mark.asyncio
async def test_container_is_not_written_while_the_runtime_is_about_to_give_it_a_cpuset() -> None:
    """The runtime would undo the write; once the container has what was replied it is written."""
    node = Node("web", "log")
    remove(node.handlers, node.owner)
    rest = ALL - node.owned
    node.in_flight.note_told(["web"], node.without_owner)
    node.kernel.enforced["/kubepods/web"] = ALL
    told, waiting, failed = node.settle()
    assert (told, waiting, failed) == (["log"], ["web"], [])
    assert node.handlers.keeper.ledger.told["web"] == rest
    node.kernel.enforced["/kubepods/web"] = rest
    told, waiting, failed = node.settle()
    assert (told, waiting, failed) == (["web"], [], [])
    assert node.kernel.written == [("/kubepods/log", ALL), ("/kubepods/web", ALL)]


@pytest.mark.asyncio
async def test_owner_waits_until_a_reply_has_taken_others_off_its_cpus() -> None:
    """What a reply tells is not done yet; it is seen in the kernel when it is."""
    node = Node("web")
    lacking = CpuSet.of([max(node.owned)])
    node.handlers.keeper.found({"owner": lacking})
    node.in_flight.note_told(["web"], node.without_owner)
    node.kernel.enforced["/kubepods/web"] = ALL
    told, waiting, _ = node.settle()
    assert (told, waiting) == ([], ["owner"])
    assert node.handlers.keeper.ledger.told["owner"] == lacking
    node.kernel.enforced["/kubepods/web"] = ALL - node.owned
    told, waiting, _ = node.settle()
    assert (told, waiting) == (["owner"], [])
    assert node.kernel.written == [("/kubepods/owner", node.owned)]


@pytest.mark.asyncio
async def test_one_cgroup_that_cannot_be_written_harms_nobody_else() -> None:
    """Others grow all the same; only the one is in doubt."""
    node = Node("bad", "web", "log")
    remove(node.handlers, node.owner)
    told, _, failed = node.settle()
    assert (sorted(told), failed) == (["log", "web"], ["bad"])
    ledger = node.handlers.keeper.ledger
    assert ledger.doubts.keys() == {"bad"}
    assert {ledger.told["web"], ledger.told["log"]} == {ALL}


@pytest.mark.asyncio
async def test_owner_is_not_let_in_beside_a_container_that_could_not_be_written() -> None:
    """It is not tried at all, and nothing becomes uncertain of it."""
    node = Node("bad", "web")
    lacking = CpuSet.of([max(node.owned)])
    node.handlers.keeper.found({"bad": ALL, "owner": lacking})
    told, _, failed = node.settle()
    assert (told, failed) == ([], ["bad", "owner"])
    assert node.kernel.attempts == ["/kubepods/bad"]
    ledger = node.handlers.keeper.ledger
    assert ledger.told["owner"] == lacking
    assert ledger.doubts.keys() == {"bad"}


@pytest.mark.asyncio
@pytest.mark.parametrize("has", [CpuSet.of([7]), CpuSet.EMPTY])
async def test_after_a_failed_write_it_is_known_what_the_container_has(has: CpuSet) -> None:
    """A part of the files may have been written, so the kernel is asked; empty means all cpus."""
    node = Node("bad", "web")
    remove(node.handlers, node.owner)
    node.kernel.enforced["/kubepods/bad"] = has
    _, _, failed = node.settle()
    assert failed == ["bad"]
    assert node.handlers.keeper.ledger.told["bad"] == (has or ALL)
    assert node.handlers.keeper.ledger.doubts == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("why", ["in flight", "stuck"])
async def test_nobody_gets_cpus_that_an_owner_could_not_leave_yet(why: str) -> None:
    """Who waits, for whatever reason, is still where it was, and others keep off."""
    node = Node("bad", "log")
    left = CpuSet.of([7])
    has = CpuSet.of([max(node.owned)]) | left
    rest = ALL - node.owned - left
    stays = rest if why == "in flight" else ALL
    node.handlers.keeper.found({"owner": has, "log": rest, "bad": stays})
    if why == "in flight":
        node.in_flight.note_told(["bad"], node.without_owner)
        node.kernel.enforced["/kubepods/bad"] = ALL
    told, waiting, failed = node.settle()
    late = waiting if why == "in flight" else failed
    assert told == []
    assert sorted(late) == ["bad", "log", "owner"]
    assert node.kernel.written == []


@pytest.mark.asyncio
async def test_nobody_grows_into_an_owner_whose_resize_may_not_have_been_answered() -> None:
    """Its cpus stay the same, so the kernel cannot show whether the runtime has the reply."""
    node = Node("web")
    node.owner.pod.annotations["weka.io/forbid-core-ids"] = str(ALL - node.owned)
    smaller = create("owner", 500).container.linux.resources
    node.handlers.update_container(
        messages.UpdateContainerRequest(
            pod=node.owner.pod, container=node.owner.container, linux_resources=smaller
        )
    )
    assert "owner" in node.handlers.keeper.ledger.shared
    node.kernel.enforced["/kubepods/owner"] = node.owned
    told, waiting, _ = node.settle()
    assert told == []
    assert "web" in waiting
    node.in_flight.note_request()
    told, _, _ = node.settle()
    assert "web" in told
