"""The recording of a real agent: what hangs or fails holds up nobody."""

import threading
from pathlib import Path

import pytest

from tests.recordings import SETTINGS, Session
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import Entry
from weka_cpuset.record.repeat import Outcome, repeat
from weka_cpuset.record.sink import Recording, open_file, shown
from weka_cpuset.settings import CpuSettings, RecordSettings, SettingError, Settings

DEADLINE_S = 10.0


class SlowFile(RecordFile):
    """A file that hangs until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 1 << 22, SETTINGS)
        self.hangs = threading.Event()
        self.let_go = threading.Event()

    def write(self, entry: Entry) -> None:
        """Wait, then write."""
        self.hangs.set()
        self.let_go.wait()
        super().write(entry)


def replayed(path: Path) -> Outcome:
    """Replay a file."""
    with path.open("rb") as lines:
        return repeat(lines, lambda _: None)


def test_a_session_is_written_by_the_end(tmp_path: Path) -> None:
    """Closing writes what is queued."""
    path = tmp_path / "recording"
    recording = Recording(RecordFile(path, 1 << 22, SETTINGS))
    recording.open()
    Session(1, recording).go_on(200)
    recording.close()
    found = replayed(path)
    assert (found.questions, found.lost, found.difference) == (200, 0, None)


def test_a_hanging_disk_holds_up_nobody(tmp_path: Path) -> None:
    """While the disk hangs events are taken without waiting, up to a bound, and a stop ends."""
    file = SlowFile(tmp_path / "recording")
    recording = Recording(file, capacity=100)
    recording.open()
    session = Session(1, recording)
    session.go_on(1)
    assert file.hangs.wait(DEADLINE_S)
    session.go_on(400)
    recording.close()
    file.let_go.set()


def test_a_file_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    """The agent says at its start that it cannot record, and where."""
    settings = Settings(record=RecordSettings(file=str(tmp_path / "missing" / "file")))
    with pytest.raises(SettingError) as caught:
        open_file(settings)
    assert caught.value.key == "record.file"
    assert "missing" in str(caught.value)


def test_settings_that_bear_on_replies_are_shown(tmp_path: Path) -> None:
    """A recording says which rules the operator had set, and nothing else of the settings."""
    settings = Settings(
        cpus=CpuSettings(min_shared=2), record=RecordSettings(file=str(tmp_path / "recording"))
    )
    open_file(settings).close()
    assert shown(settings)["cpus.min_shared"] == "2"
    assert shown(settings)["dry_run"] == "False"
    assert all(key == "dry_run" or key.startswith("cpus.") for key in shown(settings))
