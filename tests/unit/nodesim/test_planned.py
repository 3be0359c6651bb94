"""Pods of a manifest as the agent would be shown them."""

from nodesim.planned import planned_of
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources
from tests.machines import SERVER
from weka_cpuset.engine import IntegerDemand, Ledger, attempt
from weka_cpuset.engine.demand import classify

TWO = Resources(2000, 2000, 1 << 20, 1 << 20)
POD = PodSpec(
    "p",
    (
        ContainerSpec("fetch", TWO, ContainerKind.INIT),
        ContainerSpec("proxy", TWO, ContainerKind.SIDECAR),
        ContainerSpec("app", TWO),
    ),
)


def test_what_a_kubelet_waits_for_is_marked() -> None:
    """Init containers end before the rest comes; sidecars stay; both are needed by it."""
    marks = {one.container.name: (one.first, one.ends) for one in planned_of([POD])}
    assert marks == {"fetch": (True, True), "proxy": (True, False), "app": (False, False)}


def test_containers_look_as_a_runtime_shows_them() -> None:
    """The engine tells their class from the same numbers."""
    for one in planned_of([POD]):
        demand = classify(one.pod, one.container, SERVER).demand
        assert isinstance(demand, IntegerDemand)
        assert demand.count == 2


def test_ids_are_all_different() -> None:
    """Replicas of one pod are never taken for attempts of one another."""
    planned = list(planned_of([POD, POD]))
    assert len({one.container.id for one in planned}) == 6
    assert len({one.pod.uid for one in planned}) == 2
    tried = list(attempt(Ledger.empty(SERVER), planned))
    assert len(tried[-1].decision.ledger) == 4
