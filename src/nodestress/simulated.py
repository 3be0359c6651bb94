"""The test on a simulated node: the real agent, and everything around it in one process."""

from nodesim import acceptance, machines
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
from nodesim.simulation import Simulation
from nodesim.stage import Recorder
from nodestress.figures import Result, answers_in
from nodestress.workload import Workload, check_fit

SETTLED_S = 5.0
"""So long after their creation the pods of a round are looked at, in simulated seconds. Those
of the round before them take up to 2 s to end, and what they leave is settled within 2 s."""


def play(workload: Workload, rounds: int, machine: str, runtime: str) -> Result:
    """Run the test on a simulated node.

    Args:
        workload: Its pods.
        rounds: How often the pods are deleted by force.
        machine: The machine's name.
        runtime: The simulated runtime's name.

    Returns:
        What was seen, and how the rounds went.

    Raises:
        UnknownMachine: There is no such machine.
        UnknownRuntime: There is no such runtime.
        WrongOptions: The machine cannot run the pods.
    """
    online = machines.find(machine).present
    check_fit(workload, online)
    watch = Recorder()
    scenario = Scenario(machine, actions_of(workload, rounds), runtime)
    report = Simulation(scenario, watch=watch, keep_log=True).run()
    shared = acceptance.shared_labels(workload.pods, online)
    seen = acceptance.evidence_of(report, watch.entries, shared)
    return Result(
        seen,
        (
            ("node", f"simulated: {report.machine}, {report.runtime}"),
            ("rounds", f"{rounds} in {report.simulated_s:.0f} simulated seconds"),
            ("overlap", f"{report.exposed_s:g} container-seconds on cpus of an owner"),
            ("answers", answers_in(report.log)),
        ),
    )


def actions_of(workload: Workload, rounds: int) -> tuple[Action, ...]:
    """Return what is done: natural ends, then forced deletions with immediate re-creation.

    Args:
        workload: The pods.
        rounds: How often the pods are deleted by force.
    """
    longest_s = max(one.life_s or 0.0 for pod in workload.completing for one in pod.containers)
    completing = tuple(pod.key for pod in workload.completing)
    deleted = tuple(pod.key for pod in workload.deleted)
    round_: tuple[Action, ...] = (
        Delete(deleted, grace_s=0.0, force=True),
        Apply(workload.deleted),
        Wait(SETTLED_S),
        *_expect(deleted, "Running"),
    )
    return (
        Apply(workload.completing),
        Wait(SETTLED_S),
        Break(Fault(FaultKind.FAIL_WRITE)),
        Wait(longest_s),
        *_expect(completing, "Completed"),
        Apply(workload.deleted),
        Wait(SETTLED_S),
        *_expect(deleted, "Running"),
        *round_ * rounds,
        Delete(("*",), grace_s=0.0, force=True),
        Wait(SETTLED_S),
        *_expect((*completing, *deleted), "Gone"),
    )


def _expect(keys: tuple[str, ...], phase: str) -> tuple[Expect, ...]:
    return tuple(Expect(Looked.PHASE, key, phase) for key in keys)
