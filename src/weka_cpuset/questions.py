"""Everything the engine can be asked, as values; the ledger changes in no other way.

The keeper of the ledger asks through here and so does a replay, so what the one can ask the other
can repeat.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, assert_never, overload

from weka_cpuset.engine import (
    CpuSet,
    Decision,
    Event,
    Ledger,
    PodFacts,
    Rebuilt,
    Reported,
    Topology,
    decide,
    rebuild,
    rehome,
    reread,
)


class Happened(NamedTuple):
    """Decide on one event.

    Attributes:
        event: The event.
        limit: How many updates that only let containers grow may go with the reply.
    """

    event: Event
    limit: int | None = None


class Report(NamedTuple):
    """Make the ledger anew from what a runtime reports.

    Attributes:
        topology: The machine as it is now.
        pods: The pods.
        containers: The containers.
        read_next: Whether what the kernel enforces will be read next.
    """

    topology: Topology
    pods: Sequence[PodFacts]
    containers: Sequence[Reported]
    read_next: bool = False


class Machine(NamedTuple):
    """Make the ledger fit a machine with other cpus online.

    Attributes:
        topology: The machine as it is now.
    """

    topology: Topology


class Enforced(NamedTuple):
    """Make the ledger fit what the kernel was found to enforce.

    Attributes:
        cpus: The cpus of running containers.
    """

    cpus: Mapping[str, CpuSet]


Question = Happened | Report | Machine | Enforced


@overload
def ask(ledger: Ledger, question: Happened) -> Decision: ...
@overload
def ask(ledger: Ledger, question: Report | Machine | Enforced) -> Rebuilt: ...
@overload
def ask(ledger: Ledger, question: Question) -> Decision | Rebuilt: ...
def ask(ledger: Ledger, question: Question) -> Decision | Rebuilt:
    """Return the engine's answer.

    Args:
        ledger: The ledger before.
        question: The question.

    Returns:
        The answer, which has the ledger after it.
    """
    match question:
        case Happened(event, limit):
            return decide(ledger, event, limit)
        case Report(topology, pods, containers, read_next):
            return rebuild(topology, ledger.rules, pods, containers, read_next=read_next)
        case Machine(topology):
            return rehome(ledger, topology)
        case Enforced(cpus):
            return reread(ledger, cpus)
        case _ as never:
            assert_never(never)
