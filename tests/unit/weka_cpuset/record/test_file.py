"""The file of a recording: private, of bounded size, and replayable from its beginning."""

import os
import stat
from pathlib import Path

import pytest

from tests.recordings import SETTINGS, Session, record
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.repeat import Outcome, repeat


def replayed(path: Path) -> Outcome:
    """Replay a file."""
    with path.open("rb") as lines:
        return repeat(lines, lambda _: None)


def older(path: Path) -> Path:
    """Return the older part's path."""
    return path.with_name(path.name + ".1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where to record to."""
    return tmp_path / "recording"


def test_only_the_owner_reads_it(path: Path) -> None:
    """Both files have mode 0600, also where a file with another mode was in the way."""
    path.write_bytes(b"")
    path.chmod(0o644)
    record(path, 500, max_bytes=100_000)
    for one in (path, older(path)):
        assert stat.S_IMODE(one.stat().st_mode) == 0o600


def test_both_files_stay_within_the_limit_and_each_can_be_replayed_alone(path: Path) -> None:
    """Each file begins with the ledger, so that the older one may be thrown away."""
    record(path, 2000, max_bytes=200_000)
    sizes = [one.stat().st_size for one in (path, older(path))]
    assert max(sizes) <= 100_000
    assert sizes[1] >= 80_000
    for one in (path, older(path)):
        found = replayed(one)
        assert (found.difference, found.lost, found.cut_lines) == (None, 0, [])
    assert replayed(path).questions + replayed(older(path)).questions < 2000


def test_the_same_session_gives_the_same_bytes(tmp_path: Path) -> None:
    """Nothing but the session and its clock is in the file."""
    for name in ("one", "other"):
        record(tmp_path / name, 300, seed=7)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_an_agent_that_starts_again_appends(path: Path) -> None:
    """What led to the end of an agent is not overwritten by its successor."""
    record(path, 50, seed=1)
    record(path, 50, seed=2)
    found = replayed(path)
    assert (found.starts, found.questions, found.difference) == (2, 100, None)


def test_a_line_that_was_cut_off_spoils_no_other(path: Path) -> None:
    """An agent that is killed while it writes leaves half a line, and its successor goes on."""
    record(path, 50, seed=1)
    os.truncate(path, path.stat().st_size - 30)
    record(path, 50, seed=2)
    found = replayed(path)
    assert (found.starts, found.questions, found.difference) == (2, 99, None)
    assert len(found.cut_lines) == 1


@pytest.mark.parametrize("written", [0, 10])
def test_a_full_disk_loses_events_and_says_how_many(
    path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """While nothing can be written events are counted; then the recording begins anew."""
    file = RecordFile(path, 1 << 20, SETTINGS)
    session = Session(3, file)
    session.go_on(20)
    real_write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, data: real_write(handle, data[:written]))
        session.go_on(30)
    session.go_on(50)
    file.close()
    found = replayed(path)
    assert (found.starts, found.lost, found.questions) == (2, 30, 70)
    assert found.difference is None


def test_a_limit_below_one_ledger_records_nothing_and_ends_nothing(path: Path) -> None:
    """A limit that is too small for anything is kept all the same."""
    record(path, 100, max_bytes=100)
    assert path.stat().st_size == 0


def test_a_file_that_was_moved_away_is_made_anew(path: Path) -> None:
    """Somebody else who rotates the file does not stop the recording."""
    file = RecordFile(path, 100_000, SETTINGS)
    session = Session(1, file)
    session.go_on(10)
    path.unlink()
    session.go_on(1000)
    file.close()
    assert replayed(path).difference is None


def test_only_a_regular_file_is_written(tmp_path: Path) -> None:
    """A pipe that nobody reads neither blocks the start nor is taken for a file."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"regular|No such device"):
        RecordFile(tmp_path / "pipe", 1 << 20, SETTINGS)
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="regular"):
        RecordFile(tmp_path / "pipe", 1 << 20, SETTINGS)
    os.close(reader)
    with pytest.raises(OSError, match="irectory"):
        RecordFile(tmp_path, 1 << 20, SETTINGS)
