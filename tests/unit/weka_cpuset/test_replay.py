"""The command replay: same, different, or unreadable, in words and as JSON."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tests.recordings import record
from weka_cpuset.cli import commands


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of a hundred events."""
    path = tmp_path / "recording"
    record(path, 100)
    return path


@pytest.fixture
def changed(recording: Path) -> Path:
    """A recording in which one container was given other cpus than it would be today."""
    lines = recording.read_bytes().splitlines()
    for number, line in enumerate(lines[1:], 1):
        values = msgspec.json.decode(line)
        if values["answer"].get("updates") and values["answer"].get("adjustment"):
            values["answer"]["adjustment"]["cpus"] = "31"
            values["answer"]["updates"] = values["answer"]["updates"][1:]
            lines[number] = msgspec.json.encode(values)
            break
    recording.write_bytes(b"\n".join(lines))
    return recording


def replay(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(commands, ["replay", *map(str, arguments)])


def test_same(recording: Path) -> None:
    """Exit code 0 and one sentence."""
    shown = replay(recording)
    assert shown.exit_code == 0
    assert "same: 100 events are decided as they were" in shown.output


def test_first_difference_in_words(changed: Path) -> None:
    """Exit code 1, the event, and both answers in what they differ."""
    shown = replay(changed)
    assert shown.exit_code == 1
    assert "Create test/c" in shown.output
    assert "adjustment: recorded cpus=31, today cpus=" in shown.output
    assert "updates: recorded 0, today 1" in shown.output or "updates" in shown.output
    assert "same:" not in shown.output


def test_first_difference_as_json(changed: Path) -> None:
    """The same for programs: the question, the recorded answer and today's."""
    shown = replay(changed, "--json")
    found = msgspec.json.decode(shown.output)
    assert shown.exit_code == 1
    assert found["same"] is False
    assert found["difference"]["recorded"]["adjustment"]["cpus"] == "31"
    assert found["difference"]["today"]["adjustment"]["cpus"] != "31"
    assert found["difference"]["number"] == found["events"]


def test_show_prints_a_line_for_each_event(recording: Path) -> None:
    """What happened can be read from the first event to the last."""
    lines = replay(recording, "--show").output.splitlines()
    assert len(lines) == 102
    assert lines[0].startswith("1 1970-01-01T00:00:00.010Z Create test/")
    records = replay(recording, "--show", "--json").output.splitlines()
    assert list(range(1, 101)) == [msgspec.json.decode(one)["number"] for one in records[:-1]]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Exit code 2 and one line that says what is wrong with which file."""
    for path in (tmp_path / "missing", tmp_path):
        shown = replay(path)
        assert shown.exit_code == 2
        assert str(path) in shown.output
    (tmp_path / "letter").write_text("Dear Sir\n")
    shown = replay(tmp_path / "letter")
    assert shown.exit_code == 2
    assert "line 1" in shown.output


def test_what_is_missing_is_told(recording: Path) -> None:
    """A line that was cut off is named."""
    recording.write_bytes(recording.read_bytes()[:-10])
    shown = replay(recording)
    assert shown.exit_code == 0
    assert "line 101 is cut off" in shown.output
    assert "same: 99 events" in shown.output
