"""The commands of the page about the acceptance test do what the page says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from nodesim.criteria import Evidence, criteria_of
from weka_cpuset.cli import commands

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/run-the-acceptance-test.md"
COMMAND = re.compile(r"^ {4}(?:\.venv/bin/)?weka-cpuset (stress.*)$", re.MULTILINE)
COMMANDS = [command.split() for command in COMMAND.findall(GUIDE.read_text())]
ON_REAL_NODES = [one for one in COMMANDS if {"--cri", "--node"} & set(one)]


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ON_REAL_NODES])
def test_each_command_for_a_simulated_node_passes(command: list[str]) -> None:
    """Whoever copies a command from the page sees no failure."""
    done = CliRunner().invoke(commands, command)

    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("command", ON_REAL_NODES)
def test_each_command_for_a_real_node_is_understood(command: list[str]) -> None:
    """Without such a node it says so in one line, before anything is made."""
    # Should this computer be such a node, nothing is to happen to it.
    nowhere = ["--agent-log", "/no/such/log"]
    done = CliRunner().invoke(commands, [*command, *nowhere], env={"PATH": ""})

    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert "No such option" not in done.output


def test_each_criterion_is_explained() -> None:
    """The table has the criteria by their titles, and no others."""
    nothing = Evidence("", 0, 0, 0, 0, 0, 0, (), (), None, (), None)
    rows = re.findall(r"^\| ([A-Z][a-z ]+) \|", GUIDE.read_text(), re.MULTILINE)

    assert [one.title for one in criteria_of(nothing)] == rows
