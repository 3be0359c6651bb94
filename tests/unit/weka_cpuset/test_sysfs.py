"""Reading the topology: whole machines, and every file that may be missing."""

import dataclasses
import itertools
import shutil
from pathlib import Path

import pytest

from nodesim.machines import MACHINES, grid
from nodesim.sysfs_files import write_sysfs
from weka_cpuset.engine import CpuSet
from weka_cpuset.machine import Machine, nodes_with
from weka_cpuset.sysfs import TopologyUnreadable, read_machine, read_topology

TWO_SOCKETS = grid("2x4-smt2", packages=2, cores=4, threads=2, llc_cores=2)


def written(machine: Machine, root: Path) -> Path:
    """Write a machine's files and return the root."""
    write_sysfs(machine, root)
    return root


def test_regular_machine_is_read_whole(tmp_path: Path) -> None:
    """Threads, caches, nodes and packages arrive as groups that partition the cpus."""
    topology = read_topology(written(TWO_SOCKETS, tmp_path))
    assert CpuSet.of(range(16)) == topology.online
    assert {2} == {len(core) for core in topology.cores}
    assert {4} == {len(llc) for llc in topology.llcs}
    assert [8, 8] == [len(node) for node in topology.nodes]
    assert [8, 8] == [len(package) for package in topology.packages]
    for groups in (topology.cores, topology.llcs, topology.nodes, topology.packages):
        assert all(a.isdisjoint(b) for a, b in itertools.combinations(groups, 2))
        assert topology.online == CpuSet.of(cpu for group in groups for cpu in group)
    assert CpuSet.of([3, 11]) == topology.core_of(3)


def test_this_machine_can_be_read() -> None:
    """The machine that runs the tests is a real one, whatever it looks like."""
    topology = read_topology(Path("/sys"))
    assert topology.online
    assert topology.online == CpuSet.of(cpu for core in topology.cores for cpu in core)


def with_memory(*nodes: int) -> Machine:
    """Return a machine of two packages that has memory on these nodes."""
    ids = {0, 1, *nodes}
    made = nodes_with(TWO_SOCKETS.cpus, CpuSet.of(nodes), {one: {} for one in ids})
    return Machine("memory", TWO_SOCKETS.cpus, CpuSet.EMPTY, made)


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_named_machine_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    """The agent sees a simulated machine as the simulator does."""
    machine = MACHINES[name]
    read = read_machine(written(machine, tmp_path), name)
    assert machine.topology() == read.topology()
    assert (machine.present, machine.offline) == (read.present, read.offline)
    if not machine.offline:
        assert machine == read


def test_offline_cpu_is_left_out(tmp_path: Path) -> None:
    """A cpu that is offline has no topology and is in no group, but is known to be there."""
    machine = dataclasses.replace(TWO_SOCKETS, offline=CpuSet.of([5]))
    read = read_machine(written(machine, tmp_path), "one off")
    assert 5 not in read.topology().online
    assert CpuSet.of([13]) == read.topology().core_of(13)
    assert CpuSet.of([5]) == read.offline
    assert machine.cpus[5].node == read.cpus[5].node


def test_machine_without_a_list_of_present_cpus_has_the_online_ones(tmp_path: Path) -> None:
    """What the kernel does not say is not there."""
    machine = dataclasses.replace(TWO_SOCKETS, offline=CpuSet.of([5]))
    (written(machine, tmp_path) / "devices/system/cpu/present").unlink()
    assert machine.online == read_machine(tmp_path, "no list").present


def test_memoryless_node_borrows_the_nearest_memory(tmp_path: Path) -> None:
    """The memory of cpus on a node without memory is the nearest node's that has some."""
    topology = read_topology(written(with_memory(1), tmp_path))
    assert CpuSet.of([1]) == topology.memory_nodes(CpuSet.of([0]))


def test_memory_only_node_owns_no_cpu(tmp_path: Path) -> None:
    """A node with memory and no cpus (CXL, HBM) does not disturb."""
    topology = read_topology(written(with_memory(0, 1, 2), tmp_path))
    assert CpuSet.of([0]) == topology.memory_nodes(CpuSet.of([0]))


@pytest.mark.parametrize(
    "missing",
    [
        "devices/system/node",
        "devices/system/node/has_memory",
        "devices/system/cpu/present",
        "devices/system/node/node0/distance",
        "devices/system/node/node1/cpulist",
        "devices/system/cpu/cpu3/topology",
        "devices/system/cpu/cpu3/cache",
        "devices/system/cpu/cpu3",
        "devices/system/cpu/cpu3/topology/thread_siblings_list",
        "devices/system/cpu/cpu3/topology/physical_package_id",
        "devices/system/cpu/cpu3/cache/index3/level",
    ],
)
def test_missing_file_is_normal(tmp_path: Path, missing: str) -> None:
    """Whatever sysfs does not show, all online cpus are there and each has a core."""
    write_sysfs(TWO_SOCKETS, tmp_path)
    target = tmp_path / missing
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    topology = read_topology(tmp_path)
    assert CpuSet.of(range(16)) == topology.online
    assert all(cpu in topology.core_of(cpu) for cpu in topology.online)


@pytest.mark.parametrize("content", ["-1", "", "x", "\xff", "99999999999999999999", "0-", " "])
def test_nonsense_in_a_file_counts_as_missing(tmp_path: Path, content: str) -> None:
    """A file with nonsense in it makes its level unknown, and nothing else."""
    write_sysfs(TWO_SOCKETS, tmp_path)
    for name in (
        "cpu/cpu3/topology/physical_package_id",
        "cpu/cpu3/topology/thread_siblings_list",
        "cpu/cpu3/cache/index3/shared_cpu_list",
        "cpu/cpu3/cache/index3/level",
        "node/node1/distance",
        "node/node1/cpulist",
        "node/has_memory",
        "cpu/present",
    ):
        (tmp_path / "devices/system" / name).write_text(content, encoding="latin-1")
        topology = read_topology(tmp_path)
        assert CpuSet.of(range(16)) == topology.online


@pytest.mark.parametrize("content", [None, "", "\n", "x", "0-4000000000"])
def test_no_online_list_is_an_error_with_the_path(tmp_path: Path, content: str | None) -> None:
    """Without the list of online cpus there is nothing to place on; the error names the file."""
    folder = tmp_path / "devices/system/cpu"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "online").write_text(content)
    with pytest.raises(TopologyUnreadable) as caught:
        read_topology(tmp_path)
    assert folder / "online" == caught.value.path
    assert str(folder) in str(caught.value)
