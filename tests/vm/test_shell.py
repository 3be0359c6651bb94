"""`make vm`, with the commands that its welcome and the documentation name."""

import subprocess
import sys

import pytest

from tests.e2e.containerd_config import Series
from tests.vm.image import ROOT, Image

COMMANDS = """
pod annotated 15,16
pod integer 2
pod shared
pod list
tail -n 3 /node/agent.log
weka-cpuset version
exit
"""


@pytest.mark.quick
def test_commands_of_the_welcome(built: Image, series: Series) -> None:  # noqa: ARG001  # first of all
    """Typed one after the other they do what is promised, and the machine ends."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.vm.shell", "--containerd", series.value],
        cwd=ROOT,
        input=COMMANDS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    shown = [line.split() for line in done.stdout.splitlines()]
    rows = {words[0].partition("-")[0]: words for words in shown if words[1:2] == ["cpus"]}
    assert rows["annotated"][2:] == ["15-16", "memory", "1"]
    assert rows.keys() == {"annotated", "integer", "shared"}
    assert "Placed container" in done.stdout
