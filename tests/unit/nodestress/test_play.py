"""The test on a node: what is done, what is judged, and that nothing is left."""

from collections.abc import Callable

import pytest

from nodesim.criteria import criteria_of
from nodesim.plan import WrongOptions
from nodestress import play as playing
from nodestress.interrupt import Interrupted
from nodestress.node import AgentState, NodeFailed
from nodestress.workload import Workload
from tests.unit.nodestress.nodes import FakeNode, annotated, integer, shared

WORKLOAD = Workload(
    (annotated("a", "2", 1.0), integer("i", 2, 1.0), shared("s", 1.0)),
    (integer("race-1"), shared("race-2"), shared("race-3")),
)
ROUNDS = 3


@pytest.fixture(autouse=True)
def without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong in these tests stays wrong: nothing is to be waited for."""
    monkeypatch.setattr(playing, "RIGHT_WITHIN_S", 0.0)


def unmet(node: FakeNode, workload: Workload = WORKLOAD) -> set[str]:
    """Play on a node; return the titles of the criteria that are not met."""
    result = playing.play(node, workload, ROUNDS, print)
    return {one.title for one in criteria_of(result.seen) if not one.met}


def test_a_good_node_meets_all_criteria() -> None:
    """Every round is played, the evidence names them, and the node is left as it was."""
    node = FakeNode()
    result = playing.play(node, WORKLOAD, ROUNDS, print)

    assert result.passed
    assert result.seen.created == 1 + 3 + 3 * (ROUNDS + 1)
    assert result.seen.completed == 3
    assert f"{ROUNDS} rounds" in result.seen.scope
    assert node.closed == 1
    assert node.residents() == ()


def _overlap(node: FakeNode) -> None:
    node.misplaced["default/race-2/c"] = "0-7"


def _log_a_loss(node: FakeNode) -> None:
    assert node.lines is not None
    node.lines.append("WARNING: Not connected, trying again: closed")


def _crash(node: FakeNode) -> None:
    assert node.lines is not None
    node.lines.append("ERROR: Traceback (most recent call last)")


def _refuse(node: FakeNode) -> None:
    node.refusals = ["default/race-1: refused"]


def _do_not_complete(node: FakeNode) -> None:
    node.problems = ["default/a still runs"]


def _log_nothing(node: FakeNode) -> None:
    node.lines = None


@pytest.mark.parametrize(
    ("goes_wrong", "expected"),
    [
        (_log_a_loss, {"Plugin stability"}),
        (_crash, {"Error resilience", "Log evidence"}),
        (_refuse, {"Container handling"}),
        (_do_not_complete, {"Container handling"}),
        (_log_nothing, {"Graceful removal", "Error resilience", "Log evidence"}),
    ],
)
def test_what_goes_wrong_fails_its_criteria(
    goes_wrong: Callable[[FakeNode], None], expected: set[str]
) -> None:
    """Each fault fails the criteria that it concerns, and no other one."""
    node = FakeNode()
    goes_wrong(node)

    assert expected == unmet(node)


def test_cpus_that_stay_wrong_after_a_round_are_told() -> None:
    """The look after a round names the container and what it has."""
    node = FakeNode()
    node.on_replace = lambda: _overlap(node)  # type: ignore[method-assign]  # a hook

    seen = playing.play(node, WORKLOAD, ROUNDS, print).seen

    assert any("default/race-2/c" in one for one in seen.unmet)


def test_refusals_are_right_where_old_and_new_have_no_room() -> None:
    """Where the old pod must give its cpus to the new one, the new one may have to wait."""
    node = FakeNode()
    node.refusals = ["default/race-1: refused"]

    result = playing.play(
        node, Workload(WORKLOAD.completing, (integer("race-1", 5),)), ROUNDS, print
    )

    assert result.seen.refused == 0
    assert any(f"{ROUNDS} attempts had to wait" in figure for _, figure in result.measured)


def test_a_node_that_fails_in_the_middle_is_judged_by_what_was_seen() -> None:
    """A pod that does not run again is a failed look, and everything is removed."""
    node = FakeNode()

    def fail() -> None:
        raise NodeFailed("default/race-1", "never runs")

    node.on_replace = fail  # type: ignore[method-assign]  # a hook

    assert "Container handling" in unmet(node)
    assert node.closed == 1


def test_a_node_without_an_agent_is_told_at_once() -> None:
    """There is nothing to test; no pod is made."""
    node = FakeNode()
    node.state = AgentState("")

    with pytest.raises(NodeFailed, match="no agent"):
        playing.play(node, WORKLOAD, ROUNDS, print)
    assert node.closed == 1


def test_pods_that_do_not_fit_are_told_before_they_are_made() -> None:
    """The test's own pods name cpus 15 and 16; a smaller node cannot have them."""
    node = FakeNode()

    with pytest.raises(WrongOptions, match="default/a names cpus"):
        playing.play(node, Workload((annotated("a", "15-16", 1.0),), ()), ROUNDS, print)
    assert node.closed == 1


def test_an_interrupted_test_removes_its_pods() -> None:
    """Whatever ends the test, the node is left as it was."""
    node = FakeNode()

    def interrupt() -> None:
        raise Interrupted(2)

    node.on_replace = interrupt  # type: ignore[method-assign]  # a hook

    with pytest.raises(Interrupted):
        playing.play(node, WORKLOAD, ROUNDS, print)
    assert node.closed == 1
    assert node.residents() == ()
