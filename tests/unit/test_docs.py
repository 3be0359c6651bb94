"""The documentation: links lead somewhere, and commands exist."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from weka_cpuset.cli import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"^ {4,}make ([a-z0-9-]+)", re.MULTILINE)
PROGRAM = re.compile(r"^ {4,}\S*weka-cpuset ([a-z]+)", re.MULTILINE)


def test_there_are_pages() -> None:
    """The tests below look at something."""
    assert len(PAGES) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page names a file or folder of this repository."""
    missing = [
        target
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).resolve().exists()
    ]
    assert missing == []


def test_make_targets_exist() -> None:
    """Each `make` command in the pages is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in MAKE.findall(page.read_text())}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_commands_exist_and_explain_themselves() -> None:
    """Each command of the program that the pages name is there and has a help text."""
    named = {command for page in PAGES for command in PROGRAM.findall(page.read_text())}
    assert "run" in named
    for command in named:
        shown = CliRunner().invoke(commands, [command, "--help"])
        assert shown.exit_code == 0
        assert "Options" in shown.output
