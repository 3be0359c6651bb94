"""Server-sent events: the whole status, and then what changes, for clients of any speed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

import msgspec
import pytest

from tests.agents import RUNTIME, agent_of
from tests.requests import EIGHT, create, start, stop
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import Cpu, Topology
from weka_cpuset.status import snapshots
from weka_cpuset.status.schema import Status
from weka_cpuset.status.snapshots import Snapshots
from weka_cpuset.web import events
from weka_cpuset.web.events import Change, Events, TooManyViewers

pytestmark = pytest.mark.asyncio

Stream = AsyncGenerator[bytes, None]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell changes without waiting."""
    monkeypatch.setattr(snapshots, "FRESH_S", 0.0)
    monkeypatch.setattr(events, "TICK_S", 0.0)
    monkeypatch.setattr(events, "REST", 0)


class Told(NamedTuple):
    """An event as a client has it."""

    name: str
    number: int
    data: bytes

    def status(self) -> Status:
        """Return the whole status."""
        assert self.name == "status"
        return msgspec.json.decode(self.data, type=Status)

    def change(self) -> Change:
        """Return the change."""
        assert self.name == "change"
        return msgspec.json.decode(self.data, type=Change)


async def told(stream: Stream) -> Told:
    """Return the next event of a client."""
    fields = dict(line.split(b": ", 1) for line in (await anext(stream)).splitlines() if line)
    return Told(fields[b"event"].decode(), int(fields[b"id"]), fields[b"data"])


def shown(agent: Agent) -> Events:
    """Return the events of an agent."""
    return Events(Snapshots(agent, "node-1"), agent.observer.journal)


async def test_first_event_is_the_whole_status() -> None:
    agent = agent_of(EIGHT)
    start(agent.handlers, create("own", 2000))
    stream = shown(agent).follow()
    status = (await told(stream)).status()
    assert ["own"] == [one.id for one in status.containers]
    await stream.aclose()


async def test_changes_tell_what_is_new_and_what_is_gone() -> None:
    agent = agent_of(EIGHT)
    old = create("old", 1000)
    start(agent.handlers, old)
    stream = shown(agent).follow()
    first = await told(stream)
    start(agent.handlers, create("new", 2000))
    stop(agent.handlers, old)
    event = await told(stream)
    change = event.change()
    assert event.number == change.number > first.number
    assert (["new"], ("old",)) == ([one.id for one in change.containers], change.gone)
    assert ["placed", "released"] == [one.outcome for one in change.decisions]
    assert str(agent.keeper.ledger.pool) == change.cpus.pool
    await stream.aclose()


async def test_loss_of_the_connection_is_told() -> None:
    agent = agent_of(EIGHT)
    agent.uptime.up(RUNTIME)
    stream = shown(agent).follow()
    assert (await told(stream)).status().health.ready
    agent.uptime.down()
    change = (await told(stream)).change()
    assert (False, ()) == (change.health.ready, change.containers)
    await stream.aclose()


async def test_other_cpus_of_the_machine_bring_the_whole_status() -> None:
    agent = agent_of(EIGHT)
    stream = shown(agent).follow()
    await told(stream)
    agent.keeper.rehome(Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(6)]))
    assert "0-5" == (await told(stream)).status().cpus.online
    await stream.aclose()


async def test_who_comes_later_gets_changes_that_fit_to_its_status() -> None:
    """Applied to the first event, changes lead both clients to the same containers."""
    agent = agent_of(EIGHT)
    feed = shown(agent)
    early, late = feed.follow(), feed.follow()
    await told(early)
    start(agent.handlers, create("a", 1000))
    await told(early)
    start(agent.handlers, create("b", 1000))
    known = {one.id for one in (await told(late)).status().containers}
    if "b" not in known:
        known |= {one.id for one in (await told(late)).change().containers}
    assert {"a", "b"} == known
    await early.aclose()
    await late.aclose()


async def test_slow_client_gets_the_whole_status_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is bounded, and it misses nothing that matters."""
    monkeypatch.setattr(events, "QUEUED_MAX", 2)
    agent = agent_of(EIGHT)
    feed = shown(agent)
    quick, slow = feed.follow(), feed.follow()
    await told(quick)
    await told(slow)
    for number in range(5):
        start(agent.handlers, create(f"c{number}", 1000))
        await told(quick)
    assert 5 == len((await told(slow)).status().containers)
    await quick.aclose()
    await slow.aclose()


async def test_number_of_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "VIEWERS_MAX", 1)
    feed = shown(agent_of(EIGHT))
    stream = feed.follow()
    await told(stream)
    assert 1 == feed.viewers
    with pytest.raises(TooManyViewers):
        feed.follow()
    await stream.aclose()
    assert 0 == feed.viewers
    feed.follow()


async def test_nothing_is_done_while_nobody_follows() -> None:
    feed = shown(agent_of(EIGHT))
    before = asyncio.all_tasks()
    stream = feed.follow()
    await told(stream)
    assert asyncio.all_tasks() > before
    await stream.aclose()
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_client_is_told_that_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that neither side, nor a proxy in between, takes the connection for dead."""
    monkeypatch.setattr(events, "ALIVE_S", 0.0)
    stream = shown(agent_of(EIGHT)).follow()
    await told(stream)
    assert (await anext(stream)).startswith(b":")
    await stream.aclose()
