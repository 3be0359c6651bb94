"""The commands of the guide to explain do what the page says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from weka_cpuset.cli import commands

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/explain-a-placement.md").read_text()
SIMULATED = re.compile(r"^ {4}\.venv/bin/weka-cpuset (explain .+)$", re.MULTILINE)
ON_A_NODE = re.compile(r"^ {4}weka-cpuset (explain .+)$", re.MULTILINE)
SHOWN = re.compile(
    r"^ {4}\.venv/bin/weka-cpuset ([^\n]+)\n\n```text\n(.*?)```", re.MULTILINE | re.DOTALL
)
INSTEAD_OF_A_NODE = "--simulate examples/explain/storage.yaml --machine laptop"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of the pages are called there."""
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", SIMULATED.findall(GUIDE))
def test_each_command_passes(command: str) -> None:
    """Whoever copies a command from the page sees no failure."""
    result = CliRunner().invoke(commands, command.split())
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ON_A_NODE.findall(GUIDE))
def test_commands_for_a_node_pass_where_the_same_pods_are(command: str) -> None:
    """They differ from the others in nothing but who is asked."""
    command = command.replace("pod.yaml", "examples/explain/late.yaml")
    result = CliRunner().invoke(commands, [*command.split(), *INSTEAD_OF_A_NODE.split()])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("command", "text"), SHOWN.findall(GUIDE))
def test_what_is_shown_is_what_is_printed(command: str, text: str) -> None:
    """Lines are left out on the page, and none is made up."""
    printed = CliRunner().invoke(commands, command.split()).stdout.splitlines()
    assert text
    assert [line for line in text.splitlines() if line not in printed] == []
