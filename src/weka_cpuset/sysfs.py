"""The machine and its topology, as the kernel describes them below /sys.

Sources: Documentation/ABI/stable/sysfs-devices-system-cpu, .../sysfs-devices-node and
Documentation/admin-guide/cputopology.rst of the Linux kernel. Files may be missing: an
offline cpu has no topology, a machine without NUMA has no nodes, a virtual machine may show
no caches. A level that is not described is unknown, which the engine takes as a normal case.
"""

from collections.abc import Iterable
from pathlib import Path

from weka_cpuset.engine import MAX_CPU, Cpu, CpuListError, CpuSet, Topology
from weka_cpuset.machine import ID_MAX, Machine, nodes_with


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
    return read_machine(root, "this machine").topology()


def read_machine(root: Path, name: str) -> Machine:
    """Read the machine with all its cpus.

    Args:
        root: Where sysfs is mounted.
        name: What to call the machine.

    Returns:
        The machine; levels that sysfs does not describe are unknown in it.

    Raises:
        TopologyUnreadable: The list of online cpus is missing, empty or no cpu list.
        MachineInvalid: The name cannot be used.
    """
    system = root / "devices" / "system"
    online = read_online(root)
    offline = _read_list(system / "cpu" / "present") - online
    nodes = _node_folders(system / "node")
    node_of = {
        cpu: node for node, path in nodes.items() for cpu in _read_list(path / "cpulist") & online
    }
    cpus = tuple(
        _read_cpu(system / "cpu" / f"cpu{cpu}", cpu, node_of.get(cpu))
        if cpu in online
        else _read_offline_cpu(system / "cpu" / f"cpu{cpu}", cpu, CpuSet.of(nodes))
        for cpu in online | offline
    )
    distances = {
        node: _read_distances(path / "distance", list(nodes)) for node, path in nodes.items()
    }
    memory = _read_memory(system / "node" / "has_memory", nodes)
    return Machine(name, cpus, offline, nodes_with(cpus, memory, distances))


def read_online(root: Path) -> CpuSet:
    """Read which cpus are online: one small file, cheap enough to be read each second.

    Args:
        root: Where sysfs is mounted.

    Returns:
        The cpus; not empty.

    Raises:
        TopologyUnreadable: The list of online cpus is missing, empty or no cpu list.
    """
    return _read_online(root / "devices" / "system" / "cpu" / "online")


def read_memory_nodes(root: Path) -> CpuSet:
    """Read which NUMA nodes have memory: a small file and the names of a folder.

    Args:
        root: Where sysfs is mounted.

    Returns:
        Their ids; empty on a machine without NUMA.
    """
    folder = root / "devices" / "system" / "node"
    return _read_memory(folder / "has_memory", _node_folders(folder))


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
        package=package if package is not None and 0 <= package <= ID_MAX else None,
    )


def _read_offline_cpu(folder: Path, cpu: int, nodes: CpuSet) -> Cpu:
    """Return what is left of a cpu that is offline: the link to its node."""
    links = [int(path.name[4:]) for path in _subfolders(folder, "node")]
    return Cpu(cpu, node=next((node for node in links if node in nodes), None))


def _read_llc(folder: Path) -> int | None:
    """Return the lowest cpu of the group under the cpu's last-level cache."""
    levels: dict[int, CpuSet] = {}
    for index in _subfolders(folder, "index"):
        level = _read_number(index / "level")
        if level is not None and _read_text(index / "type") != "Instruction":
            levels[level] = _read_list(index / "shared_cpu_list")
    group = levels[max(levels)] if levels else CpuSet.EMPTY
    return group.lowest if group else None


def _node_folders(folder: Path) -> dict[int, Path]:
    """Return the folders of the nodes by id, ascending."""
    folders = {int(path.name[4:]): path for path in _subfolders(folder, "node")}
    return {node: folders[node] for node in sorted(folders) if node <= MAX_CPU}


def _read_memory(path: Path, nodes: Iterable[int]) -> CpuSet:
    """Return the ids of the nodes with memory."""
    has_memory = _read_text(path)
    # Kernels without the file are older than memoryless nodes.
    return CpuSet.of(nodes) if has_memory is None else _parse(has_memory)


def _read_distances(path: Path, nodes: list[int]) -> dict[int, int]:
    """Return distance by node id; the file lists the online nodes in ascending order."""
    fields = (_read_text(path) or "").split()
    if len(fields) != len(nodes) or not all(field.isdecimal() for field in fields):
        return {}
    distances = dict(zip(nodes, map(int, fields), strict=True))
    return distances if max(distances.values(), default=0) <= ID_MAX else {}


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
