"""The recording of an agent on a real host: a file, written by a thread of its own."""

import time
from pathlib import Path

from weka_cpuset import settings as all_settings
from weka_cpuset.background import Background
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import Entry, Recorder
from weka_cpuset.settings import SettingError, Settings

QUEUED_MAX = 50_000
"""The greatest weight of the entries that wait to be written: some 10 MB of updates."""

FLUSH_DEADLINE_S = 0.3
"""How long a stop waits for the writer, in seconds; a stop may take one second in all."""


def open_file(settings: Settings) -> RecordFile:
    """Open the file that the settings name.

    Raises:
        SettingError: It cannot be opened for appending.
    """
    path = settings.record.file
    try:
        return RecordFile(Path(path), settings.record.max_bytes, shown(settings))
    except (OSError, ValueError) as error:
        allowed = "a regular file that can be opened for appending"
        raise SettingError("record.file", path, allowed, str(error)) from error


def shown(settings: Settings) -> dict[str, str]:
    """Return the settings that bear on replies, by key, as texts."""
    texts = {}
    for row in all_settings.TABLE:
        if row.key == "dry_run" or row.key.startswith("cpus."):
            value: object = settings
            for name in row.key.split("."):
                value = getattr(value, name)
            texts[row.key] = str(value)
    return texts


class Recording:
    """Hands entries to a thread that writes them; what does not fit is lost and counted.

    Args:
        file: Where they are written.
        capacity: The greatest weight of the entries that wait.

    Attributes:
        recorder: What the keeper of the ledger is given.
        queue: The entries that wait.
    """

    def __init__(self, file: RecordFile, capacity: int = QUEUED_MAX) -> None:
        self.recorder = Recorder(self, time.time)
        self._file = file
        self.queue: Background[Entry] = Background("record", file.write, capacity)

    @property
    def ledgers_wanted(self) -> int:
        """How often the file has asked for the ledger: see `recorder.Sink`."""
        return self._file.ledgers_wanted

    def put(self, entry: Entry) -> bool:
        """Take an entry without waiting; tell whether there was room for it."""
        return self.queue.put(entry, entry.weight)

    def open(self) -> None:
        """Start the writer."""
        self.queue.open()

    def close(self) -> None:
        """Write what is queued, for a moment at most, and close the file."""
        if self.queue.close(FLUSH_DEADLINE_S):
            self._file.close()
