"""Notice at once that the runtime's socket is there again.

While the agent waits to connect, one look at the socket's path four times a second tells when
a runtime has made a new socket there, or when the folder has been mounted anew. A look is a
single system call on a file system in memory; nothing of the runtime is touched.
"""

import asyncio
import os
from pathlib import Path

LOOK_S = 0.25
"""How often the path is looked at, in seconds."""

Mark = tuple[int, int, int] | None
"""What tells one socket from its successor; None: there is none."""


def mark_of(path: Path) -> Mark:
    """Return what tells the socket at a path from its predecessor and its successor.

    Inode numbers are used again at once by file systems in memory; the time of the last change
    is not.

    Args:
        path: The socket's path.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  # pathlib adds nothing
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_ctime_ns)


async def wait_for_successor(path: Path, before: Mark, longest_s: float) -> None:
    """Wait until another socket is at a path, or until some time is over.

    Args:
        path: The socket's path.
        before: What was there at the last attempt to connect.
        longest_s: The longest time to wait, in seconds.
    """
    clock = asyncio.get_running_loop().time
    end_s = clock() + longest_s
    while (left_s := end_s - clock()) > 0:
        await asyncio.sleep(min(LOOK_S, left_s))
        if mark_of(path) not in (before, None):
            return
