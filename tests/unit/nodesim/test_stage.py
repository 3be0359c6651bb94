"""Watchers: what is shown of a simulation, on a terminal and elsewhere."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from nodesim.machines import find
from nodesim.report import Entry, EntryKind
from nodesim.stage import LiveStage, PlainStage, Recorder, Sight, Stage
from weka_cpuset.engine import Class, CpuSet
from weka_cpuset.machine import Machine
from weka_cpuset.show.scene import Occupant

CHANGE = Entry(1.0, EntryKind.CHANGE, "default/db/main", "-> 1-2")
REFUSAL = Entry(2.0, EntryKind.REFUSAL, "default/wrong/main", "cpu 99 does not exist")
DB = Occupant("default/db/main", Class.INTEGER, CpuSet.parse("1-2"), running=True)


class Simulated:
    """A simulation that stands still.

    Attributes:
        machine: Its machine.
        live: Its live containers.
    """

    def __init__(self, *live: Occupant) -> None:
        self.machine: Machine = find("laptop")
        self.live = live

    @property
    def online(self) -> CpuSet:
        """All cpus."""
        return self.machine.online

    def occupants(self) -> tuple[Occupant, ...]:
        """Return the live containers."""
        return self.live


def terminal(*, is_terminal: bool) -> Console:
    """Return a console that keeps what is printed."""
    return Console(
        file=io.StringIO(), width=80, force_terminal=is_terminal, markup=False, highlight=False
    )


def printed(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("stage", [Stage(), Recorder(), PlainStage(terminal(is_terminal=False))])
def test_each_watcher_remembers_refusals(stage: Stage) -> None:
    """Whatever is shown, the refusals can be told at the end."""
    stage.begin(Simulated(), CpuSet.EMPTY)
    for entry in (CHANGE, REFUSAL):
        stage.entry(entry)

    assert ["default/wrong/main"] == [one.subject for one in stage.refusals.found]


def test_a_recorder_remembers_everything_in_order() -> None:
    """The timeline is complete."""
    stage = Recorder()
    for entry in (CHANGE, REFUSAL):
        stage.entry(entry)

    assert [CHANGE, REFUSAL] == stage.entries


def test_the_fullest_moment_is_kept() -> None:
    """A later moment with fewer containers does not take its place."""
    simulated = Simulated(DB)
    sight = Sight(simulated, CpuSet.EMPTY)
    sight.keep_fullest(1.0)
    simulated.live = ()
    sight.keep_fullest(2.0)

    assert sight.fullest is not None
    assert (DB.label,) == tuple(one.label for one in sight.fullest.occupants)
    assert sight.fullest_s == 1.0


def test_without_a_terminal_the_fullest_moment_is_printed_at_the_end() -> None:
    """Plain text: no control characters, one picture, the timeline only if it is asked for."""
    for timeline in (False, True):
        console = terminal(is_terminal=False)
        with PlainStage(console, timeline=timeline) as stage:
            stage.begin(Simulated(DB), CpuSet.EMPTY)
            stage.entry(CHANGE)
            stage.entry(REFUSAL)

        text = printed(console)
        assert "\x1b" not in text
        assert "at 1.000 s" in text
        assert "I1  integer    1-2  default/db/main" in text
        assert timeline == ("cpu 99 does not exist" in text)


def test_after_an_error_no_picture_is_printed() -> None:
    """The reader sees the error, and nothing that looks like a result."""
    console = terminal(is_terminal=False)
    stage = PlainStage(console)
    stage.begin(Simulated(DB), CpuSet.EMPTY)
    stage.entry(CHANGE)
    stage.__exit__(ValueError, ValueError(), None)

    assert printed(console) == ""


def test_a_terminal_shows_the_machine_and_the_progress() -> None:
    """The picture is drawn while the simulation runs, with how far it is."""
    console = terminal(is_terminal=True)
    with LiveStage(console, rounds=3, patience_s=0.0) as stage:
        for _ in range(2):
            stage.begin(Simulated(DB), CpuSet.EMPTY)
            stage.progress(1, 4)
            stage.entry(CHANGE)

    text = printed(console)
    assert "round 1 of 3, step 1 of 4" in text
    assert "default/db/main" in text


def test_a_terminal_gets_its_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the simulation ends in an error, or is interrupted."""
    monkeypatch.setenv("TERM", "xterm")
    console = terminal(is_terminal=True)
    with pytest.raises(KeyboardInterrupt), LiveStage(console, patience_s=0.0):
        raise KeyboardInterrupt

    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    text = printed(console)
    assert hidden in text
    assert text.rindex(shown) > text.rindex(hidden)


def test_people_get_time_to_look_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation is held up for each moment that differs, until patience is used up."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    simulated = Simulated(DB)
    stage = LiveStage(terminal(is_terminal=True), patience_s=1.0)
    stage.begin(simulated, CpuSet.EMPTY)
    for at_s in range(100):
        simulated.live = (replace(DB, cpus=CpuSet.of([at_s % 8])),)
        stage.entry(Entry(float(at_s), EntryKind.CHANGE, DB.label, "1 -> 2"))

    assert 0.5 < sum(pauses) < 1.5


def test_nobody_waits_where_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that leave all cpus alone, and what happens at one time, hold nothing up."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    stage = LiveStage(terminal(is_terminal=True), patience_s=100.0)
    stage.begin(Simulated(DB), CpuSet.EMPTY)
    for at_s in (1.0, 1.0, 1.0, 2.0, 3.0, 4.0):
        stage.entry(Entry(at_s, EntryKind.EVENT, DB.label, "POST_START_CONTAINER"))

    assert len(pauses) <= 1


def test_a_scene_is_compared_with_the_last_one_that_was_shown() -> None:
    """Looking more often than showing loses no change."""
    simulated = Simulated()
    sight = Sight(simulated, CpuSet.EMPTY)
    assert sight.show(sight.look())
    assert not sight.show(sight.look())
    simulated.live = (DB,)

    first, second = sight.look(), sight.look()

    assert all(scene.cells[1].changed for scene in (first, second))
    assert sight.show(second)
    simulated.live = ()
    assert sight.show(sight.look())
