"""`weka-cpuset journal`: which entries are shown, and how."""

import datetime
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from weka_cpuset.cli import commands
from weka_cpuset.journal.command import moment_of
from weka_cpuset.journal.entry import Line, MoveLine

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC).timestamp()
MOVE = MoveLine("b", "default/b/main", "2-3", "4-5")
LINES = [
    Line(1, NOON, "CreateContainer", "placed", "b", "default/b/main", "integer", "", "2-3"),
    Line(
        2,
        NOON + 60,
        "CreateContainer",
        "placed",
        "a",
        "other/a/main",
        "annotated",
        "",
        "2",
        (MOVE,),
    ),
    Line(3, NOON + 120, "CreateContainer", "refused", "c", refusal="NoMovePlan", reason="no\nplan"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of two files; a line of the older one is cut off."""
    path = tmp_path / "journal"
    lines = [msgspec.json.encode(one) + b"\n" for one in LINES]
    path.with_name("journal.1").write_bytes(lines[0] + b'{"number":')
    path.write_bytes(b"".join(lines[1:]))
    return path


def shown(path: Path, *arguments: str) -> Result:
    """Run the command on a file, in UTC."""
    return CliRunner().invoke(commands, ["journal", "--file", str(path), *arguments])


def numbers(path: Path, *arguments: str) -> list[int]:
    """Return the numbers of the entries that are shown."""
    output = shown(path, "--json", *arguments).output
    return [json.loads(line)["number"] for line in output.splitlines()]


def test_all_entries_are_shown_oldest_first(path: Path) -> None:
    assert [1, 2, 3] == numbers(path)


def test_one_entry_is_one_line_with_before_and_after(path: Path) -> None:
    lines = shown(path).output.splitlines()
    assert 3 == len(lines)
    assert "placed default/b/main (integer) none to 2-3" in lines[0]
    assert "moved default/b/main 2-3 to 4-5" in lines[1]
    assert "no\\nplan" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--since", "2026-01-31T12:01:00+00:00"], [2, 3]),
        (["--until", "2026-01-31T12:01:00+00:00"], [1, 2]),
        (["--pod", "default/b"], [1, 2]),
        (["--pod", "a"], [2]),
        (["--pod", "main"], []),
        (["--cpu", "4"], [2]),
        (["--cpu", "3"], [1, 2]),
        (["--cpu", "7"], []),
        (["--refused"], [3]),
    ],
)
def test_options_select_entries(path: Path, arguments: list[str], found: list[int]) -> None:
    assert found == numbers(path, *arguments)


def test_missing_file_is_told(tmp_path: Path) -> None:
    found = shown(tmp_path / "nothing")
    assert (3, True) == (found.exit_code, "No such file" in found.output)


def test_time_of_day_is_the_last_one_that_was() -> None:
    now = datetime.datetime.now().astimezone().replace(hour=3, minute=0, second=0, microsecond=0)
    two, four = (moment_of(text, now.timestamp()) for text in ("02:00", "04:00:00"))
    assert 3600 == now.timestamp() - two
    assert 23 * 3600 == now.timestamp() - four


def test_times_ago_and_dates_are_understood() -> None:
    assert NOON - 5400 == moment_of("90m", NOON)
    assert NOON == moment_of("2026-01-31T12:00:00+00:00", 0)


@pytest.mark.parametrize("text", ["", "25:00", "02:60", "yesterday", "5x", "2026-13-01"])
def test_what_is_no_time_is_refused(path: Path, text: str) -> None:
    assert 2 == shown(path, "--since", text).exit_code
