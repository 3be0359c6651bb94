"""What decisions have changed: the same facts for the log, the metrics and the journal."""

import pytest

import nri
from nri import Event, messages
from tests.requests import EIGHT, create, handlers_of, start, stop
from weka_cpuset.decided import REBUILT, Decided
from weka_cpuset.engine import CORES_ANNOTATION, Cpu, CpuSet, Settle, Topology
from weka_cpuset.handlers import Handlers


@pytest.fixture
def told() -> list[Decided]:
    """What the handlers have told of their decisions."""
    return []


@pytest.fixture
def handlers(told: list[Decided]) -> Handlers:
    """Handlers of a machine with eight cpus that tell of their decisions."""
    handlers = handlers_of()
    handlers.keeper.on_decided = told.append
    return handlers


def test_creation_tells_who_got_which_cpus(handlers: Handlers, told: list[Decided]) -> None:
    cpus = start(handlers, create("own", 2000))
    placed, started = told
    assert ("CreateContainer", "placed", "default/own/main") == (
        placed.event,
        placed.outcome,
        placed.container,
    )
    assert (CpuSet.EMPTY, cpus) == (placed.before, placed.after)
    assert placed.is_news
    assert not started.is_news


def test_move_names_the_one_that_had_to_go(handlers: Handlers, told: list[Decided]) -> None:
    cpus = start(handlers, create("own", 2000))
    start(handlers, create("named", 100, {CORES_ANNOTATION: str(cpus)}))
    (move,) = told[-2].moves
    assert ("own", "default/own/main", cpus) == (move.id, move.container, move.before)
    assert move.after.isdisjoint(cpus)
    assert len(cpus) == told[-2].moved_cpus


def test_refusal_is_told_with_its_type_and_its_words(
    handlers: Handlers, told: list[Decided]
) -> None:
    with pytest.raises(nri.Refusal) as refused:
        handlers.create_container(create("large", 99_000))
    (one,) = told
    assert ("NotEnoughCpus", str(refused.value)) == (one.refusal, one.reason)
    assert one.is_news


def test_refusal_names_the_container_that_no_ledger_has_ever_had(
    handlers: Handlers, told: list[Decided]
) -> None:
    with pytest.raises(nri.Refusal):
        handlers.create_container(create("large", 99_000))
    (one,) = told
    assert ("default/large/main", "") == (one.container, one.kind)
    assert ("default", "large", "uid-large") == one.pod
    assert "default/large/main" == one.fields()["container"]
    assert "class" not in one.fields()


def test_refused_resize_names_the_pod(handlers: Handlers, told: list[Decided]) -> None:
    start(handlers, create("own", 2000))
    larger = create("own", 99_000).container
    with pytest.raises(nri.Refusal):
        handlers.update_container(
            messages.UpdateContainerRequest(
                container=larger, linux_resources=larger.linux.resources
            )
        )
    assert ("default", "own", "uid-own") == told[-1].pod
    assert told[-1].before == told[-1].after


def test_pods_are_named_where_containers_are_moved(handlers: Handlers, told: list[Decided]) -> None:
    """Both: the one that had to go, and the one that it had to go for. Elsewhere nobody asks."""
    cpus = start(handlers, create("own", 2000))
    assert told[0].pod is None
    start(handlers, create("named", 100, {CORES_ANNOTATION: str(cpus)}))
    assert ("default", "named", "uid-named") == told[-2].pod
    (move,) = told[-2].moves
    assert ("default", "own", "uid-own") == move.pod


def test_second_end_of_a_container_is_no_news(handlers: Handlers, told: list[Decided]) -> None:
    request = create("own", 2000)
    cpus = start(handlers, request)
    stop(handlers, request)
    handlers.state_change(Event.REMOVE_CONTAINER, request.pod, request.container)
    assert (cpus, CpuSet.EMPTY) == (told[-2].before, told[-2].after)
    assert [True, False] == [one.is_news for one in told[-2:]]


def test_other_cpus_of_the_machine_are_told(handlers: Handlers, told: list[Decided]) -> None:
    handlers.keeper.rehome(Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(6)]))
    (one,) = told
    assert ("Hotplug", REBUILT) == (one.event, one.outcome)
    assert (EIGHT.online, CpuSet.of(range(6))) == (one.before, one.after)


def test_container_that_waited_for_cpus_of_its_own_is_told_as_placed(
    handlers: Handlers, told: list[Decided]
) -> None:
    """Half of the machine goes offline, and of two owners one has to wait for the other."""
    requests = {name: create(name, 3000) for name in ("a", "b")}
    for request in requests.values():
        start(handlers, request)
    handlers.keeper.rehome(Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(4)]))
    (waiting,) = handlers.keeper.ledger.unplaced
    assert waiting in str(told[-1].notices[0])
    (other,) = requests.keys() - {waiting}
    stop(handlers, requests[other])
    handlers.keeper.take_due_updates(Settle(calm=True))
    assert (waiting, "placed", "integer") == (told[-1].id, told[-1].outcome, told[-1].kind)
    assert 3 == len(told[-1].after)
