"""Handlers: events to replies by the engine's decisions, in memory only, and logged."""

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import nri
from nri import Event, messages, services
from tests.requests import cpus_of, create, handlers_of, pod_of, start, stop
from weka_cpuset.engine import Cpu, CpuSet, Topology
from weka_cpuset.handlers import EVENTS, Handlers
from weka_cpuset.logs import Fields

BLOCKING = ("open", "socket.", "os.", "subprocess.", "shutil.", "time.sleep", "fcntl.", "mmap.")
"""Audit events of everything in the standard library that can wait for the world."""


@pytest.fixture
def handlers() -> Handlers:
    """Handlers of a machine with eight cpus."""
    return handlers_of()


def test_mask_is_explicit_and_old_runtimes_know_every_bit(handlers: Handlers) -> None:
    """Never "all events", and nothing above bit 11, which older runtimes refuse."""
    mask = handlers.configure(messages.ConfigureRequest())
    assert mask == messages.mask_of(EVENTS)
    assert 0 < mask <= 0x7FF


def test_shared_container_makes_room_in_the_reply_of_the_new_owner(handlers: Handlers) -> None:
    """The reply to the creation carries the update of the others."""
    shared = create("shared", 100)
    assert CpuSet.of(range(8)) == start(handlers, shared)
    reply = handlers.create_container(create("integer", 2000))
    (update,) = reply.update
    assert update.container_id == "shared"
    rest = CpuSet.parse(update.linux.resources.cpu.cpus)
    assert rest.isdisjoint(cpus_of(reply))
    assert len(rest) + len(cpus_of(reply)) == 8


def test_stop_gives_the_cpus_back_in_its_reply(handlers: Handlers) -> None:
    """The reply to the stop lets shared containers grow."""
    start(handlers, create("shared", 100))
    owner = create("integer", 2000)
    start(handlers, owner)
    (update,) = stop(handlers, owner).update
    assert CpuSet.parse(update.linux.resources.cpu.cpus) == CpuSet.of(range(8))
    assert not stop(handlers, owner).update


def test_refusal_is_raised_and_changes_nothing(handlers: Handlers) -> None:
    """A container that cannot be placed is refused in words; the ledger stays."""
    start(handlers, create("shared", 100))
    before = handlers.keeper.ledger
    with pytest.raises(nri.Refusal) as caught:
        handlers.create_container(create("greedy", 9000))
    assert str(caught.value)
    assert before is handlers.keeper.ledger


@pytest.mark.parametrize("value", ["", "x", "0-4000000000", "99", "3-1", "0,,1"])
def test_wrong_annotation_is_refused_in_words(handlers: Handlers, value: str) -> None:
    """Each wrong cpu list is refused with a message; nothing changes."""
    before = handlers.keeper.ledger
    with pytest.raises(nri.Refusal) as caught:
        handlers.create_container(create("wrong", 100, {"weka.io/cores-ids": value}))
    assert len(str(caught.value)) > 20
    assert before is handlers.keeper.ledger


def test_resize_reply_always_has_the_own_cpuset(handlers: Handlers) -> None:
    """A resource update is answered with the container's own cpus, also when nothing changed."""
    request = create("integer", 2000)
    before = start(handlers, request)
    same = handlers.update_container(
        messages.UpdateContainerRequest(pod=request.pod, container=request.container)
    )
    assert [entry.container_id for entry in same.update] == ["integer"]
    assert CpuSet.parse(same.update[0].linux.resources.cpu.cpus) == before
    larger = create("integer", 3000).container.linux.resources
    reply = handlers.update_container(
        messages.UpdateContainerRequest(
            pod=request.pod, container=request.container, linux_resources=larger
        )
    )
    after = CpuSet.parse(reply.update[-1].linux.resources.cpu.cpus)
    assert before <= after
    assert len(after) == 3


def test_update_adopts_who_runs_and_not_who_has_ended(handlers: Handlers) -> None:
    """Both replies name the container."""
    states = messages.ContainerState
    for state, adopted in ((states.CONTAINER_STOPPED, False), (states.CONTAINER_RUNNING, True)):
        request = create("integer", 2000)
        request.container.state = state
        reply = handlers.update_container(
            messages.UpdateContainerRequest(pod=request.pod, container=request.container)
        )
        assert [one.container_id for one in reply.update] == ["integer"]
        assert (handlers.keeper.ledger.holding("integer") is not None) is adopted


def test_synchronize_corrects_what_is_wrong_and_nothing_else(handlers: Handlers) -> None:
    """Only the containers whose recorded cpuset is wrong are in the reply."""
    requests = [create("integer", 2000), create("shared", 100)]
    for request, cpus in zip(requests, ("0-1", "0-7"), strict=True):
        request.container.state = messages.ContainerState.CONTAINER_RUNNING
        request.container.linux.resources.cpu.cpus = cpus
    ended = create("ended", 2000).container
    ended.state = messages.ContainerState.CONTAINER_STOPPED
    updates = handlers.synchronize(
        [request.pod for request in requests], [*(one.container for one in requests), ended]
    )
    assert {"shared": "2-7"} == {
        update.container_id: update.linux.resources.cpu.cpus for update in updates
    }
    assert handlers.keeper.ledger.holding("ended") is None


