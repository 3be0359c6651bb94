"""The rules of placement, judged on what a real kernel enforces.

The rules are those of the simulator's checker. It wants to be told of every change; of a real
kernel only looks are to be had, so each look is judged by a checker of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nodesim.checker import Checker
from nodesim.report import Violation
from nodesim.tenant import Newcomer
from nodestress.node import Resident
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import AnnotatedDemand, CpuSet, IntegerDemand, Rules

OVERLAP = 1
"""The number of the rule that an owned cpu is used by nobody else."""

Sight = Mapping[Resident, Enforced]
"""What the kernel enforces for the containers that run, all at one instant."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the rules are judged against.

    Attributes:
        usable: The cpus that the test's pods have among themselves.
        memory_nodes: Tells the memory nodes for cpus; None: they are not known.
    """

    usable: CpuSet
    memory_nodes: Callable[[CpuSet], CpuSet | None]


class _Around:
    """What the checker looks at beside the containers: here nothing is under way."""

    now_s = 0.0

    def __init__(self, ground: Ground, sight: Sight) -> None:
        self._ground = ground
        self._mems = {
            one.demand.cpus: found.mems
            for one, found in sight.items()
            if isinstance(one.demand, AnnotatedDemand)
        }

    def memory_nodes(self, cpus: CpuSet) -> CpuSet:
        found = self._ground.memory_nodes(cpus)
        return self._mems.get(cpus, CpuSet.EMPTY) if found is None else found

    def limit_broken(self, demand: IntegerDemand, cpus: CpuSet) -> str:  # noqa: ARG002
        return ""  # cores and nodes of the machine are not known here

    def promised(self) -> CpuSet:
        return CpuSet.EMPTY

    def shares(self, container_id: str) -> bool:  # noqa: ARG002  # nobody is misplaced here
        return False


def judge(sight: Sight, ground: Ground, *, at_rest: bool) -> tuple[Violation, ...]:
    """Judge what was seen at one instant.

    Args:
        sight: What the kernel enforces.
        ground: What it is judged against.
        at_rest: Whether nothing is under way, so that shared containers must have all that
            is left.

    Returns:
        The rules that are broken.
    """
    checker = Checker(ground.usable, Rules(), _Around(ground, sight))
    for one, found in sight.items():
        cpus = cpus_of(found)
        checker.created(Newcomer(one.id, one.label, one.demand, cpus, found.mems))
    if at_rest:
        checker.at_rest()
    return tuple(checker.violations)


def cpus_of(found: Enforced) -> CpuSet:
    """Return the cpus on which a container's tasks can run."""
    return found.effective if found.effective is not None else found.cpus
