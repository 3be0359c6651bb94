"""The failure model's claims are tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "failure-model.md"
WALL_CLOCK = re.compile(r"\btime\.time\(|\bdatetime\.now\(")
PEOPLES_TIME = {"journal/command.py"}
"""What reads a time of day that somebody wrote, and waits for nothing."""


def test_each_row_names_a_test_that_exists() -> None:
    """Nobody can claim to survive a fault without a test of that."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    known = {
        name
        for path in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1])
        assert named, row
        assert set(named) <= known, row


@pytest.mark.parametrize("package", ["nri", "weka_cpuset"])
def test_no_wait_looks_at_the_wall_clock(package: str) -> None:
    """A clock that jumps moves no deadline: the wall clock is only written, never waited for."""
    folder = ROOT / "src" / package
    for path in folder.rglob("*.py"):
        if path.relative_to(folder).as_posix() in PEOPLES_TIME:
            continue
        assert not WALL_CLOCK.search(path.read_text()), path
