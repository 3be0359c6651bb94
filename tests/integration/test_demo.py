"""`make demo`: what a newcomer sees first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def play(width: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Play the demo where there is no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "nodesim.demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": str(width)},
    )


@pytest.mark.parametrize("width", [80, 140])
def test_demo_meets_all_criteria_and_fits_the_terminal(width: int) -> None:
    """The acceptance test passes, each class is shown, and no line is too long."""
    played = play(width)

    assert played.returncode == 0, played.stdout + played.stderr
    for expected in ("annotated", "integer", "shared", "6 of 6 criteria met", "Verdict: PASSED"):
        assert expected in played.stdout
    assert "FAIL" not in played.stdout
    assert max(map(len, played.stdout.splitlines())) <= width


def test_without_its_pods_the_demo_says_what_is_missing(tmp_path: Path) -> None:
    """A wrong folder is one line, and no traceback."""
    played = play(80, str(tmp_path))

    assert played.returncode == 1
    assert len(played.stderr.splitlines()) == 1
    assert "crash-test-pods.yaml" in played.stderr
