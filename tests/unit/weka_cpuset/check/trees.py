"""Files of a node in a folder: processes, cgroups, sockets."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder and return the folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def write_processes(proc: Path, command_lines: Sequence[Sequence[str]]) -> Path:
    """Write command lines as procfs has them, numbered from 1."""
    return write(
        proc,
        {
            f"{pid}/cmdline": "".join(f"{word}\0" for word in words)
            for pid, words in enumerate(command_lines, start=1)
        },
    )


@contextmanager
def bound_socket(path: Path) -> Iterator[socket.socket]:
    """A unix socket at a path, closed at the end; it does not listen yet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(os.fspath(path))
        yield server


V1 = {"cpuset/cpuset.cpus": "0-7\n", "cpuset/kubepods/cpuset.cpus": "0-5\n"}

V2 = {
    "cgroup.controllers": "cpuset cpu memory\n",
    "kubepods.slice/cgroup.controllers": "cpuset cpu memory\n",
    "kubepods.slice/cpuset.cpus.effective": "0-7\n",
}
