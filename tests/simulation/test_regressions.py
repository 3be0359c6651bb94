"""What storms have found in the agent, as short scenarios."""

import pytest

from nodesim.actions import (
    Apply,
    Break,
    Delete,
    Expect,
    Fault,
    FaultKind,
    Looked,
    Offline,
    Online,
    Resize,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
)
from nodesim.kernel import CgroupVersion
from nodesim.simulation import Simulation
from nodesim.workload import ContainerSpec, PodSpec, Resources, RestartPolicy
from weka_cpuset.engine import CORES_ANNOTATION, CpuSet
from weka_cpuset.settle.window import LOOK_S, StartWindow

MIB = 1 << 20


def test_shared_pod_has_its_cpus_back_when_they_return_after_a_restart() -> None:
    """What was urgent after a Synchronize went first, and growth was then forgotten."""
    owner = PodSpec("owner", (ContainerSpec("main", Resources(2000, 2000, MIB, MIB)),))
    shared = PodSpec("shared", (ContainerSpec("main", Resources(100, 0, MIB, 0)),))
    away = CpuSet.parse("2-5")
    actions = (
        Apply((owner, shared)),
        Wait(5.0),
        RestartAgent(3.0),
        Offline(away),
        Wait(1.0),
        Online(away),
    )
    assert Simulation(Scenario("laptop", actions)).run().violations == ()


def whole(cpus: int) -> Resources:
    """Return what a container of a Guaranteed pod asks for."""
    return Resources(1000 * cpus, 1000 * cpus, MIB, MIB)


def test_pod_gets_the_cpus_it_names_although_another_one_cannot_be_written() -> None:
    """One file that could not be written kept all that had come while the agent was away."""
    unpinned = ContainerSpec("main", Resources(100, 0, MIB, 0))
    named = PodSpec("named", (unpinned,), annotations={CORES_ANNOTATION: "5-6"})
    owner = PodSpec("owner", (ContainerSpec("main", whole(1)),))
    actions = (
        RestartAgent(5.0),
        Break(Fault(FaultKind.FAIL_WRITE, count=8)),
        Apply((owner, named)),
        Wait(15.0),
    )
    scenario = Scenario("laptop", actions, cgroup=CgroupVersion.V2)
    assert Simulation(scenario).run().violations == ()


def test_pod_whose_resize_was_not_answered_gets_its_own_cpus() -> None:
    """With the new limit of one container as large as its pod's, both were taken for sharing it."""
    pod = PodSpec("pod", (ContainerSpec("one", whole(1)), ContainerSpec("two", whole(2))))
    actions = (
        Apply((pod,)),
        Wait(2.0),
        Break(Fault(FaultKind.DELAY, "UPDATE_CONTAINER")),
        Resize("default/pod/two", whole(3)),
        Wait(20.0),
    )
    assert Simulation(Scenario("laptop", actions)).run().violations == ()


def test_pod_has_all_its_cpus_soon_although_another_one_failed_to_start() -> None:
    """One that was created and never started kept owners off cpus until somebody removed it."""
    shared = ContainerSpec("main", Resources(100, 0, MIB, 0))
    actions = (
        Break(Fault(FaultKind.FAIL_START)),
        Apply((PodSpec("broken", (shared,)),)),
        Wait(1.0),
        Apply((PodSpec("owner", (ContainerSpec("main", whole(5)),)),)),
        Wait(1.0),
        Offline(CpuSet.parse("2")),
        Wait(8.5),
    )
    scenario = Scenario("laptop", actions, cgroup=CgroupVersion.V2)
    assert Simulation(scenario).run().violations == ()


def test_resize_of_a_container_that_ended_while_the_agent_connects_leaks_no_cpus() -> None:
    """The update that waited until then showed it first, and nothing told of its end."""
    deaf = PodSpec("deaf", (ContainerSpec("main", Resources(), heeds_term=False),), grace_s=5.0)
    brief = ContainerSpec("main", whole(1), life_s=4.0)
    actions = (
        Apply((deaf, PodSpec("brief", (brief,), restart_policy=RestartPolicy.NEVER))),
        Wait(2.0),
        RestartRuntime(0.2),
        # The agent connects while this goes on, and the resize waits for both.
        Delete(("default/deaf",)),
        Wait(1.0),
        Resize("default/brief/main", whole(2)),
        Wait(10.0),
        Delete(("*",)),
    )
    scenario = Scenario("laptop", actions, runtime="containerd-2.3")
    assert Simulation(scenario).run().violations == ()


def test_pods_after_a_report_that_came_too_late_get_their_cpus() -> None:
    """The runtime kept the connection, and the agent waited for its call for ever."""
    actions = (
        Apply((PodSpec("shared", (ContainerSpec("main", Resources(100, 0, MIB, 0)),)),)),
        Wait(2.0),
        Break(Fault(FaultKind.DELAY, "SYNCHRONIZE")),
        RestartAgent(),
        Wait(600.0),
        Apply((PodSpec("owner", (ContainerSpec("main", whole(2)),)),)),
        Wait(6.0),
        Expect(Looked.CPU_COUNT, "default/owner/main", "2"),
        Delete(("*",)),
    )
    report = Simulation(Scenario("laptop", actions, runtime="containerd-1.7")).run()
    assert report.violations == ()
    assert report.passed
    assert report.reconnects == 1


def exposed_s() -> float:
    """Create ten pods within tenths of a second; return how long some were on an owner's cpus."""
    pauses = {"o-1": 0.02, "s-1": 0.02, "s-2": 0.02, "s-3": 0.01, "s-4": 0.0}
    pauses |= {"o-2": 0.005, "o-3": 0.0, "o-4": 0.02, "s-5": 0.02, "o-5": 5.0}
    actions: list[Apply | Wait] = []
    for name, pause_s in pauses.items():
        resources = whole(1) if name.startswith("o") else Resources(100, 0, MIB, 0)
        actions += [Apply((PodSpec(name, (ContainerSpec("main", resources),)),)), Wait(pause_s)]
    report = Simulation(Scenario("2x8-smt2", tuple(actions))).run()
    assert report.violations == ()
    return report.exposed_s


def test_pod_that_starts_while_others_are_created_does_not_run_on_their_cpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ran there from its first instruction until the runtime came to tell of its start."""
    assert exposed_s() <= LOOK_S
    monkeypatch.setattr(StartWindow, "watch", lambda _window: None)
    assert exposed_s() > LOOK_S
