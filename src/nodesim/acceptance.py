"""The operators' acceptance test, as phases of one simulation.

The test was written for a cluster, against an agent that ended whenever several pods were
deleted by force at the same time. Its pods are files of their own (`examples/seed`); its
steps and its success criteria are here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

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
from nodesim.report import Entry, EntryKind, Report
from nodesim.workload import PodSpec

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


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the test's success criteria.

    Attributes:
        title: What is asked for.
        met: Whether it is so.
        evidence: What was seen.
    """

    title: str
    met: bool
    evidence: str


def criteria_of(
    report: Report, timeline: Iterable[Entry], shared: Iterable[str]
) -> tuple[Criterion, ...]:
    """Judge the test by its own six success criteria.

    Args:
        report: The simulation's report, with the agent's log.
        timeline: All entries of the simulation.
        shared: The labels of the shared containers.
    """
    labels = set(shared)
    entries = tuple(timeline)
    broken = sum(entry.kind is EntryKind.FAULT for entry in entries)
    changed = [
        entry
        for entry in entries
        if entry.kind is EntryKind.CHANGE and entry.subject in labels and " -> " in entry.text
    ]
    unmet = sum(not one.met for one in report.expectations)
    removed = _count(report.log, "Removing container")
    released = _count(report.log, "container removal")
    warnings = _count(report.log, "WARNING") + _count(report.log, "ERROR")
    crashes = _count(report.log, "Traceback")
    return (
        Criterion(
            "Plugin stability",
            report.agent_restarts == 0 and report.reconnects == 0,
            f"{_times(report.agent_restarts, 'restart')} and "
            f"{_times(report.reconnects, 'lost connection')} in "
            f"{report.events:,} events",
        ),
        Criterion(
            "Container handling",
            not unmet and not report.pods_refused,
            f"{report.pods_created} pods created, {report.pods_refused} refused, "
            f"{report.pods_completed} ran to their own end; {len(report.expectations) - unmet} of "
            f"{len(report.expectations)} looks at pods and cpus as expected",
        ),
        Criterion(
            "Graceful removal",
            not report.violations and removed >= report.pods_created,
            f"{removed} containers removed, rules of placement "
            f"broken {_times(len(report.violations), 'time')}",
        ),
        Criterion(
            "Error resilience",
            bool(broken and warnings) and not crashes and report.agent_restarts == 0,
            f"{_times(broken, 'update')} of a container made to fail on purpose; "
            f"{_times(warnings, 'warning')} in the log, and the agent went on",
        ),
        Criterion(
            "Shared pool updates",
            bool(changed),
            f"{_times(len(changed), 'change')} of shared containers while they ran, such as "
            f"{changed[0].subject}: {changed[0].text}"
            if changed
            else "none",
        ),
        Criterion(
            "Log evidence",
            bool(removed and released) and not crashes,
            f"{removed} lines with `Removing container`, {released} with `container removal`, "
            f"{crashes} with a crash",
        ),
    )


def _count(lines: Iterable[str], text: str) -> int:
    return sum(text in line for line in lines)


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
