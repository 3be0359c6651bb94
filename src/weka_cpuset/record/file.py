"""The file of a recording: lines, appended; one older file; never more than was allowed."""

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from weka_cpuset import __version__
from weka_cpuset.record.lines import Start, render_entry, render_start
from weka_cpuset.record.recorder import Entry

log = logging.getLogger(__name__)

FILE_MODE = 0o600
"""Only the owner reads it: what runs on a node is not everybody's business."""


class NoRegularFile(OSError):
    """A recording can only go to a regular file: others cannot be rotated, and may block."""

    def __str__(self) -> str:
        return "it is not a regular file"


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
        self._path = path
        self._limit = max_bytes // 2
        self._settings = dict(settings)
        self._lost = 0
        # Whether the next entry can do without the ledger, being the one after the last.
        self._continuous = False
        self._full = False
        self._handle = self._open()
        self._size = os.fstat(self._handle).st_size
        # The last agent may have been killed in the middle of a line.
        self._cut = self._size > 0

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
            self._cut = True
            written = False
        if not written:
            self._lost += 1 + entry.lost
            if self._continuous or entry.before is not None:
                self.ledgers_wanted += 1
        self._continuous = written

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _written(self, entry: Entry) -> bool:
        """Write an entry, if that is possible; tell whether it was."""
        data = render_entry(entry)
        if entry.before is not None:
            if self._full:
                self._rotate()
            lost = self._lost + entry.lost
            data = render_start(Start(__version__, self._settings, lost, entry.before)) + data
        elif not self._continuous:
            return False
        if self._size + len(data) >= self._limit:
            self._full = True
            return False
        self._append(data)
        if self._lost or entry.lost:
            log.warning("The recording goes on without %d events", self._lost + entry.lost)
        self._lost = 0
        if not self._full and self._size > self._limit * 9 // 10:
            # What is on its way still fits; by then an entry can bring the ledger.
            self._full = True
            self.ledgers_wanted += 1
        return True

    def _append(self, data: bytes) -> None:
        data = b"\n" + data if self._cut else data
        written = os.write(self._handle, data)
        self._size += written
        self._cut = written < len(data)
        if self._cut:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _rotate(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # whoever moved it away has rotated it
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        handle = self._open()
        os.close(self._handle)
        self._handle = handle
        self._size = os.fstat(handle).st_size
        self._cut = self._full = False

    def _open(self) -> int:
        # Not to block on a pipe that nobody reads.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(self._path, flags, FILE_MODE)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise NoRegularFile
            os.fchmod(handle, FILE_MODE)
        except BaseException:
            os.close(handle)
            raise
        return handle
