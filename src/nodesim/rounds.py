"""Several simulations as one: the same scenario with one seed after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from nodesim.actions import Scenario
from nodesim.report import Entry, Report
from nodesim.simulation import Simulation
from nodesim.stage import Stage
from weka_cpuset import settings


@dataclass(frozen=True, slots=True)
class Round:
    """One simulation of several.

    Attributes:
        scenario: What is simulated.
        seed: The seed of its random faults; None: there are none.
    """

    scenario: Scenario
    seed: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reports of all rounds.

    Attributes:
        reports: The reports, in order; at least one.
    """

    reports: tuple[Report, ...]

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

    def to_json(self, timeline: Iterable[Entry] | None = None, saved: str | None = None) -> bytes:
        """Return one JSON object, byte for byte repeatable.

        Args:
            timeline: The entries to put in; None: none are wanted.
            saved: The file that a failing scenario was written to, if one was.
        """
        document: dict[str, object] = {
            "passed": self.passed,
            "rounds": [msgspec.Raw(report.to_json()) for report in self.reports],
        }
        if timeline is not None:
            document["timeline"] = list(timeline)
        if saved is not None:
            document["saved"] = saved
        return msgspec.json.encode(document, order="deterministic")


def play(rounds: Iterable[Round], stage: Stage | None, *, keep_log: bool = False) -> Outcome:
    """Simulate all rounds.

    Args:
        rounds: The rounds; at least one.
        stage: Who watches; None: nobody, which is faster.
        keep_log: Whether the reports have the agent's log.

    Returns:
        What came out.

    Raises:
        UnknownMachine: There is no such machine.
        UnknownRuntime: There is no such runtime.
        SettingsError: A scenario's settings are not allowed.
    """
    reports = []
    for one in rounds:
        simulation = Simulation(one.scenario, seed=one.seed, watch=stage, keep_log=keep_log)
        if stage is not None:
            reserved = settings.load(None, {}, dict(one.scenario.settings)).cpus.reserved
            stage.begin(simulation, reserved)
        reports.append(simulation.run())
    return Outcome(tuple(reports))
