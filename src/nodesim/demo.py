"""`make demo`: the operators' acceptance test on a simulated machine, explained step by step.

The agent, its protocol and its socket are the real ones. Machine, kernel, container runtime
and kubelet are simulated, on virtual time: minutes pass in seconds.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from nodesim import acceptance, kubernetes, manifest
from nodesim.acceptance import Criterion, Phase
from nodesim.picture import Picture
from nodesim.report import Report
from nodesim.rounds import Outcome
from nodesim.simulation import Simulation
from nodesim.stage import Recorder, Sight, Watched
from nodesim.verdict import verdict_of
from nodesim.workload import PodSpec
from weka_cpuset.engine import CpuSet, SharedDemand

LONG = 100
"""A phase with more actions than this has a progress bar."""

WIDTH_MAX = 120
"""Lines of text longer than this, in columns, are hard to read."""

_INTRODUCTION = """\
A Kubernetes node in a process: the real agent, talking its real protocol over a real socket to a
simulated containerd and kubelet on a simulated machine of 32 cpus: 2 NUMA nodes with 8 cores each,
2 cpus per core (one below the other). Each cell is a cpu; its letter says who may run there."""


class Tour(Recorder):
    """Draws the machine whenever a phase of the test is over, and remembers the timeline.

    Args:
        console: Where to.
        phases: The phases.
    """

    def __init__(self, console: Console, phases: Sequence[Phase]) -> None:
        super().__init__()
        self._console = console
        self._phases = phases
        self._ends = acceptance.ends_of(phases)
        self._at = 0
        self._sight: Sight | None = None
        self._bar = Progress(
            TextColumn("step {task.completed:,} of {task.total:,}"),
            BarColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("")

    def begin(self, simulation: Watched, reserved: CpuSet) -> None:
        """Take up the simulation."""
        self._sight = Sight(simulation, reserved)

    def progress(self, done: int, total: int) -> None:
        """Show the phases that are over when an action begins."""
        while self._at < len(self._ends) and done > self._ends[self._at]:
            self._show()
        if self._at < len(self._phases) and len(self._phases[self._at].actions) > LONG:
            self._bar.start()
            self._bar.update(self._task, completed=done, total=total)

    def finish(self) -> None:
        """Show the phases that ended with the simulation."""
        while self._at < len(self._phases):
            self._show()

    def _show(self) -> None:
        phase = self._phases[self._at]
        self._at += 1
        self._bar.stop()
        self._console.print()
        self._console.rule(Text(f"{self._at}. {phase.title}", "bold"), align="left", style="dim")
        self._console.print(phase.remark, width=min(WIDTH_MAX, self._console.width))
        self._console.print()
        if self._sight is not None:
            self._console.print(Picture(self._sight.look()))


def play(console: Console, folder: Path) -> bool:
    """Play the test and show it.

    Args:
        console: Where to.
        folder: The folder with the test's pods.

    Returns:
        Whether all criteria are met.

    Raises:
        InputError: The pods cannot be read.
    """
    crash = manifest.load(folder / "crash-test-pods.yaml").pods
    race = manifest.load(folder / "stress-race-test.yaml").pods
    phases = acceptance.phases_of(crash, race)
    console.print(_INTRODUCTION, width=min(WIDTH_MAX, console.width))
    tour = Tour(console, phases)
    simulation = Simulation(acceptance.scenario_of(phases), watch=tour, keep_log=True)
    tour.begin(simulation, CpuSet.EMPTY)
    report = simulation.run()
    tour.finish()
    shared = shared_labels((*crash, *race), simulation.machine.present)
    criteria = acceptance.criteria_of(report, tour.entries, shared)
    _show_log(console, report)
    _show_criteria(console, criteria)
    console.print(verdict_of(Outcome((report,))))
    return report.passed and all(one.met for one in criteria)


def shared_labels(pods: Sequence[PodSpec], online: CpuSet) -> list[str]:
    """Return the labels of the containers that are shared by their manifest."""
    return [
        f"{pod.key}/{container.name}"
        for pod in pods
        for container in pod.containers
        if isinstance(kubernetes.demand_of(pod, container, online), SharedDemand)
    ]


def _show_log(console: Console, report: Report) -> None:
    """Print a few lines of the agent's log: one of each kind that the test looks for."""
    console.print()
    console.rule(Text("What the agent logged, a few lines", "bold"), align="left", style="dim")
    for sign in ("Registered", "WARNING", "Removing container", "container removal"):
        line = next((line for line in report.log if sign in line), None)
        if line is not None:
            console.print(
                line.strip(), style="dim", highlight=False, overflow="ellipsis", no_wrap=True
            )


def _show_criteria(console: Console, criteria: Sequence[Criterion]) -> None:
    console.print()
    console.rule(Text("The test's own success criteria", "bold"), align="left", style="dim")
    table = Table.grid(padding=(0, 2, 0, 0))
    for number, one in enumerate(criteria, start=1):
        word = Text("PASS", "bold green") if one.met else Text("FAIL", "bold red")
        table.add_row(word, f"{number}. {one.title}", one.evidence)
    console.print(table, "")


def main() -> None:
    """Play the demo in the terminal; the first argument is the folder with the pods."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/seed")
    sys.exit(0 if play(Console(highlight=False), folder) else 1)


if __name__ == "__main__":
    main()
