"""Several simulations as one: the same scenario with one seed after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import msgspec

from nodesim.actions import Scenario
from nodesim.report import Report
from nodesim.shrink import shrink
from nodesim.simulation import Simulation
from nodesim.stage import Stage
from weka_cpuset import settings

SHRINK_EVENTS = 500_000
"""A failing scenario is shortened by trying shorter ones; about so many events in all. They
are counted instead of seconds, so that the result is the same on every computer."""

SHRINK_RUNS_MIN = 50
SHRINK_RUNS_MAX = 500
"""At least, and at most, so many shorter scenarios are tried."""


@dataclass(frozen=True, slots=True)
class Round:
    """One simulation of several.

    Attributes:
        scenario: What is simulated.
        seed: The seed that its random parts were drawn from; None: it has none.
    """

    scenario: Scenario
    seed: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of all rounds.

    Attributes:
        reports: The reports, in order; at least one.
        failing: What the first round that did not pass did, random faults included; None:
            all passed.
    """

    reports: tuple[Report, ...]
    failing: Scenario | None = None

    @property
    def passed(self) -> bool:
        """Whether all rounds passed."""
        return all(report.passed for report in self.reports)

    @property
    def failed(self) -> tuple[Report, ...]:
        """The rounds that did not pass."""
        return tuple(report for report in self.reports if not report.passed)

    def total(self, of: Callable[[Report], float]) -> float:
        """Return the sum of a figure over all rounds."""
        return sum(map(of, self.reports))

    def to_json(self, **more: object) -> bytes:
        """Return one JSON object, byte for byte repeatable.

        Args:
            more: What else is to be in it, by name.
        """
        document = {
            "passed": self.passed,
            "rounds": [msgspec.Raw(report.to_json()) for report in self.reports],
        }
        return msgspec.json.encode(document | more, order="deterministic")


def play(rounds: Iterable[Round], stage: Stage, *, keep_log: bool = False) -> Outcome:
    """Simulate all rounds.

    Args:
        rounds: The rounds; at least one.
        stage: Who watches.
        keep_log: Whether the reports have the agent's log.

    Returns:
        What came out.

    Raises:
        UnknownMachine: There is no such machine.
        UnknownRuntime: There is no such runtime.
        SettingsError: A scenario's settings are not allowed.
    """
    reports = []
    failing = None
    for one in rounds:
        simulation = Simulation(one.scenario, watch=stage, keep_log=keep_log)
        reserved = settings.load(None, {}, dict(one.scenario.settings)).cpus.reserved
        stage.begin(simulation.host, reserved)
        reports.append(replace(simulation.run(), seed=one.seed))
        if failing is None and not reports[-1].passed:
            failing = one.scenario
    return Outcome(tuple(reports), failing)


def shorten(outcome: Outcome) -> Scenario | None:
    """Return a short scenario that fails as the first failing round did; None: all passed.

    Args:
        outcome: What came out.
    """
    if outcome.failing is None:
        return None
    report = outcome.failed[0]
    sign = _signs_of(report)[0]
    budget = min(SHRINK_RUNS_MAX, max(SHRINK_RUNS_MIN, SHRINK_EVENTS // (report.events + 1)))
    return shrink(
        outcome.failing, lambda one: sign in _signs_of(Simulation(one).run()), budget_runs=budget
    )


def _signs_of(report: Report) -> list[str]:
    """Tell what failed, so that a shorter scenario can be seen to fail in the same way."""
    return [
        *(f"rule {one.rule}" for one in report.violations),
        *(f"{one.text}: {one.found}" for one in report.expectations if not one.met),
    ]
