"""One agent per runtime: a lock that needs no writable file.

Two connected agents would claim the same cpusets and make every container creation fail,
so an agent holds an advisory lock (flock(2)) while it is connected. The lock is taken on
the directory of the NRI socket: it is the one thing that all agents of a node share, also
from inside containers, and it needs no write permission. The kernel drops the lock when
the process ends, however it ends.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class AnotherInstance(Exception):
    """Another agent holds the lock.

    Args:
        directory: The locked directory.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.directory = directory

    def __str__(self) -> str:
        return f"another agent is connected to the runtime at {str(self.directory)!r}"


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold the agent's lock on a directory for the length of a `with` block.

    Args:
        directory: The directory of the NRI socket.

    Raises:
        AnotherInstance: Another process holds the lock.
        OSError: The directory cannot be opened.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise AnotherInstance(directory) from error
            raise
        yield
    finally:
        os.close(handle)
