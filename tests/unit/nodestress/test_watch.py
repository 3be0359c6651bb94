"""Watching: only what was so at one instant is judged."""

import pytest

from nodestress import watch
from nodestress.judge import Ground
from nodestress.node import AgentState, Resident
from nodestress.watch import AgentWatch, KernelWatch, Pings, Repeated
from tests.unit.nodestress.nodes import ONLINE, FakeNode, integer, shared
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet


def node_with_two() -> FakeNode:
    """Return a node on which an integer pod and a shared one run."""
    node = FakeNode()
    node.create([integer("owner"), shared("other")])
    return node


def kernel_watch(node: FakeNode) -> KernelWatch:
    """Return a watch on a node of which all cpus can be used."""
    return KernelWatch(node, Ground(ONLINE, node.memory_nodes))


def test_what_is_right_is_no_finding() -> None:
    """Looks are counted, and nothing is said."""
    watching = kernel_watch(node_with_two())
    watching.look()
    watching.look()

    assert (watching.looks, watching.broken, watching.overlap_s) == (2, [], 0.0)


def test_an_overlap_is_told_once_and_measured() -> None:
    """The rule, the container and the cpus are named; the time adds up."""
    node = node_with_two()
    watching = kernel_watch(node)
    watching.look()
    node.misplaced["default/other/c"] = "0-7"
    watching.look()
    once_s = watching.overlap_s
    watching.look()

    assert len(watching.broken) == 1
    assert "default/other/c" in watching.broken[0]
    assert 0 < once_s < watching.overlap_s


def test_a_change_of_a_shared_container_is_noted() -> None:
    """Only the containers that are there before and after have changed."""
    node = node_with_two()
    watching = kernel_watch(node)
    watching.look()
    node.create([integer("second")])
    watching.look()

    assert watching.changes == ["default/other/c: 1-7 -> 2-7"]


def test_a_change_between_two_reads_is_no_overlap() -> None:
    """The other container was read before it made room, the owner after it came."""
    node = node_with_two()
    place, reads = node.read, 0

    def read(one: Resident) -> Enforced | None:
        nonlocal reads
        reads += 1
        found = place(one)
        if one.label == "default/other/c" and reads <= 2:
            return Enforced(CpuSet.parse("0-7"), CpuSet.parse("0"), CpuSet.parse("0-7"))
        return found

    node.read = read  # type: ignore[method-assign]  # the fault
    watching = kernel_watch(node)
    watching.look()

    assert watching.looks == 1
    assert watching.broken == []


def test_a_kernel_that_changes_all_the_time_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look is better than one that mixes two instants."""
    node, reads = node_with_two(), 0

    def read(one: Resident) -> Enforced | None:  # noqa: ARG001  # all change alike
        nonlocal reads
        reads += 1
        cpus = CpuSet.of([reads % 8])
        return Enforced(cpus, cpus, cpus)

    monkeypatch.setattr(watch, "PASSES_MAX", 4)
    node.read = read  # type: ignore[method-assign]  # the fault
    watching = kernel_watch(node)
    watching.look()

    assert watching.looks == 0


@pytest.mark.parametrize(
    ("states", "restarts"),
    [
        (["1", "1", "1"], 0),
        (["1", "2", "2"], 1),
        (["1", "", "2"], 1),
        (["1", "", ""], 1),
        (["1", "2", "3"], 2),
    ],
)
def test_an_agent_that_is_another_one_was_restarted(states: list[str], restarts: int) -> None:
    """Replaced, missing and back, or missing for good: each is counted once."""
    node = FakeNode()
    node.state = AgentState(states[0])
    watching = AgentWatch(node)
    for state in states[1:]:
        node.state = AgentState(state)
        watching.look()

    assert restarts == watching.restarts


def test_restarts_within_the_same_pod_are_counted() -> None:
    """A pod keeps its uid when its container is restarted; its count goes up."""
    node = FakeNode()
    node.state = AgentState("pod", 3)
    watching = AgentWatch(node)
    node.state = AgentState("pod", 5)
    watching.look()

    assert watching.restarts == 2


def test_calls_that_fail_are_kept() -> None:
    """The time counts too: it may be the time-out's."""
    node = FakeNode()
    pings = Pings(node)
    pings.look()
    node.pings_fail = True
    pings.look()

    assert len(pings.took_s) == 2
    assert pings.failed == ["the runtime: hangs"]


def test_an_error_of_a_watcher_is_raised_at_the_end() -> None:
    """A watcher that died has seen nothing, which must not look like nothing wrong."""

    def fail() -> None:
        raise ValueError("broken")

    watching = Repeated(fail, 0.0)
    with pytest.raises(ValueError, match="broken"), watching:
        watching._thread.join()
