"""Ends everything that belongs to one containerd instance, also when the tests were killed.

The reaper is a process of its own. It waits for the end of its standard input, which comes
when the test closes it or when the test's process dies, whatever the reason. Then it kills
the processes, takes down the mounts and removes the cgroups and shim sockets of the instance.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from os import getpid, kill
from pathlib import Path
from typing import Final

from nodestress import cgroups
from nodestress.waiting import wait_for

# containerd makes its shims' sockets here whatever its configuration says.
SHIM_SOCKETS: Final = Path("/run/containerd/s")


def reap(folder: Path, cgroup: str) -> None:
    """Ends the instance; does nothing where nothing is left.

    Args:
        folder: the instance's folder. Every process of an instance has it in its command line.
        cgroup: the cgroup below which all pods of the instance are.
    """
    sockets = list(_shim_sockets(folder))
    wait_for("processes to end", lambda: not _kill(folder, cgroup))
    for mount in reversed(list(_mounts(folder))):
        subprocess.run(["umount", "--lazy", str(mount)], check=True)
    cgroups.remove(cgroup)
    for socket in sockets:
        socket.unlink(missing_ok=True)


def _kill(folder: Path, cgroup: str) -> list[int]:
    """Kills all processes of the instance; returns those it found."""
    found = [*processes(folder), *cgroups.processes(cgroup)]
    for pid in found:
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    return found


def processes(folder: Path) -> list[int]:
    """The processes whose command line names something in the folder, without our own."""
    mark = f"{folder}/".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if pid != getpid()]


def _mounts(folder: Path) -> Iterator[Path]:
    """The mounts below the folder, in the order in which they were made."""
    for line in cgroups.MOUNTS.read_text().splitlines():
        point = Path(line.split()[4])
        if point.is_relative_to(folder):
            yield point


def _shim_sockets(folder: Path) -> Iterator[Path]:
    """The sockets of the shims that the instance's state names."""
    for file in folder.glob("state/*/*/*/address"):  # containerd 1.7
        yield _socket_of(file.read_text())
    for file in folder.glob("state/*/*/*/bootstrap.json"):  # containerd 2
        yield _socket_of(json.loads(file.read_text())["address"])


def _socket_of(address: str) -> Path:
    return SHIM_SOCKETS / Path(address).name


def main() -> int:
    """Waits for the end of standard input, then reaps."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder, cgroup = sys.argv[1:]
    sys.stdin.read()
    reap(Path(folder), cgroup)
    return 0


if __name__ == "__main__":
    sys.exit(main())
