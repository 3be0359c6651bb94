"""The list of known differences between simulation and containerd, and its documentation."""

import re
from pathlib import Path

from nodesim.runtimes import RUNTIMES
from tests.e2e.differential.agent_scenes import AGENT_SCENES, NOT_PLAYED
from tests.e2e.differential.differences import ALL_SCENES, DIFFERENCES, NOT_COMPARED, compare
from tests.e2e.differential.play import Played

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/simulation.md"
OWN_TESTS = ("test_harness.py", "test_differential.py", "test_stress.py")
"""The tests of the tier itself, and of the acceptance test as a command."""
OOM = DIFFERENCES[0]


def rows(heading: str) -> set[str]:
    """Return the first cells of the table below a heading of the page."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| (.+?) \|", section, re.MULTILINE)[1:])


def test_the_page_lists_exactly_the_known_differences() -> None:
    """What the comparison forgives, readers are told."""
    assert rows("Known differences") == {one.title for one in DIFFERENCES}
    assert rows("Not compared") == set(NOT_COMPARED)
    assert rows("End-to-end tests that are not played") == {f"`{one}`" for one in NOT_PLAYED}


def test_each_end_to_end_test_is_played_or_has_a_reason() -> None:
    """A new test of the agent under containerd needs its scene."""
    tests = {
        name
        for file in (ROOT / "tests/e2e").glob("test_*.py")
        if file.name not in OWN_TESTS
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    played = {name for scene in AGENT_SCENES for name in scene.plays}
    assert played.isdisjoint(NOT_PLAYED)
    assert tests == played | NOT_PLAYED.keys()


def test_differences_name_scenes_and_runtimes_that_exist() -> None:
    """A renamed scene does not lose its differences silently."""
    names = {scene.name for scene in ALL_SCENES}
    assert len(names) == len(ALL_SCENES)
    for one in DIFFERENCES:
        assert one.scenes <= names
        assert one.series <= RUNTIMES.keys()


def test_a_known_difference_is_forgiven_where_it_is_listed() -> None:
    """In its scene it is no finding; in another one it is."""
    real = [Played("step", ("CREATE oom=0 pod: default u /kubepods/podu",), (), ())]
    simulated = [Played("step", ("CREATE oom=-997 pod: default u /kubepods/podu",), (), ())]
    (listed, *_) = sorted(OOM.scenes)

    assert compare(listed, "containerd-2.1", real, simulated) == []
    assert compare("life of a pod", "containerd-2.1", real, simulated) != []


def test_a_difference_that_is_not_seen_any_more_is_a_finding() -> None:
    """A list that nobody needs misleads its readers."""
    same = [Played("step", ("CREATE",), ("done",), ())]
    (listed, *_) = sorted(OOM.scenes)

    assert compare(listed, "containerd-2.1", same, same) == [f"not seen any more: {OOM.title}"]


def test_a_missing_event_is_a_finding() -> None:
    """The report names the step and the side."""
    real = [Played("3. Stop", ("STOP_CONTAINER p/a",), ("done",), ())]
    simulated = [Played("3. Stop", (), ("done",), ())]

    found = compare("life of a pod", "containerd-2.1", real, simulated)

    assert found[0] == "3. Stop"
    assert "real" in found[1]
    assert "STOP_CONTAINER p/a" in found[1]
