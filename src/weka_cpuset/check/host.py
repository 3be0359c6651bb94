"""What the kernel tells of a node: cgroup tree, NRI socket, locks, plugin folder, cpus.

Sources: Documentation/admin-guide/cgroup-v1/cpusets.rst and cgroup-v2.rst of the Linux
kernel; proc(5) for /proc/locks; net/unix/af_unix.c for the columns of /proc/net/unix.
"""

import os
import socket
import stat
from pathlib import Path

from weka_cpuset import sysfs
from weka_cpuset.check import files
from weka_cpuset.check.facts import RUN_AS_ROOT, CgroupTree, Fact, NotReadable, SocketState, Unknown
from weka_cpuset.engine import CpuListError, CpuSet, Topology

CONNECT_TIMEOUT_S = 2.0
"""How long a connect to the NRI socket may take, in seconds."""

_PODS = ("kubepods", "kubepods.slice", "kubelet/kubepods", "kubelet.slice/kubelet-kubepods.slice")
_ACCEPTING = 0x10000  # __SO_ACCEPTCON in the column of flags
_X_BITS = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def read_topology(root: Path) -> Topology:
    """Read the machine's topology.

    Args:
        root: Where sysfs is mounted.

    Raises:
        NotReadable: The list of online cpus cannot be read.
    """
    try:
        return sysfs.read_topology(root)
    except sysfs.TopologyUnreadable as error:
        raise NotReadable(error.path, error.problem) from error


def read_present(root: Path) -> CpuSet:
    """Read which cpus the machine has, online or not.

    Args:
        root: Where sysfs is mounted.

    Raises:
        OSError: The list is there and cannot be read.
        NotReadable: There is no such list.
    """
    return _read_cpu_list(root / "devices/system/cpu/present")


def read_cgroups(root: Path) -> CgroupTree:
    """Read what kind of cgroup tree there is, and what pods may do in it.

    Args:
        root: Where cgroups are mounted.

    Raises:
        OSError: The tree cannot be read.
        NotReadable: There is no cgroup tree.
    """
    if (root / "cgroup.controllers").exists():
        return _read_v2(root)
    for tree in (root / "cpuset", root):
        if (tree / "cpuset.cpus").exists():
            pods = _find_pods(tree)
            cpus = _read_cpu_list(tree / pods / "cpuset.cpus") if pods else CpuSet.EMPTY
            return CgroupTree(1, pods, cpus, cpuset=True, writable=_writable(tree / (pods or "")))
    if any((root / name / "tasks").exists() for name in ("cpu", "memory", "pids")):
        return CgroupTree(1, None, CpuSet.EMPTY, cpuset=False, writable=False)
    raise NotReadable(root, "no cgroup tree is mounted here")


def _read_v2(root: Path) -> CgroupTree:
    pods = _find_pods(root)
    folder = root / (pods or "")
    controllers = (files.read_bytes(folder / "cgroup.controllers") or b"").split()
    effective = folder / "cpuset.cpus.effective"
    cpus = _read_cpu_list(effective) if pods and effective.exists() else CpuSet.EMPTY
    return CgroupTree(2, pods, cpus, cpuset=b"cpuset" in controllers, writable=_writable(folder))


def _find_pods(tree: Path) -> str | None:
    return next((name for name in _PODS if (tree / name).is_dir()), None)


def _writable(folder: Path) -> Fact[bool]:
    """Tell whether root may write a folder, by its mount and its mode; nothing is written."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return False
    if os.access(folder, os.W_OK):
        return True
    # Another user's rights say nothing of the agent's.
    return Unknown(f"{folder}: this user may not write it", RUN_AS_ROOT) if os.geteuid() else False


def _read_cpu_list(path: Path) -> CpuSet:
    data = files.read_bytes(path)
    if data is None:
        raise NotReadable(path, "is not there")
    text = data.decode(errors="replace").strip()
    try:
        return CpuSet.parse(text) if text else CpuSet.EMPTY
    except CpuListError as error:
        raise NotReadable(path, str(error)) from error


def read_socket(path: Path, proc: Path, *, connect: bool) -> SocketState:
    """Look at the NRI socket.

    Args:
        path: The socket.
        proc: Where procfs is mounted; it shows the sockets of this network name space.
        connect: Whether to connect, and close at once. The runtime takes one plugin after
            the other, so it is done only when asked for.

    Raises:
        OSError: The folder may not be looked into, or the socket not be connected to.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return SocketState.MISSING
    if not stat.S_ISSOCK(mode):
        return SocketState.NO_SOCKET
    if connect:
        return _connect(path)
    return SocketState.LISTENING if _is_listening(path, proc) else SocketState.SILENT


def _connect(path: Path) -> SocketState:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(CONNECT_TIMEOUT_S)
        try:
            peer.connect(str(path))
        except (ConnectionRefusedError, TimeoutError):
            return SocketState.REFUSES
    return SocketState.ACCEPTS


def _is_listening(path: Path, proc: Path) -> bool:
    real = path.resolve()
    data = files.read_bytes(proc / "net" / "unix") or b""
    for line in data.decode(errors="replace").splitlines()[1:]:
        # Num, RefCount, Protocol, Flags, Type, St, Inode, Path
        fields = line.split(maxsplit=7)
        listens = len(fields) == 8 and int(fields[3], 16) & _ACCEPTING
        if listens and fields[7].startswith("/") and Path(fields[7]).resolve() == real:
            return True
    return False


def is_locked(folder: Path, proc: Path) -> bool:
    """Tell whether an agent holds its lock on the folder of the NRI socket.

    Args:
        folder: The folder.
        proc: Where procfs is mounted.

    Raises:
        OSError: The list of locks, or the folder, cannot be read.
        NotReadable: There is no list of locks.
    """
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    data = files.read_bytes(proc / "locks")
    if data is None:
        raise NotReadable(proc / "locks", "is not there")
    where = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any(
        "FLOCK" in fields and where in fields
        for fields in map(str.split, data.decode().split("\n"))
    )


def read_plugins(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that the runtime would launch, in its order.

    Args:
        folder: The runtime's plugin folder.

    Raises:
        OSError: The folder is there and cannot be read.
    """
    names = files.list_names(folder)
    return tuple(name for name in names if _is_program(folder / name))


def _is_program(path: Path) -> bool:
    # The runtime looks at the link itself, and the mode of a link has all x bits.
    mode = path.lstat().st_mode
    return not stat.S_ISDIR(mode) and mode & _X_BITS != 0
