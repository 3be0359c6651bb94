"""The machine's topology, as the kernel describes it below /sys.

Sources: Documentation/ABI/stable/sysfs-devices-system-cpu, .../sysfs-devices-node and
Documentation/admin-guide/cputopology.rst of the Linux kernel. Files may be missing: an
offline cpu has no topology, a machine without NUMA has no nodes, a virtual machine may show
no caches. A level that is not described is unknown, which the engine takes as a normal case.
"""

from pathlib import Path

from weka_cpuset.engine import Cpu, CpuListError, CpuSet, Node, Topology


class TopologyUnreadable(Exception):
    """The kernel's list of online cpus cannot be read, so there is nothing to place on.

    Args:
        path: The file.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"{str(self.path)!r}: {self.problem}; the agent needs the kernel's list of online cpus"
        )


def read_topology(root: Path) -> Topology:
    """Read the topology of the online cpus.

    Args:
        root: Where sysfs is mounted.

    Returns:
        The topology; levels that sysfs does not describe are unknown in it.

    Raises:
        TopologyUnreadable: The list of online cpus is missing, empty or no cpu list.
    """
    system = root / "devices" / "system"
    online = _read_online(system / "cpu" / "online")
    nodes = _read_nodes(system / "node", online)
    node_of = {cpu: node.id for node in nodes for cpu in node.cpus}
    cpus = [_read_cpu(system / "cpu" / f"cpu{cpu}", cpu, node_of.get(cpu)) for cpu in online]
    return Topology.build(cpus, nodes)


def _read_online(path: Path) -> CpuSet:
    try:
        online = CpuSet.parse(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise TopologyUnreadable(path, error.strerror or "cannot be read") from error
    except (CpuListError, UnicodeDecodeError) as error:
        raise TopologyUnreadable(path, str(error)) from error
    if not online:
        raise TopologyUnreadable(path, "names no cpu")
    return online


def _read_cpu(folder: Path, cpu: int, node: int | None) -> Cpu:
    siblings = _read_list(folder / "topology" / "thread_siblings_list")
    package = _read_number(folder / "topology" / "physical_package_id")
    return Cpu(
        id=cpu,
        # core_id repeats on each package; the lowest sibling names a core of the machine.
        core=siblings.lowest if siblings else None,
        llc=_read_llc(folder / "cache"),
        node=node,
        # -1 stands for "not known" on some architectures.
        package=package if package is not None and package >= 0 else None,
    )


def _read_llc(folder: Path) -> int | None:
    """Return the lowest cpu of the group under the cpu's last-level cache."""
    levels: dict[int, CpuSet] = {}
    for index in _subfolders(folder, "index"):
        level = _read_number(index / "level")
        if level is not None and _read_text(index / "type") != "Instruction":
            levels[level] = _read_list(index / "shared_cpu_list")
    group = levels[max(levels)] if levels else CpuSet.EMPTY
    return group.lowest if group else None


def _read_nodes(folder: Path, online: CpuSet) -> list[Node]:
    folders = {int(path.name[4:]): path for path in _subfolders(folder, "node")}
    has_memory = _read_text(folder / "has_memory")
    # Kernels without the file are older than memoryless nodes.
    with_memory = CpuSet.of(folders) if has_memory is None else _parse(has_memory)
    return [
        Node(
            id=node,
            cpus=_read_list(path / "cpulist") & online,
            has_memory=node in with_memory,
            distances=_read_distances(path / "distance", sorted(folders)),
        )
        for node, path in sorted(folders.items())
    ]


def _read_distances(path: Path, nodes: list[int]) -> dict[int, int]:
    """Return distance by node id; the file lists the online nodes in ascending order."""
    fields = (_read_text(path) or "").split()
    if len(fields) != len(nodes) or not all(field.isdecimal() for field in fields):
        return {}
    return dict(zip(nodes, map(int, fields), strict=True))


def _subfolders(folder: Path, prefix: str) -> list[Path]:
    """Return the subfolders with a name of the prefix and a number, such as `node0`."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
    return [
        folder / name
        for name in names
        if name.startswith(prefix) and name[len(prefix) :].isdecimal()
    ]


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _read_number(path: Path) -> int | None:
    text = _read_text(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _read_list(path: Path) -> CpuSet:
    return _parse(_read_text(path) or "")


def _parse(text: str) -> CpuSet:
    try:
        return CpuSet.parse(text) if text else CpuSet.EMPTY
    except CpuListError:
        return CpuSet.EMPTY
