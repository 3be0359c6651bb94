"""`make demo`: what a newcomer sees first."""

import subprocess
import sys


def test_demo_shows_the_main_job_and_ends_well() -> None:
    """The demo places pods of each class, refuses the impossible, and stops the agent cleanly."""
    played = subprocess.run(
        [sys.executable, "-m", "nodesim.demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert played.returncode == 0, played.stderr
    for expected in ("annotated", "integer", "shared", "refused wrong", "refused greedy"):
        assert expected in played.stdout
    assert "events answered" in played.stdout
    assert "ended with exit code 0" in played.stdout