def test_dry_run_refuses_and_changes_nothing() -> None:
    """In a dry run the replies are empty and no refusal is raised."""
    handlers = handlers_of(dry_run=True)
    for request in (create("shared", 100), create("integer", 2000), create("greedy", 9000)):
        assert handlers.create_container(request) == messages.CreateContainerResponse()
    assert not stop(handlers, create("integer", 2000)).update


@pytest.mark.parametrize("event", [event for event in Event if 1 <= event <= 14])
def test_events_about_nothing_known_are_no_error(handlers: Handlers, event: Event) -> None:
    """Empty pods, empty containers and unknown ids are normal in every event."""
    handlers.state_change(event, messages.PodSandbox(), None)
    handlers.state_change(event, messages.PodSandbox(id="p"), messages.Container())
    handlers.state_change(event, messages.PodSandbox(), messages.Container(id="unknown"))
    handlers.stop_container(messages.StopContainerRequest())
    handlers.update_container(messages.UpdateContainerRequest())
    handlers.synchronize([messages.PodSandbox()] * 2, [messages.Container(id="twice")] * 2)
    handlers.keeper.ledger.check()


def test_until_a_report_is_answered_containers_have_what_the_ledger_before_it_says() -> None:
    """Settling keeps others off the cpus that those may still be on."""
    handlers = handlers_of()
    request = create("shared", 100)
    start(handlers, request)
    before, told = handlers.keeper.ledger, []
    handlers.keeper.on_told = lambda ids, until_then: told.append((list(ids), until_then))
    request.container.state = messages.ContainerState.CONTAINER_RUNNING
    request.container.linux.resources.cpu.cpus = "0-1"
    updates = handlers.synchronize([request.pod], [request.container])
    assert [one.container_id for one in updates] == ["shared"]
    assert told == [(["shared"], before)]


def test_dry_run_doubts_nobody_after_a_restart() -> None:
    """Nobody reads the kernel in a dry run, so what is on record is all that is known."""
    handlers = handlers_of(dry_run=True)
    handlers.keeper.reads_kernel = True
    running = create("shared", 100)
    running.container.state = messages.ContainerState.CONTAINER_RUNNING
    assert not handlers.synchronize([running.pod], [running.container])
    assert handlers.keeper.ledger.doubts == {}
    assert not handlers.keeper.unread


def test_new_topology_is_used_from_the_next_report_on(handlers: Handlers) -> None:
    """After a reconnect the ledger is built on the machine as it is now."""
    four = Topology.build([Cpu(cpu, cpu, 0, 0, 0) for cpu in range(4)])
    handlers.keeper.use_topology(four)
    handlers.synchronize([], [])
    assert CpuSet.of(range(4)) == start(handlers, create("shared", 100))


@contextlib.contextmanager
def audited() -> Iterator[list[str]]:
    """Collect what this thread does in a block that could wait for the world outside."""
    seen: list[str] = []
    watching = True
    thread = threading.get_ident()

    def hook(name: str, _: object) -> None:
        if watching and threading.get_ident() == thread and name.startswith(BLOCKING):
            seen.append(name)

    sys.addaudithook(hook)
    try:
        yield seen
    finally:
        watching = False


def run_through_every_event(handlers: Handlers) -> None:
    """Bring a container of each class through its whole life."""
    requests = [
        create("shared", 100),
        create("integer", 2000),
        create("named", 100, {"weka.io/cores-ids": "0-1"}),
    ]
    for request in requests:
        start(handlers, request)
    handlers.synchronize([one.pod for one in requests], [one.container for one in requests])
    for request in requests:
        handlers.update_container(
            messages.UpdateContainerRequest(pod=request.pod, container=request.container)
        )
        stop(handlers, request)
        handlers.state_change(Event.STOP_POD_SANDBOX, request.pod, None)
        handlers.state_change(Event.REMOVE_CONTAINER, request.pod, request.container)
        handlers.state_change(Event.REMOVE_POD_SANDBOX, request.pod, None)


def test_no_handler_touches_the_world(handlers: Handlers) -> None:
    """No event opens a file, uses a socket, starts a process or sleeps."""
    with audited() as seen:
        run_through_every_event(handlers)
    assert seen == []


def test_the_watch_for_blocking_calls_sees_them() -> None:
    """The test above can fail: what it watches for is seen."""
    with audited() as seen, Path(__file__).open():
        pass
    assert "open" in seen


def fields_of(record: logging.LogRecord) -> Fields:
    """Return the fields of an event's log line."""
    assert isinstance(record.args, tuple)
    (fields,) = record.args
    assert isinstance(fields, Fields)
    return fields


