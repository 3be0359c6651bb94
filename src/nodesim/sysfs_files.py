"""The files by which the kernel describes a machine, written into a folder.

The inverse of `weka_cpuset.sysfs`: it lets the real agent run on a machine that does not
exist. What the kernel does not tell of offline cpus is left out here too.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from weka_cpuset.engine import Cpu, CpuSet, Node
from weka_cpuset.machine import Machine


def write_sysfs(machine: Machine, root: Path) -> None:
    """Write the sysfs files of a machine below a folder.

    Args:
        machine: The machine.
        root: The folder that takes the place of /sys; it may exist.

    Raises:
        OSError: A file cannot be written.
    """
    system = root / "devices" / "system"
    for name, content in _files(machine):
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="ascii")
    for cpu in machine.cpus:
        folder = system / "cpu" / f"cpu{cpu.id}"
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / f"node{cpu.node}"
        if cpu.node is not None and not link.is_symlink():
            link.symlink_to(f"../../node/node{cpu.node}")


def _files(machine: Machine) -> Iterator[tuple[str, object]]:
    """Yield the names of the files, below `devices/system`, and what is in them."""
    online = [cpu for cpu in machine.cpus if cpu.id not in machine.offline]
    yield "cpu/online", machine.online
    yield "cpu/present", machine.present
    siblings = _groups({cpu.id: (cpu.package, cpu.core) for cpu in online if cpu.core is not None})
    sharing = _groups({cpu.id: cpu.llc for cpu in online if cpu.llc is not None})
    for cpu in online:
        yield from _cpu_files(cpu, siblings, sharing)
    if machine.nodes:
        yield "node/online", CpuSet.of(node.id for node in machine.nodes)
        yield "node/has_memory", CpuSet.of(node.id for node in machine.nodes if node.has_memory)
    for node in machine.nodes:
        yield from _node_files(node, machine)


def _cpu_files(
    cpu: Cpu, siblings: Mapping[int, CpuSet], sharing: Mapping[int, CpuSet]
) -> Iterator[tuple[str, object]]:
    if cpu.package is not None:
        yield f"cpu/cpu{cpu.id}/topology/physical_package_id", cpu.package
    if cpu.id in siblings:
        yield f"cpu/cpu{cpu.id}/topology/thread_siblings_list", siblings[cpu.id]
    if cpu.id in sharing:
        yield f"cpu/cpu{cpu.id}/cache/index3/level", 3
        yield f"cpu/cpu{cpu.id}/cache/index3/type", "Unified"
        yield f"cpu/cpu{cpu.id}/cache/index3/shared_cpu_list", sharing[cpu.id]


def _node_files(node: Node, machine: Machine) -> Iterator[tuple[str, object]]:
    yield f"node/node{node.id}/cpulist", node.cpus & machine.online
    ids = [other.id for other in machine.nodes]
    if all(other in node.distances for other in ids):
        distances = " ".join(str(node.distances[other]) for other in ids)
        yield f"node/node{node.id}/distance", distances


def _groups(places: Mapping[int, object]) -> dict[int, CpuSet]:
    """Return for each cpu those at the same place, itself included."""
    members: dict[object, list[int]] = {}
    for cpu, place in places.items():
        members.setdefault(place, []).append(cpu)
    sets = {place: CpuSet.of(cpus) for place, cpus in members.items()}
    return {cpu: sets[place] for cpu, place in places.items()}
