"""What would happen if containers were created now."""

from tests.machines import LAPTOP, container, ledger_of, pod
from weka_cpuset.engine import Ledger, Outcome, Planned, attempt

LEDGER = ledger_of(LAPTOP, (pod("busy", guaranteed=True), container("busy", 4)))


def _planned(name: str, whole: int, *, first: bool = False, ends: bool = False) -> Planned:
    return Planned(pod(name, guaranteed=True), container(name, whole), first, ends)


def test_each_container_is_decided_on_after_the_one_before() -> None:
    """Two containers never get the same cpus, and the ledger that one began with stays."""
    tried = list(attempt(LEDGER, [_planned("a", 2), _planned("b", 2)]))
    a, b = (one.decision.ledger.cpus_of(one.planned.container.id) for one in tried)
    assert a.isdisjoint(b)
    assert LEDGER.holding("a") is None
    assert tried[0].before is LEDGER
    for one in tried:
        one.decision.ledger.check()


def test_what_ends_serves_the_next_one() -> None:
    """An init container's cpus are free again for the next container."""
    tried = list(attempt(LEDGER, [_planned("a", 4, ends=True), _planned("b", 4)]))
    assert [one.decision.outcome for one in tried] == [Outcome.PLACED, Outcome.PLACED]


def test_without_its_first_container_a_pod_is_not_created() -> None:
    """Whatever waits for a container that is refused never comes; other pods do."""
    pod_of = pod("a", guaranteed=True)
    second = Planned(pod_of, container("a", 1, attempt=1))
    tried = list(attempt(LEDGER, [_planned("a", 5, first=True), second, _planned("b", 1)]))
    assert [one.planned.container.id for one in tried] == ["a", "b"]
    assert tried[0].decision.outcome is Outcome.REFUSED


def test_a_refused_container_does_not_keep_others_from_being_tried() -> None:
    """App containers are created each by itself."""
    tried = list(attempt(Ledger.empty(LAPTOP), [_planned("a", 9), _planned("b", 2)]))
    assert [one.decision.outcome for one in tried] == [Outcome.REFUSED, Outcome.PLACED]
