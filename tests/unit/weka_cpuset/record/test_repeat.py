"""A replay: the same engine says the same, another one is found out at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recordings import record
from weka_cpuset import questions
from weka_cpuset.engine import CpuSet, Decision, Event, Ledger, Outcome, decide
from weka_cpuset.record.lines import Asked
from weka_cpuset.record.repeat import Outcome as Found
from weka_cpuset.record.repeat import Unreadable, repeat


def replayed(path: Path, upto: int | None = None) -> tuple[Found, list[Asked]]:
    """Replay a file; return what was found and the questions that were the same."""
    asked: list[Asked] = []
    with path.open("rb") as lines:
        found = repeat(list(lines)[:upto], asked.append)
    return found, asked


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Path]:
    """A recording of a thousand events."""
    path = tmp_path / "recording"
    record(path, 1000)
    return iter([path]).__next__()


def test_the_same_engine_decides_the_same(recording: Path) -> None:
    """Every event is asked again and nothing is different."""
    found, asked = replayed(recording)
    assert found.difference is None
    assert found.questions == len(asked) == 1000
    assert list(range(1, 1001)) == [one.number for one in asked]
