"""Hotplug: other cpus online are noticed within seconds, and the rules apply to them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from nri import Event
from tests.requests import create, handlers_of, start
from weka_cpuset import hotplug
from weka_cpuset.engine import Cpu, CpuSet, Node, Settle, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.hotplug import LOOK_S, Hotplug
from weka_cpuset.offload import at_once
from weka_cpuset.sysfs import TopologyUnreadable
from weka_cpuset.uevents import OpenSocket, no_socket
from weka_cpuset.usable import Usable

ALL = CpuSet.of(range(8))


def machine(online: CpuSet, memory: CpuSet = CpuSet.EMPTY) -> Topology:
    """Return the machine of eight cpus with only these online, and memory on these nodes."""
    nodes = [Node(node, CpuSet.EMPTY) for node in memory]
    return Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in online], nodes)


class Sysfs:
    """What the kernel says of its cpus; counts who reads how much."""

    def __init__(self) -> None:
        self.online = ALL
        self.memory = CpuSet.EMPTY
        self.readings = 0
        self.failure: Exception | None = None

    def read_usable(self) -> Usable:
        """Return the online cpus, and the nodes with memory."""
        if self.failure is not None:
            raise self.failure
        return Usable(self.online, self.memory)

    def read_topology(self) -> Topology:
        """Return the whole topology."""
        self.readings += 1
        return machine(self.online, self.memory)


@contextlib.contextmanager
def watched(
    handlers: Handlers, sysfs: Sysfs, open_socket: OpenSocket = no_socket
) -> Iterator[None]:
    """Look at what can be used for the length of a `with` block."""
    watcher = Hotplug(handlers.keeper, sysfs.read_usable, sysfs.read_topology, at_once, open_socket)
    task = asyncio.create_task(watcher.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_integer_container_moves_off_a_cpu_that_went_offline() -> None:
    """Its cpu goes away: it gets another one of its own, and the pool leaves that first."""
    handlers, sysfs = handlers_of(), Sysfs()
    start(handlers, create("web", 100))
    owned = start(handlers, create("owner", 2000))
    lost = CpuSet.of([owned.lowest])
    with watched(handlers, sysfs):
        sysfs.online = ALL - lost
        await asyncio.sleep(2 * LOOK_S)
    updates = handlers.keeper.take_due_updates(Settle())
    now = handlers.keeper.ledger.cpus_of("owner")
    assert len(now) == 2
    assert now <= sysfs.online
    assert owned - lost <= now
    assert [one.container_id for one in updates] == ["web", "owner"]
    assert updates[0].cpus == sysfs.online - now
    handlers.keeper.ledger.check()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_cpu_that_comes_online_joins_the_pool() -> None:
    """Shared containers get the new cpu, and settling is told that there is work."""
    sysfs = Sysfs()
    handlers = handlers_of(machine(ALL - CpuSet.of([7])))
    start(handlers, create("web", 100))
    woken = asyncio.Event()
    handlers.keeper.on_unsettled = woken.set
    with watched(handlers, sysfs):
        await asyncio.sleep(2 * LOOK_S)
    assert woken.is_set()
    assert [one.cpus for one in handlers.keeper.take_due_updates(Settle())] == [ALL]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_memory_that_is_plugged_in_is_given_to_those_beside_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An annotated container is told its node as soon as that has memory."""
    handlers, sysfs = handlers_of(), Sysfs()
    start(handlers, create("named", 100, {"weka.io/cores-ids": "2-3"}))
    with watched(handlers, sysfs):
        sysfs.memory = CpuSet.of([0])
        await asyncio.sleep(2 * LOOK_S)
    (update,) = handlers.keeper.take_due_updates(Settle())
    assert (update.container_id, update.mems) == ("named", CpuSet.of([0]))
    assert caplog.text.count("Other memory is there") == 1
    assert sysfs.readings == 1


@contextlib.asynccontextmanager
async def listening(
    handlers: Handlers, sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[socket.socket, asyncio.Event]]:
    """Look at what can be used when the kernel says so, and at no other time.

    Yields:
        Where the kernel speaks, and what is set when there is something to settle.
    """
    monkeypatch.setattr(hotplug, "LOOK_S", 3600.0)
    ours, kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    unsettled = asyncio.Event()
    handlers.keeper.on_unsettled = unsettled.set
    with kernels, watched(handlers, sysfs, lambda: ours):
        await asyncio.sleep(0)
        yield kernels, unsettled


@pytest.mark.asyncio
async def test_kernels_word_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two events, one look; events of network devices are none of ours."""
    handlers, sysfs = handlers_of(), Sysfs()
    async with listening(handlers, sysfs, monkeypatch) as (kernels, moved):
        sysfs.online = CpuSet.of(range(7))
        kernels.send(b"add@/devices/virtual/net/veth\0SUBSYSTEM=net\0")
        for _ in range(2):
            kernels.send(b"offline@/devices/system/cpu/cpu7\0ACTION=offline\0SUBSYSTEM=cpu\0")
        await moved.wait()
    assert handlers.keeper.ledger.pool == sysfs.online
    assert sysfs.readings == 1


@pytest.mark.asyncio
async def test_cpu_that_is_back_at_once_has_every_container_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is online as before, but containers may be without it, or on their parent's cpus."""
    handlers, sysfs = handlers_of(), Sysfs()
    async with listening(handlers, sysfs, monkeypatch) as (kernels, woken):
        for word in (b"offline", b"online"):
            kernels.send(word + b"@/devices/system/cpu/cpu7\0SUBSYSTEM=cpu\0")
        await woken.wait()
    assert handlers.keeper.unverified
    assert sysfs.readings == 0


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_whole_topology_is_read_only_after_a_change() -> None:
    """An hour without hotplug costs one small file each second, no more."""
    handlers, sysfs = handlers_of(), Sysfs()
    before = handlers.keeper.ledger
    with watched(handlers, sysfs):
        await asyncio.sleep(3600)
    assert sysfs.readings == 0
    assert handlers.keeper.ledger is before


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_file_that_cannot_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The agent works on with what it knows, and notices when the file is back."""
    handlers, sysfs = handlers_of(), Sysfs()
    sysfs.failure = TopologyUnreadable(Path("/sys/x"), "cannot be read")
    with watched(handlers, sysfs):
        await asyncio.sleep(60)
        assert caplog.text.count("Cannot see which cpus can be used") == 1
        sysfs.failure, sysfs.online = None, CpuSet.of(range(4))
        await asyncio.sleep(2 * LOOK_S)
    assert handlers.keeper.ledger.pool == CpuSet.of(range(4))


def test_late_event_of_an_ended_container_is_still_known_after_hotplug() -> None:
    """Hotplug forgets nothing: a late event does not revive a container."""
    handlers = handlers_of()
    owner = create("owner", 2000)
    start(handlers, owner)
    handlers.state_change(Event.REMOVE_CONTAINER, owner.pod, owner.container)
    handlers.keeper.rehome(machine(CpuSet.of(range(6))))
    start(handlers, owner)
    assert handlers.keeper.ledger.holding("owner") is None
    assert handlers.keeper.ledger.pool == CpuSet.of(range(6))
