"""What the agent is put through: short scenes for one rule each, and storms for all at once."""

from collections.abc import Iterator
from dataclasses import replace

from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Fault,
    FaultKind,
    Offline,
    Online,
    Resize,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
)
from nodesim.storm import storm
from nodesim.workload import ContainerSpec, PodSpec, Resources, RestartPolicy
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    FORBID_ANNOTATION,
    NUMA_ANNOTATION,
    SMT_ANNOTATION,
    CpuSet,
)

MIB = 1 << 20
BIG = "2x8-smt2"
SMALL = "1x4"

SHARED = Resources(cpu_request_m=100, memory_request=32 * MIB)

STORM_EVENTS = 150
"""About how many events a storm has. Many short ones meet more kinds of chance than one long."""

SEEDS = range(12)
"""The seeds of storms, for each machine and kind."""


def whole(cpus: int) -> Resources:
    """Return the resources of a Guaranteed container with whole cpus."""
    return Resources(1000 * cpus, 1000 * cpus, 64 * MIB, 64 * MIB)


def pod(
    name: str,
    resources: Resources,
    *,
    life_s: float | None = None,
    deaf: bool = False,
    **notes: str,
) -> PodSpec:
    """Return a pod of one container named c.

    Args:
        name: Its name.
        resources: What the container asks for.
        life_s: When it ends by itself, in seconds; then it is not started again.
        deaf: Whether it goes on until it is killed.
        notes: The cpus that it names (`cores`) or forbids (`forbid`), and how its cpus are to
            lie (`smt`, `numa`).
    """
    keys = {
        "cores": CORES_ANNOTATION,
        "forbid": FORBID_ANNOTATION,
        "smt": SMT_ANNOTATION,
        "numa": NUMA_ANNOTATION,
    }
    return PodSpec(
        name,
        (ContainerSpec("c", resources, life_s=life_s, heeds_term=not deaf),),
        annotations={keys[key]: value for key, value in notes.items()},
        restart_policy=RestartPolicy.ALWAYS if life_s is None else RestartPolicy.NEVER,
    )


def apply(*pods: PodSpec) -> tuple[Action, ...]:
    """Create pods and let them start."""
    return Apply(pods), Wait(2.0)


CROWD = apply(*(pod(f"web-{number}", SHARED) for number in range(6)))
"""Shared pods that are there before anything else."""

