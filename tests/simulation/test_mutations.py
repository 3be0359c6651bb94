"""The checker finds each deliberate bug, and finds nothing where there is none."""

import functools
import re
import types
from pathlib import Path

import pytest

from nodesim.report import Report
from nodesim.simulation import Simulation
from tests.simulation.mutations import MUTATIONS, seen
from tests.simulation.patching import Bug, TargetGone, replaced
from tests.simulation.scenes import scenes

PAGE = Path(__file__).parents[2] / "docs/explanation/simulation.md"
SECTION = re.compile(r"^## Deliberate bugs .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([a-z-]+)` \| (.*) \|$", re.MULTILINE)
PLAYS = dict(scenes())


def played(name: str) -> Report:
    """Play a scene or a storm to its end; nothing may raise but what raises on purpose."""
    report = Simulation(PLAYS[name], keep_log=True).run()
    raised = [line for line in report.log if " ERROR: " in line and "Deliberate" not in line]
    assert raised == []
    return report


@functools.cache
def is_right(name: str) -> bool:
    """Tell whether the checker finds nothing in a scene without a deliberate bug."""
    return played(name).passed


@pytest.mark.parametrize("bug", MUTATIONS.values(), ids=MUTATIONS)
def test_each_deliberate_bug_is_found(bug: Bug) -> None:
    """By the first scene or storm that goes wrong with it, and goes well without it."""
    for name in PLAYS:
        with bug():
            found = played(name).violations
        if found and is_right(name):
            return
    pytest.fail("no scene and no storm shows it")


def test_all_deliberate_bugs_are_on_the_page() -> None:
    """With what a user would see, in the same order."""
    section = SECTION.search(PAGE.read_text())
    assert section is not None
    listed = ROW.findall(section.group())
    assert listed == [(name, seen(bug)) for name, bug in MUTATIONS.items()]


def test_a_bug_leaves_no_trace() -> None:
    """After the block the right code runs again."""
    part = types.SimpleNamespace(answer=lambda: "right")
    with replaced(part, "answer", lambda right: lambda: f"not {right()}"):
        assert part.answer() == "not right"
    assert part.answer() == "right"


def test_a_bug_that_has_nothing_to_break_fails() -> None:
    """The list follows the code: a bug that changes nothing would seem to be missed."""
    with (
        pytest.raises(TargetGone, match=r"^Missing has no 'part' to break$"),
        replaced(type("Missing", (), {}), "part", lambda right: right),
    ):
        pass
