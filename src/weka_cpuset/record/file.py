"""The file of a recording: lines, appended; one older file; never more than was allowed."""

import logging
from collections.abc import Mapping
from pathlib import Path

from weka_cpuset import __version__
from weka_cpuset.record.lines import Start, render_entry, render_start
from weka_cpuset.record.recorder import Entry
from weka_cpuset.rotated import RotatedFile

log = logging.getLogger(__name__)


class RecordFile:
    """Writes entries to `path`; the older part of the recording is in `path` with `.1`.

    Args:
        path: The file. What is in it stays, up to the next rotation.
        max_bytes: How many bytes both files together may have.
        settings: The settings that bear on replies, for the first line of each file.

    Attributes:
        ledgers_wanted: How often it has asked for the ledger: see `recorder.Sink`.

    Raises:
        OSError: The file cannot be opened for appending.
    """

    def __init__(self, path: Path, max_bytes: int, settings: Mapping[str, str]) -> None:
        self.ledgers_wanted = 1
        self._file = RotatedFile(path, max_bytes)
        self._settings = dict(settings)
        self._lost = 0
        # Whether the next entry can do without the ledger, being the one after the last.
        self._continuous = False
        self._full = False

    def put(self, entry: Entry) -> bool:
        """Write an entry at once, as the sink of somebody who may wait; return True."""
        self.write(entry)
        return True

    def write(self, entry: Entry) -> None:
        """Write an entry, or count it as lost; never raise."""
        try:
            written = self._written(entry)
        except Exception as error:  # noqa: BLE001  # a recording must not end the agent
            if self._continuous:
                log.warning("The recording is interrupted: %s: %s", type(error).__name__, error)
            written = False
        if not written:
            self._lost += 1 + entry.lost
            if self._continuous or entry.before is not None:
                self.ledgers_wanted += 1
        self._continuous = written

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _written(self, entry: Entry) -> bool:
        """Write an entry, if that is possible; tell whether it was."""
        data = render_entry(entry)
        if entry.before is not None:
            if self._full:
                self._file.rotate()
                self._full = False
            lost = self._lost + entry.lost
            data = render_start(Start(__version__, self._settings, lost, entry.before)) + data
        elif not self._continuous:
            return False
        if self._file.size + len(data) >= self._file.limit:
            self._full = True
            return False
        self._file.append(data)
        if self._lost or entry.lost:
            log.warning("The recording goes on without %d events", self._lost + entry.lost)
        self._lost = 0
        if not self._full and self._file.size > self._file.limit * 9 // 10:
            # What is on its way still fits; by then an entry can bring the ledger.
            self._full = True
            self.ledgers_wanted += 1
        return True
