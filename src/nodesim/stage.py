"""Who watches a simulation: a live picture on a terminal, plain lines elsewhere, or a list.

Time here is real time, for people's eyes; the simulation's own clock stands still meanwhile.
"""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from nodesim.report import Entry, EntryKind
from nodesim.timeline import Refusals, line_of
from weka_cpuset.engine import CpuSet
from weka_cpuset.machine import Machine
from weka_cpuset.show.picture import Picture
from weka_cpuset.show.scene import Host, Occupant, Scene, look

FRAME_S = 0.1
"""The live picture is drawn this often at most, in seconds."""

LOOK_S = 0.3
"""How long one moment stays on the screen before the simulation goes on, in seconds."""

MOMENT_S = 0.04
"""What happens within so many simulated seconds is one moment for people."""

PATIENCE_S = 6.0
"""How long a simulation is held up in all for people to look, in seconds."""

BAR_WIDTH = 30
"""Columns of the bar of progress."""


class Watched(Protocol):
    """What a stage reads of the simulation that it shows."""

    machine: Machine

    @property
    def online(self) -> CpuSet:
        """The cpus that are online."""

    def occupants(self) -> tuple[Occupant, ...]:
        """Return the live containers."""


class Stage(AbstractContextManager["Stage", None]):
    """Shows nothing and remembers refusals: the least that a watcher does.

    Attributes:
        refusals: The refusals so far.
    """

    def __init__(self) -> None:
        self.refusals = Refusals()

    def begin(self, simulation: Watched, reserved: CpuSet) -> None:
        """Take up the next simulation.

        Args:
            simulation: It has not begun.
            reserved: The cpus of the setting `cpus.reserved`.
        """

    def entry(self, entry: Entry) -> None:
        """Take note of an entry of the timeline as it happens."""
        self.refusals.add(entry)

    def progress(self, done: int, total: int) -> None:
        """Take note of how many actions have begun, of how many."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""


class Recorder(Stage):
    """Remembers the timeline.

    Attributes:
        entries: The entries so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []

    def entry(self, entry: Entry) -> None:
        """Keep the entry."""
        super().entry(entry)
        self.entries.append(entry)


class Sight:
    """Looks at a simulation and makes scenes.

    Args:
        simulation: The simulation.
        reserved: The cpus of the setting `cpus.reserved`.

    Attributes:
        fullest: The latest of the scenes with the most containers; None: there was none.
        fullest_s: When that was, in simulated seconds.
    """

    def __init__(self, simulation: Watched, reserved: CpuSet) -> None:
        machine = simulation.machine
        self._simulation = simulation
        self._layout = machine.topology(machine.present)
        self._reserved = reserved
        self._last: Scene | None = None
        self.fullest: Scene | None = None
        self.fullest_s = 0.0

    def look(self) -> Scene:
        """Return the scene of this moment, compared with the last one that was shown."""
        return self._scene(self._last)

    def show(self, scene: Scene) -> bool:
        """Take note that a scene is shown; return whether it differs from the last one."""
        before, self._last = self._last, scene
        return (
            before is None
            or any(cell.changed for cell in scene.cells.values())
            or any(one.changed for one in scene.occupants)
            or len(before.occupants) != len(scene.occupants)
        )

    def keep_fullest(self, at_s: float) -> None:
        """Keep the scene of this moment, in simulated seconds, if none had more containers."""
        count = len(self._simulation.occupants())
        if count and (self.fullest is None or count >= len(self.fullest.occupants)):
            self.fullest = self._scene(None)
            self.fullest_s = at_s

    def _scene(self, before: Scene | None) -> Scene:
        host = Host(self._layout, self._simulation.online, self._reserved)
        return look(host, self._simulation.occupants(), before)


class PlainStage(Stage):
    """Prints the timeline, and the machine as it was when most containers lived.

    Args:
        console: Where to.
        timeline: Whether the timeline is printed.
    """

    def __init__(self, console: Console, *, timeline: bool = False) -> None:
        super().__init__()
        self._console = console
        self._timeline = timeline
        self._sight: Sight | None = None

    def begin(self, simulation: Watched, reserved: CpuSet) -> None:
        """Take up the next simulation."""
        self._sight = Sight(simulation, reserved)

    def entry(self, entry: Entry) -> None:
        """Print the entry's line."""
        super().entry(entry)
        if self._timeline:
            self._console.print(line_of(entry), soft_wrap=True)
        if self._sight is not None and entry.kind is EntryKind.CHANGE:
            self._sight.keep_fullest(entry.at_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Print the picture."""
        if error is None and self._sight is not None and self._sight.fullest is not None:
            at = f"The machine when most containers lived, at {self._sight.fullest_s:.3f} s"
            self._console.print("", Text(at, style="bold"), "", sep="\n")
            self._console.print(Picture(self._sight.fullest), "")


class LiveStage(PlainStage):
    """Shows the machine while it changes, and the progress above it.

    Args:
        console: A terminal.
        timeline: Whether the timeline runs by above the picture.
        rounds: How many simulations there will be.
        patience_s: How long simulations may be held up in all for people to look.
    """

    def __init__(
        self,
        console: Console,
        *,
        timeline: bool = False,
        rounds: int = 1,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__(console, timeline=timeline)
        self._rounds = rounds
        self._patience_s = patience_s
        self._at_s = 0.0
        self._moment: Scene | None = None
        self._frame_s = 0.0
        self._begun = 0
        self._words = "starting"
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(BAR_WIDTH), console=console
        )
        self._task = self._bar.add_task("")
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveStage":
        """Take the terminal."""
        self._live.start()
        return self

    def begin(self, simulation: Watched, reserved: CpuSet) -> None:
        """Take up the next simulation."""
        super().begin(simulation, reserved)
        self._at_s = 0.0
        self._moment = None
        self._begun += 1

    def entry(self, entry: Entry) -> None:
        """Print the entry's line, and draw again if it is time to."""
        super().entry(entry)
        if self._patience_s > 0 and self._sight is not None:
            if self._moment is not None and entry.at_s - self._at_s >= MOMENT_S:
                self._hold(self._moment)
            self._moment = self._sight.look()
        self._at_s = entry.at_s
        self._draw_sometimes()

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        self._words = f"step {done:,} of {total:,}"
        if self._rounds > 1:
            self._words = f"round {self._begun:,} of {self._rounds:,}, {self._words}"
        share = self._begun - 1 + done / total
        self._bar.update(self._task, completed=share, total=self._rounds)
        self._draw_sometimes()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the terminal back and print the picture."""
        self._live.stop()
        super().__exit__(kind, error, traceback)

    def _hold(self, scene: Scene) -> None:
        """Let people look at how things were before time went on."""
        if self._draw(scene):
            self._patience_s -= LOOK_S
            time.sleep(LOOK_S)

    def _draw_sometimes(self) -> None:
        if self._sight is not None and time.monotonic() - self._frame_s >= FRAME_S:
            self._draw(self._sight.look())

    def _draw(self, scene: Scene) -> bool:
        """Draw a scene, and return whether it differs from the one before."""
        differs = self._sight is not None and self._sight.show(scene)
        self._bar.update(self._task, description=f"{self._at_s:,.1f} s, {self._words}")
        self._live.update(Group(self._bar, "", Picture(scene)), refresh=True)
        self._frame_s = time.monotonic()
        return differs
