"""What would happen if containers were created now: the policy itself, asked on the side.

A ledger is an immutable value, so nothing is changed by asking.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weka_cpuset.engine.decide import Decision, decide
from weka_cpuset.engine.demand import ContainerFacts, PodFacts
from weka_cpuset.engine.events import Create, Phase, Remove, Seen, Stop
from weka_cpuset.engine.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Planned:
    """A container that is to be created.

    Attributes:
        pod: Its pod.
        container: The container; its id must be that of no live one.
        first: Whether the rest of its pod waits for it, and is not created without it.
        ends: Whether it has ended when the next one of its pod is created.
    """

    pod: PodFacts
    container: ContainerFacts
    first: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a planned container.

    Attributes:
        planned: The container.
        before: The ledger that it was decided on.
        decision: The decision.
    """

    planned: Planned
    before: Ledger
    decision: Decision


def attempt(ledger: Ledger, planned: Sequence[Planned]) -> Iterator[Tried]:
    """Create containers one after the other, as a kubelet would.

    Args:
        ledger: The book that it begins with.
        planned: The containers, pod by pod.

    Yields:
        The decision on each one. Where one is refused that is the first of its pod, the others of
        that pod are left out.
    """
    given_up: set[str] = set()
    for one in planned:
        if one.pod.id in given_up:
            continue
        decision = decide(ledger, Create(one.pod, one.container))
        yield Tried(one, ledger, decision)
        if decision.refusal is not None:
            if one.first:
                given_up.add(one.pod.id)
            continue
        running = Seen(one.pod, one.container, Phase.RUNNING)
        ledger = decide(decision.ledger, running).ledger
        if one.ends:
            for event in (Stop(one.container.id), Remove(one.container.id)):
                ledger = decide(ledger, event).ledger
