"""The cgroup tree of a node, version 1 and 2: where it is, and what a kubelet does to it."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import kill
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
CONTROLLERS: Final = ("cpuset", "cpu", "memory", "pids")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy.

    Attributes:
        root: Where it is mounted.
        controllers: The controllers that belong to it.
        unified: Whether it is of version 2.
    """

    root: Path
    controllers: frozenset[str]
    unified: bool


def hierarchies() -> tuple[Hierarchy, ...]:
    """Return all cgroup hierarchies that are mounted, in mount order."""
    return tuple(_read_hierarchies())


def _read_hierarchies() -> Iterator[Hierarchy]:
    for line in MOUNTS.read_text().splitlines():
        mount, _, source = line.partition(" - ")
        root = Path(mount.split()[4])
        kind, _, options = source.split(maxsplit=2)
        if kind == "cgroup":
            yield Hierarchy(root, frozenset(options.split(",")), unified=False)
        elif kind == "cgroup2":
            names = (root / "cgroup.controllers").read_text().split()
            yield Hierarchy(root, frozenset(names), unified=True)


def hierarchy_of(controller: str) -> Hierarchy:
    """Return the hierarchy that a controller belongs to."""
    return next(found for found in hierarchies() if controller in found.controllers)


def make(cgroup: str, values: Mapping[str, Mapping[str, int | str]]) -> None:
    """Make a cgroup and its parents in all hierarchies, as a kubelet does for a pod.

    Args:
        cgroup: Absolute path below the hierarchies' roots.
        values: File name -> value for each controller (of version 1 or 2, as is mounted).
    """
    for found in hierarchies():
        folder = found.root
        for part in Path(cgroup).parts[1:]:
            parent, folder = folder, folder / part
            if found.unified:
                _delegate(parent, found.controllers)
            folder.mkdir(exist_ok=True)
            if "cpuset" in found.controllers and not found.unified:
                _inherit_cpuset(parent, folder)
        for controller in found.controllers & values.keys():
            for name, value in values[controller].items():
                (folder / name).write_text(str(value))


def _delegate(parent: Path, available: frozenset[str]) -> None:
    """Let the children of a version 2 cgroup use the controllers that pods need."""
    wanted = " ".join(f"+{name}" for name in CONTROLLERS if name in available)
    if wanted:
        (parent / "cgroup.subtree_control").write_text(wanted)


def _inherit_cpuset(parent: Path, folder: Path) -> None:
    """A new version 1 cpuset is empty and takes no process; fill it from its parent."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not (folder / name).read_text().strip():
            (folder / name).write_text((parent / name).read_text())


def processes(cgroup: str) -> frozenset[int]:
    """Return the processes of a cgroup and all cgroups below it, in any hierarchy."""
    files = (file for found in hierarchies() for file in _below(found, cgroup, "cgroup.procs"))
    found_pids: set[int] = set()
    for file in files:
        with suppress(OSError):  # the cgroup went away meanwhile
            found_pids |= {int(line) for line in file.read_text().split()}
    return frozenset(found_pids)


def kill_all(cgroup: str) -> None:
    """Kill the processes of a cgroup and of all cgroups below it."""
    for pid in processes(cgroup):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def remove(cgroup: str) -> None:
    """Remove a cgroup and all below it, in all hierarchies; they must have no processes."""
    for found in hierarchies():
        folders = [file.parent for file in _below(found, cgroup, "cgroup.procs")]
        for folder in sorted(folders, reverse=True):
            with suppress(FileNotFoundError):
                folder.rmdir()


def _below(found: Hierarchy, cgroup: str, name: str) -> list[Path]:
    top = found.root / cgroup.lstrip("/")
    return list(top.rglob(name)) if top.is_dir() else []
