"""A container's cpuset in the cgroup file system: where it is, reading and writing it.

Sources: Documentation/admin-guide/cgroup-v1/cpusets.rst and cgroup-v2.rst of the Linux
kernel for the files; systemd.slice(5) for the names of slices; the OCI runtime
specification and runc for the form `slice:prefix:name` of a systemd cgroup path.

The files are read with plain system calls: an audit reads three for each container, and the
layers of Python's text files cost more than the kernel does.
"""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet

EFFECTIVE_FILES = ("cpuset.cpus.effective", "cpuset.effective_cpus")
"""What is left of a cgroup's cpus by its parents and by hotplug: in version 2, in version 1."""

PODS_FOLDER = "kubepods"
"""Part of the name of the folder that has all pods, whatever driver and parent kubelet has."""

PODS_DEPTH = 3
"""How deep below the root this folder is looked for: kubelets have at most a short prefix."""

_PODS = re.compile(rf"[/-]{PODS_FOLDER}(\.slice)?$")

_NO_PODS = (".service", ".scope", ".mount", ".socket", ".swap")
"""Ends of names of systemd's folders that have no pods."""

CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
"""An id as containerd and CRI-O make them, in the name of a container's folder."""

READ_BYTES = 16 * 1024
"""The most that is read of a file at once, in bytes; a cpu list is rarely longer."""


FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""The inode of the host's own pid name space (PROC_PID_INIT_INO in the kernel's proc_ns.h)."""


def sees_all_processes(own: Path = Path("/proc/self/ns/pid")) -> bool:
    """Tell whether this process sees the processes of the whole host, by its pid name space.

    Args:
        own: What procfs says about it.
    """
    try:
        return own.stat().st_ino == FIRST_PID_NAMESPACE
    except OSError:
        return False


class CpusetTree:
    """The part of the cgroup file system that holds cpusets.

    Args:
        root: Where cgroups are mounted: version 2, or the folder with version 1's
            `cpuset` hierarchy in it.
        sees_all: Whether this process sees those of all containers. Version 1 leaves out of
            its lists those of other pid name spaces, so a list proves nothing to an agent
            in a pod; version 2 counts them all.
    """

    def __init__(self, root: Path, *, sees_all: bool | None = None) -> None:
        self._sees_all = sees_all_processes() if sees_all is None else sees_all
        v1 = root / "cpuset"
        self._is_v1 = (v1 / "cpuset.cpus").exists()
        self._root = str(v1 if self._is_v1 else root)
        self._effective_file = EFFECTIVE_FILES[self._is_v1]

    def read(self, path: str) -> Enforced:
        """Read back what the kernel enforces for a container.

        Args:
            path: The container's cgroup path as the runtime reports it.

        Raises:
            OSError: The cgroup does not exist or cannot be read.
            ValueError: The path is none, or a file holds no list.
        """
        folder = self._folder(path)
        try:
            effective = _parse(_read(f"{folder}/{self._effective_file}"))
        except FileNotFoundError:  # of an older kernel, if the cgroup exists at all
            effective = None
        cpus = _parse(_read(f"{folder}/cpuset.cpus"))
        return Enforced(cpus, _parse(_read(f"{folder}/cpuset.mems")), effective)

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Let the tasks of a cgroup run on these cpus from now on.

        Args:
            path: The container's cgroup path as the runtime reports it.
            cpus: The cpus; not empty.
            mems: The memory nodes; empty: leave them as they are.

        Raises:
            OSError: The cgroup does not exist, cannot be written, or the kernel refuses.
            ValueError: The path is none.
        """
        folder = self._folder(path)
        _write(f"{folder}/cpuset.cpus", cpus)
        if mems:
            _write(f"{folder}/cpuset.mems", mems)

    def is_dead(self, path: str) -> bool:
        """Tell whether a container's cgroup is there and has no process, nor below it.

        A cgroup that is not there proves nothing: the agent may see another part of the tree.

        Args:
            path: The container's cgroup path as the runtime reports it.
        """
        try:
            folder = self._folder(path)
            if self._is_v1:
                return self._sees_all and not any(
                    _has_process(below) for below, _, _ in os.walk(folder, onerror=_up)
                )
            return b"populated 0" in _read(f"{folder}/cgroup.events")
        except (OSError, ValueError):
            return False

    def containers(self) -> frozenset[str]:
        """List the containers of pods that have a cgroup; empty where the tree cannot be read.

        A pod's first folder is that of its sandbox, and may be its only one for as long as an
        image is pulled: it is left out while it is alone.

        Returns:
            The names of their folders, those of sandboxes that have company included.
        """
        found: set[str] = set()
        folders = [self._root]
        while folders:
            folder = folders.pop()
            inside = set()
            for name in _folders_in(folder):
                path = f"{folder}/{name}"
                if CONTAINER_ID.search(name) is None:
                    folders.append(path)
                elif PODS_FOLDER in path:
                    inside.add(name)
            if len(inside) > 1:
                found |= inside
        return frozenset(found)

    def pods_cpus(self) -> CpuSet | None:
        """Return the cpus that all pods together may use.

        Returns:
            What is left to the folder of all pods by its parents, by hotplug and by whoever has
            narrowed it; None if there is no such folder, or it says nothing.
        """
        # Looked for anew each time: another kubelet makes another one, and the nearest counts.
        folder = self._find_pods()
        if folder is None:
            return None
        try:
            return _parse(_read(f"{folder}/{self._effective_file}")) or None
        except (OSError, ValueError):
            return None

    def _find_pods(self) -> str | None:
        """Look for the folder of all pods, the nearest first."""
        level = [self._root]
        for _ in range(PODS_DEPTH):
            below = [f"{folder}/{name}" for folder in level for name in sorted(_folders_in(folder))]
            for path in below:
                if _PODS.search(path) is not None:
                    return path
            level = [path for path in below if not path.endswith(_NO_PODS)]
        return None

    def _folder(self, path: str) -> str:
        return f"{self._root}/{_relative(path)}"


