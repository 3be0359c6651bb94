"""The pages about machines: the table, the example, and the commands are the real ones."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from nodesim.machines import MACHINES, PLANS
from weka_cpuset.cli import commands
from weka_cpuset.machine_file import encode

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "machines.md").read_text()
HOW_TO = (DOCS / "how-to" / "capture-a-machine.md").read_text()
COMMAND = re.compile(r"^ {4,}weka-cpuset (.+)$", re.MULTILINE)
POD = """
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  containers:
  - name: main
    image: none
    command: [sleep, "10"]
"""


def test_page_has_every_machine() -> None:
    """Each machine is on the page with its size and what it is."""
    rows = [
        f"| `{name}` | {len(MACHINES[name].cpus)} | {plan.what} |" for name, plan in PLANS.items()
    ]
    assert rows == re.findall(r"^\| `.*` \| \d+ \| .*$", REFERENCE, re.MULTILINE)


def test_example_is_what_is_written() -> None:
    """The file on the page is the file of that machine."""
    [example] = re.findall(r"```json\n(.*?)```", REFERENCE, re.DOTALL)
    assert encode(MACHINES["1x2"]).decode() == example


def test_commands_of_the_page_work_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capture, show and simulate: who follows the page gets to its end."""
    monkeypatch.chdir(tmp_path)
    Path("pods.yaml").write_text(POD)
    lines = COMMAND.findall(HOW_TO)
    assert len(lines) > 3
    for line in lines:
        command, _, target = line.partition(" > ")
        shown = CliRunner().invoke(commands, shlex.split(command))
        assert (line, shown.exit_code) == (line, 0), shown.output
        if target:
            Path(target).write_bytes(shown.stdout_bytes)
