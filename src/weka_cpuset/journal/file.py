"""The journal's file: JSON lines, rotated, written by a thread of its own."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec

from weka_cpuset.background import Background
from weka_cpuset.journal.entry import Entry, Line, line_of
from weka_cpuset.rotated import RotatedFile, older
from weka_cpuset.settings import JournalSettings, SettingError

log = logging.getLogger(__name__)

QUEUED_MAX = 10_000
"""So many entries wait to be written at most: about ten seconds of the largest storm."""

FLUSH_DEADLINE_S = 0.1
"""How long a stop waits for the writer, in seconds; a stop may take one second in all."""


class JournalFile:
    """Hands entries to a thread that writes them; what does not fit is lost and counted.

    Args:
        config: The file, and how large it may be.

    Attributes:
        queue: The entries that wait.

    Raises:
        SettingError: The file cannot be opened for appending.
    """

    def __init__(self, config: JournalSettings) -> None:
        try:
            self._file = RotatedFile(Path(config.file), config.max_bytes)
        except (OSError, ValueError) as error:
            allowed = "a regular file that can be opened for appending"
            raise SettingError("journal.file", config.file, allowed, str(error)) from error
        self.queue: Background[Entry] = Background("journal", self._write, QUEUED_MAX)
        self._problem = ""

    def put(self, entry: Entry) -> bool:
        """Take an entry without waiting; tell whether there was room for it."""
        return self.queue.put(entry)

    def open(self) -> None:
        """Start the writer."""
        self.queue.open()

    def close(self) -> None:
        """Write what is queued, for a moment at most, and close the file."""
        if self.queue.close(FLUSH_DEADLINE_S):
            self._file.close()

    def _write(self, entry: Entry) -> None:
        data = msgspec.json.encode(line_of(entry)) + b"\n"
        try:
            if self._file.size + len(data) > self._file.limit:
                self._file.rotate()
            self._file.append(data)
        except OSError as error:
            self._report(error)
        else:
            self._problem = ""

    def _report(self, error: OSError) -> None:
        """Log a problem when it is news; the journal goes on with the next entry."""
        text = error.strerror or str(error)
        if text != self._problem:
            self._problem = text
            log.warning("The journal cannot be written: %s", text)


def read(path: Path) -> Iterator[Line]:
    """Yield the entries of a journal, oldest first, those of the older file included.

    A line that is cut off, as by the end of an agent that was killed, is left out.

    Args:
        path: The journal's file.

    Raises:
        OSError: It cannot be read.
    """
    decoder = msgspec.json.Decoder(Line)
    for one in (older(path), path):
        if one != path and not one.exists():
            continue
        with one.open("rb") as lines:
            for data in lines:
                try:
                    yield decoder.decode(data)
                except msgspec.DecodeError:
                    continue