SCENES: dict[str, Scenario] = {
    "owners come": Scenario(
        BIG,
        (*CROWD, *apply(pod("a", whole(3))), *apply(pod("b", SHARED, cores="8-9,24-25"))),
    ),
    "a named cpu is taken": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(1), forbid="16-30"), pod("b", whole(4)), pod("c", whole(4))),
            *apply(pod("named", SHARED, cores="1-15")),
        ),
    ),
    "a node becomes too small": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(10), numa="strict"), pod("b", whole(6), smt="full-cores")),
            *apply(pod("named", SHARED, cores="0-7")),
        ),
    ),
    "resize": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(2))),
            Resize("default/a/c", whole(6)),
            Wait(5.0),
            Resize("default/a/c", whole(1)),
            Wait(5.0),
        ),
    ),
    "the pool is small": Scenario(
        SMALL,
        (
            *apply(pod("web", SHARED, forbid="0-1")),
            *apply(pod("a", whole(1)), pod("b", whole(1)), pod("c", whole(1)), pod("d", whole(1))),
        ),
    ),
    "cpus are reserved": Scenario(
        SMALL,
        (
            *apply(pod("web", SHARED)),
            *apply(pod("a", whole(2)), pod("b", whole(1)), pod("c", whole(1))),
        ),
        settings=(("cpus.min_shared", "2"), ("cpus.reserved", "2")),
    ),
    "pods complete": Scenario(
        BIG,
        (*CROWD, *apply(pod("a", whole(4), life_s=1.0)), Wait(20.0)),
    ),
    "a completed pod is deleted late": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(4), life_s=1.0)),
            *apply(pod("b", whole(4))),
            Delete(("default/a",)),
            Wait(20.0),
        ),
    ),
    "a start is told late": Scenario(
        BIG,
        (
            *CROWD,
            Break(Fault(FaultKind.SWAP, "POST_START_CONTAINER")),
            *apply(pod("a", whole(4), life_s=0.0)),
            Wait(20.0),
        ),
    ),
    "cpus go offline": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(4)), pod("b", whole(4))),
            Offline(CpuSet.parse("1-4,17-20")),
            Wait(20.0),
        ),
    ),
    "cpus come back": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(4)), pod("b", whole(4))),
            Offline(CpuSet.parse("1-4,17-20")),
            Wait(20.0),
            Online(CpuSet.parse("1-4,17-20")),
            Wait(20.0),
        ),
    ),
    "the agent starts again": Scenario(
        BIG,
        (
            *apply(
                pod("web", SHARED, forbid="4-7"),
                pod("a", whole(2), forbid="0-3"),
                pod("b", SHARED, cores="8-9"),
            ),
            RestartAgent(away_s=1.0),
            Wait(5.0),
            *apply(pod("c", whole(8))),
            Delete(("default/c",)),
            Wait(20.0),
        ),
    ),
    "pods end while the agent is away": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(4))),
            Break(Fault(FaultKind.CUT_BEFORE, "STOP_CONTAINER")),
            Delete(("default/a",), grace_s=0.0, force=True),
            Wait(20.0),
        ),
    ),
    "the runtime forgets the agent": Scenario(
        SMALL,
        (
            *CROWD,
            Break(Fault(FaultKind.DELAY, "SYNCHRONIZE")),
            RestartAgent(),
            Wait(10.0),
            *apply(pod("a", whole(2))),
            Wait(5.0),
        ),
        runtime="containerd-1.7",
    ),
    "a container ends while the agent connects": Scenario(
        BIG,
        (
            *apply(pod("a", whole(1), life_s=4.0), pod("b", SHARED, deaf=True)),
            RestartRuntime(0.2),
            Delete(("default/b",), grace_s=5.0),
            Wait(1.0),
            Resize("default/a/c", whole(2)),
            Wait(8.0),
        ),
        runtime="containerd-2.3",
    ),
    "updates fail": Scenario(
        BIG,
        (
            *CROWD,
            Break(Fault(FaultKind.LOSE_UPDATE, count=2)),
            Break(Fault(FaultKind.FAIL_WRITE, count=2)),
            *apply(pod("a", whole(4))),
            Wait(20.0),
            Delete(("default/a",), force=True),
            Wait(20.0),
        ),
    ),
    "the runtime is busy": Scenario(
        BIG,
        (
            *CROWD,
            *apply(*(pod(f"off-{number}", SHARED, forbid="8-23") for number in range(6))),
            *apply(*(pod(f"more-{number}", SHARED) for number in range(6))),
            *apply(pod("a", whole(2), forbid="8-23")),
            # The cpus are free for all; the pods that come take only some of the shared ones along.
            Delete(("default/a",), force=True),
            *apply(*(pod(f"named-{cpu}", SHARED, cores=str(cpu)) for cpu in range(8, 24))),
            Wait(20.0),
        ),
        runtime="containerd-2.3",
    ),
    "a pod comes again before its old self has ended": Scenario(
        BIG,
        (
            *CROWD,
            *apply(pod("a", whole(2), deaf=True)),
            Delete(("default/a",), grace_s=2.0, force=True),
            *apply(pod("a", whole(2))),
            Wait(20.0),
        ),
    ),
    "annotations are absurd": Scenario(
        SMALL,
        apply(pod("a", SHARED, cores="0-4000000000"), pod("b", whole(1), cores="3-1")),
    ),
    "a burst of pods": Scenario(
        BIG,
        (*CROWD, *apply(*(pod(f"a-{number}", whole(1)) for number in range(8))), Wait(20.0)),
    ),
}
"""Short scenes; each has what one kind of bug needs to show itself."""


def scenes() -> Iterator[tuple[str, Scenario]]:
    """Yield all scenes and storms by name: each with its pods left alive, and deleted.

    What is wrong at rest shows only while pods live, and what leaked only when all are gone.
    """
    for name, scene in SCENES.items():
        yield name, scene
        yield f"{name}, all are deleted", replace(scene, actions=(*scene.actions, Delete(("*",))))
    for seed in SEEDS:
        for machine in (BIG, SMALL):
            for faults in (False, True):
                drawn = storm(machine, seed, STORM_EVENTS, faults=faults)
                kind = "storm with faults" if faults else "storm"
                yield f"{kind} {seed} on {machine}", drawn
                # The last action of a storm deletes all pods.
                yield (
                    f"{kind} {seed} on {machine}, pods stay",
                    replace(drawn, actions=drawn.actions[:-1]),
                )
