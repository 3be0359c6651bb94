"""`make demo`: the operators' acceptance test on a simulated machine, explained step by step.

The agent, its protocol and its socket are the real ones. Machine, kernel, container runtime
and kubelet are simulated, on virtual time: minutes pass in seconds.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from nodesim import acceptance, criteria, manifest
from nodesim.acceptance import Phase
from nodesim.fields import InputError
from nodesim.report import Report
from nodesim.rounds import Outcome
from nodesim.simulation import Simulation
from nodesim.stage import Recorder, Sight, Watched
from nodesim.verdict import verdict_of
from weka_cpuset.engine import CpuSet
from weka_cpuset.show.picture import Picture
from weka_cpuset.show.scene import Scene
from weka_cpuset.show.terminal import console_of_stdout

LONG = 100
"""A phase with more actions than this has a progress bar."""

WIDTH_MAX = 120
"""Lines of text longer than this, in columns, are hard to read."""

_INTRODUCTION = (
    "The operators' acceptance test, on a Kubernetes node in a process. The agent is the real "
    "one and talks its real protocol over a real socket. Simulated are the containerd and the "
    f"kubelet that it works with, the kernel, and the machine {acceptance.MACHINE}: 32 cpus in 2 "
    "NUMA nodes of 8 cores. Time is simulated too, so that minutes pass in a moment."
)

_HOW_TO_READ = (
    "In the pictures each cell is a cpu: its number, and a letter for who may run there. The "
    "two cpus of a core stand one below the other."
)


_LOG_SIGNS = ("Registered", "fault of the simulation", "Removing container", "container removal")
"""Parts of log lines; the first line with each of them is shown."""


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
        self._scene: Scene | None = None
        self._bar = Progress(
            TextColumn("step {task.completed:,} of {task.total:,}"),
            BarColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=self._ends[-1])

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
        _show_heading(self._console, f"{self._at}. {phase.title}")
        _print_prose(self._console, phase.remark)
        self._console.print()
        if self._sight is None:
            return
        before, scene = self._scene, self._sight.look()
        self._sight.show(scene)
        self._scene = scene
        if before is not None and not before.occupants and not scene.occupants:
            self._console.print("The picture is the same as before: no container is left.")
        else:
            self._console.print(Picture(scene))


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
    _print_prose(console, _INTRODUCTION)
    console.print()
    _print_prose(console, _HOW_TO_READ)
    tour = Tour(console, phases)
    simulation = Simulation(acceptance.scenario_of(phases), watch=tour, keep_log=True)
    tour.begin(simulation.host, CpuSet.EMPTY)
    report = simulation.run()
    tour.finish()
    shared = acceptance.shared_labels((*crash, *race), simulation.host.machine.present)
    judged = criteria.criteria_of(acceptance.evidence_of(report, tour.entries, shared))
    _show_log(console, report)
    _show_heading(console, "What was simulated and checked")
    console.print(verdict_of(Outcome((report,))))
    _show_heading(console, "The test's own success criteria")
    criteria.show(console, judged)
    return report.passed and all(one.met for one in judged)


def _print_prose(console: Console, text: str) -> None:
    console.print(text, width=min(WIDTH_MAX, console.width))


def _show_heading(console: Console, title: str) -> None:
    console.print()
    console.rule(Text(title, "bold"), align="left", style="dim")


def _show_log(console: Console, report: Report) -> None:
    """Print a few lines of the agent's log: one of each kind that the test looks for."""
    _show_heading(console, "What the agent logged, a few lines")
    for sign in _LOG_SIGNS:
        line = next((line for line in report.log if sign in line), None)
        if line is not None:
            console.print(
                line.strip(), style="dim", highlight=False, overflow="ellipsis", no_wrap=True
            )


def main() -> None:
    """Play the demo in the terminal; the first argument is the folder with the pods."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/seed")
    try:
        passed = play(console_of_stdout(), folder)
    except InputError as error:
        sys.exit(f"demo: {error}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
