"""The operators' acceptance test, as phases of one simulation.

The test was written for a cluster, against an agent that ended whenever several pods were
deleted by force at the same time. Its pods are files of their own (`examples/seed`); its
steps are here, its success criteria in `criteria`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from nodesim import kubernetes
from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Expect,
    Fault,
    FaultKind,
    Looked,
    Scenario,
    Wait,
)
from nodesim.criteria import Evidence
from nodesim.report import Entry, EntryKind, Report
from nodesim.workload import PodSpec
from weka_cpuset.engine import CpuSet, SharedDemand

MACHINE = "2x8-smt2"
"""32 cpus in two NUMA nodes; the test names cpus 15 and 16."""

ROUNDS = 50
"""How often the pods are deleted by force."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the test.

    Attributes:
        title: What is done.
        remark: What is to be seen afterwards, and why it is so.
        actions: What is done, exactly.
    """

    title: str
    remark: str
    actions: tuple[Action, ...]


def phases_of(crash: tuple[PodSpec, ...], race: tuple[PodSpec, ...]) -> tuple[Phase, ...]:
    """Return the phases of the test.

    Args:
        crash: The pods that run to their own end.
        race: The pods that are deleted by force.
    """
    crash_keys, race_keys = [pod.key for pod in crash], tuple(pod.key for pod in race)
    create: tuple[Action, ...] = (Apply(race), Wait(5.0), *_phases(race_keys, "Running"))
    # kubectl comes back at once; the runtime still ends the containers, all together.
    delete: tuple[Action, ...] = (
        Delete(race_keys, grace_s=0.0, force=True),
        Wait(13.0),
        *_phases(race_keys, "Gone"),
    )
    return (
        Phase(
            "An empty machine",
            "The agent has connected to the container runtime. No container runs, so all 32 "
            "cpus are in the pool.",
            (),
        ),
        Phase(
            "Four pods start",
            "crash-test-annotated names cpus 15 and 16 and has exactly these. The two integer "
            "pods ask for 1 and 2 whole cpus and have cpus of their own; two cpus are the two "
            "threads of one core. crash-test-shared runs on all the others: it made room "
            "before each owner came.",
            (
                Apply(crash),
                Wait(5.0),
                *_phases(crash_keys, "Running"),
                Expect(Looked.CPUS, "default/crash-test-annotated/test-container", "15-16"),
                Expect(Looked.POOL, "", "27"),
            ),
        ),
        Phase(
            "They run to their own end",
            "One after the other ended after 10, 12, 15 and 20 seconds, and its cpus went back "
            "to the pool. On purpose one change of crash-test-shared was made to fail in "
            "between: the agent wrote that to its log, and went on.",
            (
                Break(Fault(FaultKind.FAIL_WRITE)),
                Wait(25.0),
                *_phases(crash_keys, "Completed"),
                Expect(Looked.POOL, "", "32"),
            ),
        ),
        Phase(
            "Three more pods start",
            "One has a cpu of its own, two share the rest. They would run for 60 seconds.",
            create,
        ),
        Phase(
            "All three are deleted by force, at the same instant",
            "This is where the older agent ended. Here the pods are gone, the pool is whole, and "
            "the agent is the same as before.",
            delete,
        ),
        Phase(
            f"The same {ROUNDS - 1} times more",
            f"Created and deleted by force, {ROUNDS} times in all; then the completed pods are "
            "removed too. Nothing is left behind.",
            (
                *(*create, *delete) * (ROUNDS - 1),
                Delete(tuple(crash_keys)),
                Wait(5.0),
                *_phases(crash_keys, "Gone"),
            ),
        ),
    )


def _phases(keys: Iterable[str], phase: str) -> tuple[Expect, ...]:
    return tuple(Expect(Looked.PHASE, key, phase) for key in keys)


def scenario_of(phases: Iterable[Phase]) -> Scenario:
    """Return the phases as one simulation: one agent lives through all of them."""
    return Scenario(MACHINE, tuple(action for phase in phases for action in phase.actions))


def ends_of(phases: Iterable[Phase]) -> tuple[int, ...]:
    """Return for each phase how many actions have begun when it is over."""
    return tuple(accumulate(len(phase.actions) for phase in phases))


def evidence_of(report: Report, timeline: Iterable[Entry], shared: Iterable[str]) -> Evidence:
    """Gather what the test's success criteria are judged on.

    Args:
        report: The simulation's report, with the agent's log.
        timeline: All entries of the simulation.
        shared: The labels of the shared containers.
    """
    labels = set(shared)
    entries = tuple(timeline)
    return Evidence(
        scope=f"{report.events:,} events",
        restarts=report.agent_restarts,
        disconnects=report.reconnects,
        created=report.pods_created,
        refused=report.pods_refused,
        completed=report.pods_completed,
        looks=len(report.expectations),
        unmet=tuple(f"{one.text}: {one.found}" for one in report.expectations if not one.met),
        broken_rules=tuple(one.text for one in report.violations),
        failed_updates=sum(entry.kind is EntryKind.FAULT for entry in entries),
        changes=tuple(
            f"{entry.subject}: {entry.text}"
            for entry in entries
            if entry.kind is EntryKind.CHANGE and entry.subject in labels and " -> " in entry.text
        ),
        log=report.log,
    )


def shared_labels(pods: Iterable[PodSpec], online: CpuSet) -> list[str]:
    """Return the labels of the containers that are shared by their manifest.

    Args:
        pods: The pods.
        online: The cpus that are online.
    """
    return [
        f"{pod.key}/{container.name}"
        for pod in pods
        for container in pod.containers
        if isinstance(kubernetes.demand_of(pod, container, online), SharedDemand)
    ]
