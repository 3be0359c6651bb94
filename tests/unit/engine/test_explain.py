"""Explain: who has what, and why."""

from tests.machines import LAPTOP, container, ledger_of, pod
from weka_cpuset.engine import CpuSet, Doubt, Rules, Stop, decide, explain, explain_cpu

LEDGER = ledger_of(
    LAPTOP,
    (pod("shared", forbid="7"), container("shared")),
    (pod("integer", guaranteed=True), container("integer", 2)),
    (pod("named", cores="3"), container("named")),
    rules=Rules(reserved=CpuSet.of([0])),
)


def test_integer() -> None:
    """An integer container is explained with the cost of its cpus."""
    found = explain(LEDGER, "integer")
    assert found is not None
    assert found.placement is not None
    assert found.placement.cores_shared == 0
    assert "class:  integer, because its pod is Guaranteed" in found.render()
    assert "cores_shared 0" in found.render()


def test_shared_and_annotated() -> None:
    """Forbidden cpus and memory nodes are shown."""
    shared, named = explain(LEDGER, "shared"), explain(LEDGER, "named")
    assert shared is not None
    assert named is not None
    assert "never:  7" in shared.render()
    assert "memory: nodes 0" in named.render()
    assert named.placement is None


def test_update_due() -> None:
    """What is wanted and not yet told is shown."""
    later = decide(LEDGER, Stop("integer"), limit=0).ledger
    found = explain(later, "shared")
    assert found is not None
    assert "an update is due" in found.render()


def test_unknown_container() -> None:
    """Nothing is known of a container that is not live."""
    assert explain(LEDGER, "nobody") is None
    assert decide(LEDGER, Doubt(frozenset(["nobody"]))).ledger.settled


def test_cpus() -> None:
    """Each cpu is owned, in the pool, or not there."""
    assert [one.id for one in explain_cpu(LEDGER, 3).owners] == ["named"]
    assert "owned (annotated)" in explain_cpu(LEDGER, 3).render()
    assert [one.id for one in explain_cpu(LEDGER, 0).guests] == ["shared"]
    assert "in the pool (1 containers, reserved)" in explain_cpu(LEDGER, 0).render()
    assert explain_cpu(LEDGER, 7).guests == ()
    assert "offline" in explain_cpu(LEDGER, 8).render()
