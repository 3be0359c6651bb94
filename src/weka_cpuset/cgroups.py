"""A container's cpuset in the cgroup file system: where it is, and writing it.

Sources: Documentation/admin-guide/cgroup-v1/cpusets.rst and cgroup-v2.rst of the Linux
kernel for the files; systemd.slice(5) for the names of slices; the OCI runtime
specification and runc for the form `slice:prefix:name` of a systemd cgroup path.
"""

from pathlib import Path, PurePosixPath

from weka_cpuset.engine import CpuSet


class CpusetTree:
    """The part of the cgroup file system that holds cpusets.

    Args:
        root: Where cgroups are mounted: version 2, or the folder with version 1's
            `cpuset` hierarchy in it.
    """

    def __init__(self, root: Path) -> None:
        v1 = root / "cpuset"
        self._root = v1 if (v1 / "cpuset.cpus").exists() else root

    def read_cpus(self, path: str) -> CpuSet:
        """Return the cpus that a cgroup was last given.

        Args:
            path: The container's cgroup path as the runtime reports it.

        Raises:
            OSError: The cgroup does not exist or cannot be read.
            ValueError: The path is none, or the file holds no cpu list.
        """
        text = (self._root / relative_path(path) / "cpuset.cpus").read_text(encoding="ascii")
        return CpuSet.parse(text.strip()) if text.strip() else CpuSet.EMPTY

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
        folder = self._root / relative_path(path)
        (folder / "cpuset.cpus").write_text(str(cpus))
        if mems:
            (folder / "cpuset.mems").write_text(str(mems))


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
