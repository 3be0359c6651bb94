"""The instance lock: one holder per directory, free again however the holder ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from weka_cpuset import instance

HOLDER = """
import pathlib, sys
from weka_cpuset import instance
with instance.lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_holder_is_refused(tmp_path: Path) -> None:
    """While one agent holds the lock, another one is told so, with the directory."""
    with (
        instance.lock(tmp_path),
        pytest.raises(instance.AnotherInstance) as caught,
        instance.lock(tmp_path),
    ):
        pass
    assert tmp_path == caught.value.directory
    assert str(tmp_path) in str(caught.value)


def test_lock_is_free_after_the_block(tmp_path: Path) -> None:
    """The lock can be taken again when its block has ended."""
    for _ in range(2):
        with instance.lock(tmp_path):
            assert list(tmp_path.iterdir()) == []


def test_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    """A holder that is killed leaves nothing behind."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(instance.AnotherInstance), instance.lock(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with instance.lock(tmp_path):
        pass


def test_missing_directory_is_an_os_error(tmp_path: Path) -> None:
    """A directory that is not there yet is reported as the system reports it."""
    with pytest.raises(FileNotFoundError), instance.lock(tmp_path / "missing"):
        pass


def test_lock_works_on_a_read_only_directory(tmp_path: Path) -> None:
    """The lock writes nothing, so a directory without write permission will do."""
    tmp_path.chmod(0o500)
    with instance.lock(tmp_path):
        pass
