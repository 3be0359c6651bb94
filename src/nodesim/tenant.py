"""A live container as the checker sees it: what it must get, and what the kernel enforces."""

import math
from dataclasses import dataclass
from typing import Protocol

from weka_cpuset.engine import AnnotatedDemand, CpuSet, Demand, IntegerDemand, SharedDemand


@dataclass(slots=True, eq=False)
class Tenant:
    """A live container.

    Attributes:
        id: Its id.
        label: Its name for people.
        demand: What it must get; None: it should have been refused, and shares.
        cpus: The cpus that the kernel enforces, as a mask.
        mems: The memory nodes that the kernel enforces.
        excused_until_s: It need not be right before; infinite while the agent is away.
        misplaced: Whether there may be no place for it: it came while the agent could not
            say no, or cpus went offline. Then it may share instead.
        shared: Whether, when last looked at, the agent had no place for it.
        astray: Whether the kernel may still enforce something else than the agent wanted.
        incomplete: Whether it was found with other cpus than its own, and was given time.
        resized_from: The cpus that it owned when it asked for something else, until it owns
            what it asked for; None: it has not.
        told: Whether it was reported wrong already.
    """

    id: str
    label: str
    demand: Demand | None
    cpus: int
    mems: CpuSet
    excused_until_s: float = -math.inf
    misplaced: bool = False
    shared: bool = False
    astray: bool = False
    incomplete: bool = False
    resized_from: int | None = None
    told: bool = False

    @property
    def forbidden(self) -> int:
        """The cpus it must keep off."""
        match self.demand:
            case IntegerDemand(_, forbidden) | SharedDemand(forbidden):
                return forbidden.mask
            case _:
                return 0

    @property
    def owned(self) -> int:
        """The cpus that are its own: what it asked for, if that is what it has."""
        match self.demand:
            case AnnotatedDemand(cpus) if cpus.mask == self.cpus:
                return self.cpus
            case IntegerDemand(count) if count == self.cpus.bit_count():
                return self.cpus
            case _:
                return 0


def both_annotated(one: Tenant, other: Tenant) -> bool:
    """Tell whether two containers may overlap: both name their cpus."""
    return isinstance(one.demand, AnnotatedDemand) and isinstance(other.demand, AnnotatedDemand)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A container that has just come.

    Attributes:
        id: Its id.
        label: Its name for people.
        demand: What it must get by its manifest; None: it had to be refused.
        cpus: The cpus that the kernel enforces.
        mems: The memory nodes that the kernel enforces.
    """

    id: str
    label: str
    demand: Demand | None
    cpus: CpuSet
    mems: CpuSet

    def tenant(self) -> Tenant:
        """Return it as the checker sees it from now on."""
        return Tenant(self.id, self.label, self.demand, self.cpus.mask, self.mems)


class Surroundings(Protocol):
    """What the checker looks at beside the containers."""

    @property
    def now_s(self) -> float:
        """The simulated time in seconds."""

    def memory_nodes(self, cpus: CpuSet) -> CpuSet:
        """Return the memory nodes that an annotated container with these cpus needs."""

    def limit_broken(self, demand: IntegerDemand, cpus: CpuSet) -> str:
        """Tell which limit that a container has asked for some cpus would break; empty: none."""

    def promised(self) -> CpuSet:
        """Return the cpus of owners that are created and do not run yet."""

    def shares(self, container_id: str) -> bool:
        """Tell whether the agent says that it found no place for an integer container."""
