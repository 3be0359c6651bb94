"""The journal's file: written by a thread, of bounded size, and readable after anything."""

import os
from pathlib import Path

import pytest

from weka_cpuset.decided import Decided
from weka_cpuset.engine import CpuSet
from weka_cpuset.journal.entry import Entry
from weka_cpuset.journal.file import JournalFile, read
from weka_cpuset.settings import JournalSettings, SettingError

PLACED = Decided("CreateContainer", "placed", "a", after=CpuSet.parse("0-1"))


def write(path: Path, count: int, max_bytes: int = 1 << 20) -> None:
    """Write a journal of so many entries."""
    file = JournalFile(JournalSettings(file=str(path), max_bytes=max_bytes))
    file.open()
    for number in range(count):
        assert file.put(Entry(number, float(number), PLACED))
    assert file.queue.close(60.0)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    write(tmp_path / "journal", 3)
    assert [0, 1, 2] == [one.number for one in read(tmp_path / "journal")]
    assert {"0-1"} == {one.after for one in read(tmp_path / "journal")}


def test_both_files_stay_within_the_limit_and_have_the_last_entries(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, 1000, max_bytes=64 << 10)
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= 64 << 10
    numbers = [one.number for one in read(path)]
    assert numbers == list(range(numbers[0], 1000))
    assert 100 < len(numbers) < 1000


def test_successor_of_an_agent_that_was_killed_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, 2)
    os.truncate(path, path.stat().st_size - 5)
    write(path, 2)
    assert [0, 0, 1] == [one.number for one in read(path)]


def test_full_disk_is_told_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda *_: 0)
        write(tmp_path / "journal", 3)
    assert 1 == len(caplog.records)
    write(tmp_path / "journal", 1)
    assert [0] == [one.number for one in read(tmp_path / "journal")]


def test_what_cannot_be_opened_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"journal\.file"):
        JournalFile(JournalSettings(file=str(tmp_path)))
