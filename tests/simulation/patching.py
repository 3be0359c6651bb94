"""Replaces parts of the agent by broken ones while it runs, without touching its files."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from weka_cpuset import questions
from weka_cpuset.engine import (
    CpusetUpdate,
    Decision,
    Event,
    Ledger,
    PodFacts,
    Rebuilt,
    Rules,
    Topology,
)

Updates = tuple[CpusetUpdate, ...]

Bug = Callable[[], AbstractContextManager[None]]
"""Puts a bug into the agent for the length of a `with` block."""


class Mutations(dict[str, Bug]):
    """Deliberate bugs by name, in the order in which they were added."""

    def add(self, bug: Bug) -> Bug:
        """Add a deliberate bug; to be used as a decorator."""
        self[bug.__name__.replace("_", "-")] = bug
        return bug


class Deliberate(Exception):
    """What a bug raises on purpose; whatever else it raises is a bug of the test."""


class TargetGone(Exception):
    """What a mutation breaks is not there any more: the mutation must follow the code.

    Attributes:
        owner: The module or class.
        name: What it has not.
    """

    def __init__(self, owner: object, name: str) -> None:
        super().__init__(owner, name)
        self.owner = owner
        self.name = name

    def __str__(self) -> str:
        where = getattr(self.owner, "__qualname__", getattr(self.owner, "__name__", self.owner))
        return f"{where} has no {self.name!r} to break"


@contextlib.contextmanager
def replaced(owner: object, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Replace an attribute of a module or class for the length of a `with` block.

    Args:
        owner: The module or class that has it itself; inherited ones do not count.
        name: The attribute's name.
        make: Makes the broken version of the right one.

    Raises:
        TargetGone: There is no such attribute.
    """
    if name not in vars(owner):
        raise TargetGone(owner, name)
    right = vars(owner)[name]
    setattr(owner, name, make(right))
    try:
        yield
    finally:
        setattr(owner, name, right)


def changed_decisions(
    change: Callable[[Ledger, Event, Decision], Decision],
) -> AbstractContextManager[None]:
    """Change what the engine decides.

    Args:
        change: Is given the ledger before, the event and the right decision.
    """

    def make(decide: Callable[..., Decision]) -> Callable[..., Decision]:
        def broken(ledger: Ledger, event: Event, *others: Any) -> Decision:
            return change(ledger, event, decide(ledger, event, *others))

        return broken

    return replaced(questions, "decide", make)


def changed_events(
    change: Callable[[Ledger, Event], Event | None],
) -> AbstractContextManager[None]:
    """Change what the engine is told.

    Args:
        change: Is given the ledger and the event; returns the event to decide on instead.
    """

    def make(decide: Callable[..., Decision]) -> Callable[..., Decision]:
        def broken(ledger: Ledger, event: Event, *others: Any) -> Decision:
            other = change(ledger, event)
            return decide(ledger, event if other is None else other, *others)

        return broken

    return replaced(questions, "decide", make)


def changed_updates(change: Callable[[Updates], Updates]) -> AbstractContextManager[None]:
    """Change the updates that leave the engine; its ledger does not know of it.

    Args:
        change: Is given the right updates, in the right order.
    """
    return changed_decisions(
        lambda _ledger, _event, right: replace(right, updates=change(right.updates))
    )


def reported_without(annotation: str) -> AbstractContextManager[None]:
    """Do not see an annotation where the ledger is rebuilt.

    Args:
        annotation: The annotation's key.
    """

    def without(pod: PodFacts) -> PodFacts:
        rest = {key: value for key, value in pod.annotations.items() if key != annotation}
        return replace(pod, annotations=rest)

    def make(rebuild: Callable[..., Rebuilt]) -> Callable[..., Rebuilt]:
        def broken(
            topology: Topology, rules: Rules, pods: Iterable[PodFacts], *others: Any, **named: Any
        ) -> Rebuilt:
            return rebuild(topology, rules, [without(pod) for pod in pods], *others, **named)

        return broken

    return replaced(questions, "rebuild", make)
