"""The commands of the pages about the simulator do what the pages say."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from weka_cpuset.cli import commands

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/simulate-your-pods.md"
PAGES = [
    GUIDE,
    ROOT / "docs/how-to/name-cpus-per-container.md",
    ROOT / "docs/how-to/say-how-cpus-lie.md",
    ROOT / "README.md",
]
COMMAND = re.compile(r"^ {4}\.venv/bin/weka-cpuset (simulate .+)$", re.MULTILINE)
COMMANDS = [command for page in PAGES for command in COMMAND.findall(page.read_text())]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_passes(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies a command from a page sees no failure."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(commands, [*command.split(), "--save", "/dev/null"])

    assert result.exit_code == 0, result.output


def test_the_picture_of_the_guide_is_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that nobody gets explains nothing."""
    monkeypatch.chdir(ROOT)
    (picture,) = re.findall(r"```text\n(.+?)```", GUIDE.read_text(), re.DOTALL)
    result = CliRunner().invoke(commands, COMMANDS[0].split())

    drawn = [line.rstrip() for line in result.output.splitlines()]
    assert [line for line in picture.splitlines() if line not in drawn] == []