def test_each_event_is_one_log_line(handlers: Handlers, caplog: pytest.LogCaptureFixture) -> None:
    """Creation, refusal, stop and removal each log one line that says who, what and why."""
    caplog.set_level(logging.INFO)
    owner = create("integer", 2000)
    start(handlers, create("shared", 100))
    start(handlers, owner)
    with pytest.raises(nri.Refusal):
        handlers.create_container(create("greedy", 9000))
    stop(handlers, owner)
    handlers.state_change(Event.REMOVE_CONTAINER, owner.pod, owner.container)
    lines = [
        (record.levelname, record.msg.removesuffix(" %s"), fields_of(record).values["event"])
        for record in caplog.records
    ]
    assert lines == [
        ("INFO", "Placed container", "CreateContainer"),
        ("INFO", "Placed container", "CreateContainer"),
        ("WARNING", "Refused container", "CreateContainer"),
        ("INFO", "Released container", "StopContainer"),
        ("INFO", "Removing container", "RemoveContainer"),
    ]
    placed, refused, released = (fields_of(caplog.records[at]).values for at in (1, 2, 3))
    assert (placed["class"], str(placed["container"])) == ("integer", "default/integer/main")
    assert len(placed["after"]) == 2  # type: ignore[arg-type]  # a cpu set
    assert str(refused["reason"])
    assert (released["reason"], released["updates"]) == ("container removal", 1)


def test_fault_is_logged_with_its_traceback(
    handlers: Handlers, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect of ours is an error in the log with all that is needed to mend it."""
    try:
        raise ZeroDivisionError("boom")
    except ZeroDivisionError as error:
        handlers.fault(services.CREATE_CONTAINER, error)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "CreateContainer" in record.getMessage()
    assert record.exc_info is not None


def test_forced_deletion_and_creation_at_once_succeeds(handlers: Handlers) -> None:
    """The stop of the old containers is still on its way; they have no process any more."""
    old = [create(f"old-{index}", 4000) for index in range(2)]
    new = [create(f"new-{index}", 4000) for index in range(2)]
    for one in old:
        one.container.linux.cgroups_path = f"/{one.container.id}"
        start(handlers, one)
    asked: list[str] = []

    def is_dead(path: str) -> bool:
        asked.append(path)
        return True

    with pytest.raises(nri.Refusal):
        handlers.create_container(new[0])
    handlers.keeper.is_dead = is_dead
    cpus = [start(handlers, one) for one in new]
    assert cpus[0].isdisjoint(cpus[1])
    assert sorted(asked) == ["/old-0", "/old-1"]
    handlers.keeper.ledger.check()
    for one in old:
        assert not stop(handlers, one).update
    assert len(handlers.keeper.ledger) == 2


def test_living_and_starting_holders_keep_their_cpus(handlers: Handlers) -> None:
    """One with a process is not released, nor one that has not started and cannot have any."""
    start(handlers, create("living", 4000))
    handlers.create_container(create("starting", 4000))
    handlers.keeper.is_dead = lambda path: path == "/starting"
    with pytest.raises(nri.Refusal):
        handlers.create_container(create("new", 4000))
    assert len(handlers.keeper.ledger) == 2


def test_app_container_owns_cpus_though_the_end_of_its_init_container_is_told_late(
    handlers: Handlers,
) -> None:
    """Together they would exceed their pod's limit, as those do that share it; one has ended."""
    init, app = create("init", 2000), create("app", 2000)
    for one in (init, app):
        one.pod.CopyFrom(pod_of("p", {}, guaranteed=True))
        one.pod.linux.pod_resources.cpu.quota.value = 200_000
        one.pod.linux.pod_resources.cpu.period.value = 100_000
        one.container.pod_sandbox_id = one.pod.id
        one.container.name = one.container.id
        one.container.linux.cgroups_path = f"/{one.container.id}"
    start(handlers, init)
    handlers.keeper.is_dead = lambda path: path == "/init"
    assert len(start(handlers, app)) == 2
    assert handlers.keeper.ledger.exclusive.keys() == {"app"}
    handlers.keeper.ledger.check()


def test_slow_answer_is_warned_of_with_its_cause(
    handlers: Handlers, caplog: pytest.LogCaptureFixture
) -> None:
    """A tenth of what the runtime allows is too near: the warning says what took how long."""
    handlers.configure(messages.ConfigureRequest(request_timeout=500))
    start(handlers, create("web", 100))
    handlers.answered(services.CREATE_CONTAINER, 0.049)
    assert not caplog.records
    handlers.answered(services.CREATE_CONTAINER, 0.051)
    (warning,) = caplog.records
    assert "event=CreateContainer ms=51" in warning.getMessage()
    assert "containers=1" in warning.getMessage()
    assert (handlers.latency.count, handlers.latency.slow) == (2, 1)
