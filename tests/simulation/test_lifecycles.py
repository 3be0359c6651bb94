"""Containers that end and come again, follow each other, and change what they ask for."""

from dataclasses import replace

from nodesim.actions import Action, Apply, Delete, Expect, Looked, Resize, Scenario, Wait
from nodesim.simulation import Simulation
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, RestartPolicy
from tests.simulation.scenes import SHARED, apply, pod, whole


def passes(machine: str, *actions: Action) -> bool:
    """Tell whether no rule is broken, and all is as expected."""
    verdict = Simulation(Scenario(machine, actions)).run()
    return not verdict.violations and all(one.met for one in verdict.expectations)


def test_restarted_container_gets_its_former_cpus() -> None:
    """Though better ones have become free, and shared containers run there meanwhile."""
    app = replace(pod("app", whole(2), life_s=6.0), restart_policy=RestartPolicy.ALWAYS)
    first, beside = pod("first", whole(2)), pod("beside", SHARED)
    assert passes(
        "laptop",
        *apply(beside, first, app),
        Expect(Looked.CPUS, "default/app/c", "2,6"),
        Delete(("default/first",), grace_s=0.0, force=True),
        Wait(16.0),
        Expect(Looked.CPUS, "default/app/c", "2,6"),
    )


def test_exited_init_container_makes_room_for_its_pods_next_container() -> None:
    """On a machine that has cpus for one of them only."""
    init = ContainerSpec("init", whole(3), ContainerKind.INIT, life_s=2.0)
    app = PodSpec("app", (init, ContainerSpec("main", whole(3))))
    assert passes(
        "1x4",
        *apply(pod("beside", SHARED), app),
        Wait(10.0),
        Expect(Looked.CPU_COUNT, "default/app/main", "3"),
        Expect(Looked.APART_FROM, "default/beside/c", "default/app/main"),
    )


def test_resized_container_keeps_its_cpus_both_ways() -> None:
    """It grows around them, shrinks to a part of them, and finds them again after the pool."""
    label = "default/app/c"
    assert passes(
        "laptop",
        Apply((pod("beside", SHARED), pod("app", whole(2)))),
        Wait(2.0),
        Expect(Looked.CPUS, label, "1,5"),
        Resize(label, whole(4)),
        Wait(3.0),
        Expect(Looked.CPU_COUNT, label, "4"),
        Resize(label, whole(3)),
        Wait(3.0),
        Expect(Looked.CPU_COUNT, label, "3"),
        Resize(label, replace(whole(2), cpu_request_m=1500, cpu_limit_m=1500)),
        Wait(3.0),
        Expect(Looked.CPUS, label, "default/beside/c"),
        Resize(label, whole(3)),
        Wait(3.0),
        Expect(Looked.CPU_COUNT, label, "3"),
        Expect(Looked.APART_FROM, label, "default/beside/c"),
    )
