"""The status: what it says of containers, cpus and the connection, and what it costs."""

import asyncio

import msgspec
import pytest

from nri import Event
from tests.agents import RUNTIME, agent_of
from tests.requests import EIGHT, create, start, stop
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import CORES_ANNOTATION, FORBID_ANNOTATION, Cpu, Topology
from weka_cpuset.status import snapshots
from weka_cpuset.status.schema import Container, Status
from weka_cpuset.status.snapshots import Snapshot, Snapshots


@pytest.fixture
def agent() -> Agent:
    """An agent of a machine with eight cpus."""
    return agent_of(EIGHT)


@pytest.fixture(autouse=True)
def _never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each status made anew, as if it were asked for later."""
    monkeypatch.setattr(snapshots, "FRESH_S", 0.0)


def taken(agent: Agent, times: int = 1) -> list[Snapshot]:
    """Return statuses, taken one after the other."""

    async def take() -> list[Snapshot]:
        maker = Snapshots(agent, "node-1")
        return [await maker.latest() for _ in range(times)]

    return asyncio.run(take())


def status_of(agent: Agent) -> Status:
    """Return an agent's status as somebody reads it who has it as JSON."""
    return msgspec.json.decode(taken(agent)[0].body, type=Status)


def container(agent: Agent, name: str) -> Container:
    """Return a container's row."""
    (row,) = (one for one in status_of(agent).containers if one.id == name)
    return row


def test_each_container_is_there_with_class_cpus_and_reason(agent: Agent) -> None:
    start(agent.handlers, create("own", 2000))
    start(agent.handlers, create("named", 100, {CORES_ANNOTATION: "7"}))
    start(agent.handlers, create("shared", 100, {FORBID_ANNOTATION: "6"}))
    own, named, shared = (container(agent, name) for name in ("own", "named", "shared"))
    assert ["integer", "annotated", "shared"] == [own.kind, named.kind, shared.kind]
    assert ("default", "own", "main", "running") == (own.namespace, own.pod, own.name, own.phase)
    ledger = agent.keeper.ledger
    assert [own.cpus, named.cpus, shared.cpus] == [
        str(ledger.cpus_of(one)) for one in ("own", "named", "shared")
    ]
    assert ("7", "6") == (named.cpus, shared.forbidden)
    assert "names its cpus" in named.why


def test_cpus_are_told_by_use(agent: Agent) -> None:
    start(agent.handlers, create("own", 2000))
    start(agent.handlers, create("named", 100, {CORES_ANNOTATION: "6-7"}))
    cpus = status_of(agent).cpus
    ledger = agent.keeper.ledger
    assert "0-7" == cpus.online
    assert "6-7" == cpus.annotated
    assert str(ledger.cpus_of("own")) == cpus.integer
    assert str(ledger.pool) == cpus.pool


def test_container_that_waits_for_an_update_is_due(agent: Agent) -> None:
    """What a shared container gets back after an owner's end is told later."""
    start(agent.handlers, create("shared", 100))
    owner = create("own", 2000)
    start(agent.handlers, owner)
    assert not container(agent, "shared").due
    agent.keeper.growth_per_reply = 0
    stop(agent.handlers, owner)
    assert container(agent, "shared").due


def test_connection_and_health_are_told(agent: Agent) -> None:
    status = status_of(agent)
    assert ["disconnected"] == [one.code for one in status.health.problems]
    assert not status.health.ready
    agent.uptime.up(RUNTIME)
    status = status_of(agent)
    assert status.health.ready
    assert ("containerd", 1) == (status.connection.runtime, status.connection.connects)


def test_rows_are_the_same_values_where_nothing_has_changed(agent: Agent) -> None:
    """So what has changed is found by comparing identities, whatever the number of containers."""
    start(agent.handlers, create("a", 2000))

    async def take() -> tuple[Snapshot, Snapshot]:
        maker = Snapshots(agent, "node-1")
        before = await maker.latest()
        start(agent.handlers, create("b", 1000))
        return before, await maker.latest()

    before, after = asyncio.run(take())
    assert before.rows["a"] is after.rows["a"]
    assert {"a", "b"} == after.rows.keys()


def test_pod_that_no_event_has_shown_is_named_by_its_id(agent: Agent) -> None:
    request = create("lost", 100)
    agent.handlers.state_change(Event.POST_START_CONTAINER, type(request.pod)(), request.container)
    row = container(agent, "lost")
    assert ("", "pod-lost") == (row.namespace, row.pod)


def test_status_is_of_one_moment(agent: Agent) -> None:
    """What happens while it is made is in the next one."""
    start(agent.handlers, create("before", 1000))

    async def take() -> Snapshot:
        asking = asyncio.create_task(Snapshots(agent, "node-1").latest())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        start(agent.handlers, create("meanwhile", 1000))
        return await asking

    assert {"before"} == asyncio.run(take()).rows.keys()


def test_all_who_ask_within_a_moment_share_one(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "FRESH_S", 60.0)
    one, other = taken(agent, 2)
    assert one is other


def test_it_is_current_until_something_changes(agent: Agent) -> None:
    async def take() -> list[bool]:
        maker = Snapshots(agent, "node-1")
        found = []
        for change in (
            lambda: start(agent.handlers, create("own", 1000)),
            lambda: agent.uptime.up(RUNTIME),
            lambda: setattr(agent.auditor.status, "looks", 7),
        ):
            snapshot = await maker.latest()
            found.append(maker.is_current(snapshot))
            change()
            found.append(maker.is_current(snapshot))
        return found

    assert [True, False] * 3 == asyncio.run(take())


def test_machine_is_made_anew_only_with_other_cpus(agent: Agent) -> None:
    async def take() -> list[Snapshot]:
        maker = Snapshots(agent, "node-1")
        found = [await maker.latest(), await maker.latest()]
        agent.keeper.rehome(Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(6)]))
        return [*found, await maker.latest()]

    one, same, other = (each.status.machine for each in asyncio.run(take()))
    assert one is same
    assert "0-5" == other.packages[0].cpus
