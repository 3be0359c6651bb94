"""The runtime's socket: its successor is noticed within a quarter of a second."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weka_cpuset.presence import LOOK_S, mark_of, wait_for_successor


@contextlib.contextmanager
def listening(path: Path) -> Iterator[None]:
    """Make a socket as a runtime does; its file stays when it ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        yield


def appear(path: Path) -> None:
    """A runtime starts."""
    with listening(path):
        pass


def remount(path: Path) -> None:
    """The folder is another one from now on."""
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    appear(path)


def change_time(path: Path) -> None:
    """The successor has, by chance, the same inode number."""
    path.chmod(0o600)
    os.utime(path)


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize("change", [appear, remount, change_time])
async def test_successor_ends_the_wait(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """A new socket, or a new folder, ends a long pause at the next look."""
    path = tmp_path / "run" / "nri.sock"
    path.parent.mkdir()
    appear(path)
    clock = asyncio.get_running_loop().time
    asyncio.get_running_loop().call_later(1.0, change, path)
    begin_s = clock()
    await wait_for_successor(path, mark_of(path), 5.0)
    assert clock() - begin_s <= 1.0 + 2 * LOOK_S


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_same_socket_or_none_is_waited_for_to_the_end(tmp_path: Path) -> None:
    """As long as nothing new is there, the pause is kept: no flapping."""
    path = tmp_path / "nri.sock"
    clock = asyncio.get_running_loop().time
    for _ in range(2):
        begin_s = clock()
        await wait_for_successor(path, mark_of(path), 5.0)
        assert clock() - begin_s >= 5.0 - 1e-6
        appear(path)