def relative_path(path: str) -> PurePosixPath:
    """Return where a cgroup is below its hierarchy's root.

    Args:
        path: `/kubepods/podX/ID` of the cgroupfs driver, or `SLICE:PREFIX:ID` of systemd's.

    Raises:
        ValueError: The path is empty or leaves the hierarchy.
    """
    slice_name, colon, scope = path.partition(":")
    if colon:
        prefix, _, name = scope.partition(":")
        whole = _slice_path(slice_name) / f"{prefix}-{name}.scope"
    else:
        whole = PurePosixPath(path.lstrip("/"))
    if not whole.parts or ".." in whole.parts:
        raise ValueError(path)
    return whole


def _slice_path(name: str) -> PurePosixPath:
    """Return `a.slice/a-b.slice` for `a-b.slice`: a dash stands for a level."""
    levels = name.removesuffix(".slice").split("-")
    names = ("-".join(levels[: count + 1]) + ".slice" for count in range(len(levels)))
    return PurePosixPath(*names)


# A node has some hundred containers, and each is looked at again and again.
_relative = functools.lru_cache(maxsize=4096)(lambda path: str(relative_path(path)))


@functools.lru_cache(maxsize=1024)
def _parse(text: bytes) -> CpuSet:
    stripped = text.decode("ascii").strip()
    return CpuSet.parse(stripped) if stripped else CpuSet.EMPTY


def _read(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(handle, READ_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(handle)


def _write(path: str, value: CpuSet) -> None:
    """Write a list with one call: the kernel takes each call for a whole list."""
    # Never made: these files exist as long as the cgroup does.
    handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(handle, str(value).encode("ascii"))
    finally:
        os.close(handle)


def _folders_in(path: str) -> Iterator[str]:
    """Yield the names of the folders in a folder; none if it is not there any more."""
    try:
        with os.scandir(path) as entries:
            yield from [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    except OSError:
        return


def _has_process(folder: str) -> bool:
    return bool(_read(f"{folder}/cgroup.procs").strip())


def _up(error: OSError) -> None:
    raise error
