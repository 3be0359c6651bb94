"""Reports and what a terminal would show, for the tests of the presentation."""

import dataclasses
import io

from rich.console import Console, RenderableType

from nodesim.report import Report
from nodesim.rounds import Outcome

GOOD = Report(
    machine="2x8-smt2",
    runtime="containerd 2.1.9",
    seed=None,
    simulated_s=12.5,
    events=1234,
    delivered=1000,
    updates=56,
    pods_created=7,
    pods_refused=0,
    pods_completed=4,
    agent_restarts=0,
    reconnects=0,
    exposed_s=0.0,
)
"""A run in which nothing went wrong."""


def report(**changes: object) -> Report:
    """Return the report of a good run, with some fields changed."""
    return dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]  # any field


def outcome(**changes: object) -> Outcome:
    """Return the outcome of one run, with some fields of its report changed."""
    return Outcome((report(**changes),))


def drawn(what: RenderableType, width: int = 100) -> str:
    """Return what is printed where there is no terminal."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
