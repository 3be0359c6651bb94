"""Lines appended to a file; one older file beside it; never more bytes than was allowed."""

import contextlib
import errno
import os
import stat
from pathlib import Path

FILE_MODE = 0o600
"""Only the owner reads it: what runs on a node is not everybody's business."""


class NoRegularFile(OSError):
    """Only a regular file will do: others cannot be rotated, and may block."""

    def __str__(self) -> str:
        return "it is not a regular file"


def older(path: Path) -> Path:
    """Return the path of the older file."""
    return path.with_name(path.name + ".1")


class RotatedFile:
    """Appends to `path`; what is older is in `path` with `.1`.

    Args:
        path: The file. What is in it stays, up to the next rotation.
        max_bytes: How many bytes both files together may have.

    Attributes:
        limit: How many bytes this file may have.
        size: How many it has.

    Raises:
        OSError: The file cannot be opened for appending.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.limit = max_bytes // 2
        self._path = path
        self._handle = self._open()
        self.size = os.fstat(self._handle).st_size
        # The last agent may have been killed in the middle of a line.
        self._cut = self.size > 0

    def append(self, data: bytes) -> None:
        """Append whole lines. After a line that was cut off they begin on one of their own.

        Raises:
            OSError: They could not be written, or not all of them.
        """
        data = b"\n" + data if self._cut else data
        try:
            written = os.write(self._handle, data)
        except BaseException:
            self._cut = True
            raise
        self.size += written
        self._cut = written < len(data)
        if self._cut:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def rotate(self) -> None:
        """Make this file the older one, and begin a new one.

        Raises:
            OSError: That cannot be done.
        """
        with contextlib.suppress(FileNotFoundError):  # whoever moved it away has rotated it
            self._path.replace(older(self._path))
        handle = self._open()
        os.close(self._handle)
        self._handle = handle
        self.size = os.fstat(handle).st_size
        self._cut = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

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
