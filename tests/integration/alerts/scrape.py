"""Scrapes the agent of a simulation as Prometheus would, and has promtool evaluate the rules.

So an alert is shown to fire by the series that an agent really has when the cause happens.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import yaml

from nodesim.actions import Scenario
from nodesim.report import Entry, Report
from nodesim.simulation import Simulation
from nri import connection
from tests.e2e.packages import PROMETHEUS, fetch
from weka_cpuset.metrics.text import family_of
from weka_cpuset.metrics.values import Queue, Sources, values_of

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yaml"

STEP_S = 15
"""How often Prometheus scrapes, in seconds."""

NAME = re.compile(r"\b(?:weka_cpuset_[a-z_]+|process_[a-z_]+|up)\b")

INSTANCE = {"instance": "node-1", "job": "weka-cpuset"}
"""What Prometheus adds to every series."""


class _SimulatedTime:
    """Stands for the module `time` where the times of answers are taken."""

    @staticmethod
    def perf_counter() -> float:
        """Return the simulated time, in seconds."""
        return asyncio.get_running_loop().time()


@dataclass
class Scraped:
    """Watches a simulation and keeps the series that the rules look at.

    Attributes:
        queues: The agent's queues, by name.
        each: Called with the simulation every `each_s` seconds, from `from_s` on.
        each_s: How often.
        from_s: From when on.
        series: The values of each series, one for each scrape; None: there was none.
        scrapes: How many scrapes there were.
    """

    queues: Mapping[str, Queue] = field(default_factory=dict)
    each: Callable[[Simulation], None] = lambda _: None
    each_s: float = 5.0
    from_s: float = 600.0
    series: dict[str, list[float | None]] = field(default_factory=dict)
    scrapes: int = 0
    _simulation: Simulation | None = None
    _names: set[str] = field(default_factory=lambda: names_in_rules())

    def play(self, scenario: Scenario) -> Report:
        """Run a scenario to its end."""
        self._simulation = Simulation(scenario, watch=self)
        # How busy the machine is that runs this test must not be seen in the agent's answers.
        with mock.patch.object(connection, "time", _SimulatedTime):
            return self._simulation.run()

    def entry(self, entry: Entry) -> None:
        """Do nothing: nobody reads the timeline."""

    def progress(self, done: int, total: int) -> None:
        """Begin with the first action."""
        del done, total
        if not self.scrapes:
            self._scrape()
            asyncio.get_running_loop().call_later(self.from_s, self._each)

    def _each(self) -> None:
        if self._simulation is not None:
            self.each(self._simulation)
        asyncio.get_running_loop().call_later(self.each_s, self._each)

    def _scrape(self) -> None:
        asyncio.get_running_loop().call_later(STEP_S, self._scrape)
        now = self._now()
        for name in self.series.keys() | now.keys():
            values = self.series.setdefault(name, [None] * self.scrapes)
            values.append(now.get(name))
        self.scrapes += 1

    def _now(self) -> dict[str, float]:
        """Return the values of all series that the rules look at."""
        agent = None if self._simulation is None else self._simulation.host.agent.agent
        if agent is None:
            return {_series("up", {}): 0.0}
        sources = Sources(agent, self.queues, lambda: 0, lambda: 0)
        names = self._names
        samples = (
            sample
            for metric, values in values_of(sources)
            if metric.name in names
            for sample in family_of((metric, values)).samples
        )
        return {_series("up", {}): 1.0} | {
            _series(one.name, one.labels): one.value for one in samples
        }


def rules() -> list[dict[str, object]]:
    """Return the rules."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, object]] = group["rules"]
    return found


def names_in_rules() -> set[str]:
    """Return the names of the metrics that the rules look at."""
    return {name for rule in rules() for name in NAME.findall(str(rule["expr"]))}


def fired(scraped: Scraped, folder: Path) -> set[str]:
    """Return the alerts that fired at any time, by promtool.

    Args:
        scraped: The series.
        folder: Where to write promtool's file.
    """
    end_s = scraped.scrapes * STEP_S
    firing = f'count_over_time(ALERTS{{alertstate="firing"}}[{end_s}s])'
    text = _evaluate(folder, scraped, f"group by (alertname) ({firing})", end_s)
    return set(re.findall(r'alertname="(\w+)"', text))


def _evaluate(folder: Path, scraped: Scraped, expression: str, at_s: int) -> str:
    """Have promtool expect nothing from an expression; return what it found instead."""
    fetch([PROMETHEUS])
    series = [
        {"series": name, "values": " ".join(map(_text, values))}
        for name, values in scraped.series.items()
    ]
    expected = {"expr": expression, "eval_time": f"{at_s}s", "exp_samples": []}
    step = f"{STEP_S}s"
    test = {"interval": step, "input_series": series, "promql_expr_test": [expected]}
    content = {"rule_files": [str(RULES)], "evaluation_interval": step, "tests": [test]}
    file = folder / "test.json"
    file.write_text(json.dumps(content))
    promtool = PROMETHEUS.folder / "usr" / "bin" / "promtool"
    done = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    text = done.stdout + done.stderr
    if "got:" not in text:
        raise AssertionError(text)
    return text.partition("got:")[2]


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = (f"{key}={json.dumps(value)}" for key, value in sorted({**labels, **INSTANCE}.items()))
    return f"{name}{{{','.join(pairs)}}}"


def _text(value: float | None) -> str:
    return "_" if value is None else repr(value)
