"""What a simulation shows: entries of a timeline, the machine as it is, and a verdict.

Values only. Everything is in simulated seconds and in a fixed order, so that the same seed
on the same machine gives the same bytes.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class EntryKind(StrEnum):
    """What an entry of the timeline is about."""

    ACTION = "action"
    """A step of the scenario begins."""
    EVENT = "event"
    """The runtime told its plugins of something."""
    CHANGE = "change"
    """The kernel enforces other cpus for a container."""
    REFUSAL = "refusal"
    """The agent refused a container."""
    AGENT = "agent"
    """The agent connected, was cut off, ended or was started."""
    RUNTIME = "runtime"
    """The runtime ended, was started, or could not apply an update."""
    FAULT = "fault"
    """Something was broken on purpose."""
    EXPECT = "expect"
    """An expectation of the scenario was looked at."""
    VIOLATION = "violation"
    """A rule of placement is broken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline.

    Attributes:
        at_s: When, in simulated seconds since the start.
        kind: What it is about.
        subject: The container (`namespace/pod/container`), pod, cpu list or part it concerns.
        text: What happened, in words; for CHANGE the cpus as `before -> after`.
    """

    at_s: float
    kind: EntryKind
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """The result of one `expect` of a scenario.

    Attributes:
        at_s: When it was looked at, in simulated seconds.
        text: What was expected.
        met: Whether it was so.
        found: What was found instead; empty when it was met.
    """

    at_s: float
    text: str
    met: bool
    found: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of placement that was broken.

    Attributes:
        at_s: When, in simulated seconds.
        rule: Number of the rule (docs/reference/placement-rules); 0: something leaked.
        text: What is wrong, with containers and cpus.
    """

    at_s: float
    rule: int
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a simulation.

    Attributes:
        machine: The machine's name.
        runtime: Name and version of the simulated runtime.
        simulated_s: How long it took, in simulated seconds.
        events: How many lifecycle events the runtime had.
        delivered: How many of them went to the agent (it does not subscribe to all).
        updates: How many single updates of other containers the runtime applied.
        pods_created: How many pods were created.
        pods_refused: How many creations the agent refused.
        pods_completed: How many pods ran to their own end.
        agent_restarts: How often the agent's process ended and was started again.
        reconnects: How often the agent lost its connection and registered again.
        exposed_s: Container-seconds in which a fault, or an update lost in a start, left
            a container on cpus of an owner before the agent had put it right.
        seed: The seed that the scenario's random parts were drawn from; None: it has none.
        expectations: The scenario's expectations, in order.
        violations: The rules that were broken, in order; at most `VIOLATIONS_MAX`.
        log: What the agent logged, one line each, if it was kept.
    """

    machine: str
    runtime: str
    simulated_s: float
    events: int
    delivered: int
    updates: int
    pods_created: int
    pods_refused: int
    pods_completed: int
    agent_restarts: int
    reconnects: int
    exposed_s: float
    seed: int | None = None
    expectations: tuple[Expectation, ...] = ()
    violations: tuple[Violation, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no rule broke and every expectation was met."""
        return not self.violations and all(one.met for one in self.expectations)

    def to_json(self) -> bytes:
        """Return the report as one JSON object, without the log, byte for byte repeatable."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "log"}
        return msgspec.json.encode(fields | {"passed": self.passed}, order="deterministic")


VIOLATIONS_MAX = 20
"""How many broken rules a report keeps: the first ones tell, the rest repeat them."""
