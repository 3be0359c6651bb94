"""The machines that have a name: each is what its words say."""

import re
from pathlib import Path

import pytest

from nodesim.documents import UnreadableFile
from nodesim.machines import MACHINES, PLANS, UnknownMachine, find, grid
from weka_cpuset.engine import CpuSet
from weka_cpuset.machine_file import MachineFileError, encode

REGULAR = re.compile(r"(\d+)x(\d+)(?:-smt(\d+))?")


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_machine_bears_its_name(name: str) -> None:
    """A machine is called what it was asked for by, and is made once."""
    assert name == find(name).name
    assert find(name) is MACHINES[name]
    assert PLANS[name].what


@pytest.mark.parametrize("parts", [*filter(None, map(REGULAR.fullmatch, MACHINES))], ids=str)
def test_regular_name_says_what_the_machine_is(parts: re.Match[str]) -> None:
    """PxC-smtT: packages, cores of each, cpus of each core."""
    packages, cores, threads = map(int, parts.groups(default="1"))
    topology = find(parts[0]).topology()
    assert packages == len(topology.packages) == len(topology.nodes)
    assert packages * cores == len(topology.cores)
    assert threads == topology.threads


@pytest.mark.parametrize("name", ["2x8-smt2", "2x16-smt2", "2x64-smt2", "2x128-smt2"])
def test_siblings_are_numbered_apart(name: str) -> None:
    """The siblings of a core are N and N + all cores."""
    topology = find(name).topology()
    total = len(topology.cores)
    assert all(topology.core_of(one) == CpuSet.of([one, one + total]) for one in range(total))


def test_groups_of_8_cores_share_a_cache() -> None:
    """llc-8: the groups are inside one node."""
    topology = find("llc-8").topology()
    assert {8} == {len(topology.cores_in(llc)) for llc in topology.llcs}
    assert 1 == len(topology.nodes) < len(topology.llcs)


def test_nodes_of_one_package_are_nearer() -> None:
    """4-nodes: a node is nearest to itself, then to the other one of its package."""
    topology = find("4-nodes").topology()
    assert [2, 2] == [len(topology.nodes_in(package)) for package in topology.packages]
    for one in topology.numa.values():
        ranked = sorted(topology.numa, key=lambda other: one.distances[other])
        assert one.id == ranked[0]
        assert one.id // 2 == ranked[1] // 2


def test_cores_have_four_cpus() -> None:
    """smt4: and the ids of its nodes have a gap."""
    topology = find("smt4").topology()
    assert 4 == topology.threads
    assert max(topology.numa) >= len(topology.numa)


def test_cores_differ() -> None:
    """hybrid: some cores have two cpus, some have one."""
    topology = find("hybrid").topology()
    assert {1, 2} == {len(core) for core in topology.cores}
    assert topology.threads == 0


def test_memory_of_a_node_without_any_is_its_neighbours() -> None:
    """memoryless: each node has cpus; the nearest memory is not always that of the lowest id."""
    topology = find("memoryless").topology()
    assert all(node.cpus for node in topology.numa.values())
    without = [node for node in topology.numa.values() if not node.has_memory]
    lenders = {topology.memory_nodes(node.cpus).lowest for node in without}
    assert len(lenders) == len(without) > 1


def test_some_cpus_are_offline() -> None:
    """offline: one whole core, and one cpu of another."""
    machine = find("offline")
    everything = machine.topology(machine.present)
    parts = [core & machine.offline for core in everything.cores]
    assert {0, 1, 2} == {len(part) for part in parts}


def test_ids_have_gaps() -> None:
    """sparse: up to the largest id that most kernels are built for."""
    machine = find("sparse")
    assert 4095 in machine.present
    assert len(machine.present) < 100


def test_caches_of_a_grid_are_groups_of_cores() -> None:
    """An LLC group is named by its lowest cpu, as the kernel's files would have it named."""
    machine = grid("any", packages=2, cores=4, threads=2, llc_cores=2)
    for llc in machine.topology().llcs:
        assert {llc.lowest} == {cpu.llc for cpu in machine.cpus if cpu.id in llc}


def test_file_is_a_machine_too(tmp_path: Path) -> None:
    """A captured machine is found by its file."""
    path = tmp_path / "captured"
    path.write_bytes(encode(MACHINES["hybrid"]))
    assert MACHINES["hybrid"] == find(str(path))


@pytest.mark.parametrize("name", ["", "2x9", "x" * 10_000, "a\0b"])
def test_unknown_name_lists_the_known_ones(name: str) -> None:
    """Who mistypes a name sees all there are."""
    with pytest.raises(UnknownMachine) as caught:
        find(name)
    assert (name, tuple(MACHINES)) == (caught.value.name, caught.value.known)
    assert all(known in str(caught.value) for known in MACHINES)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["missing.json", "/", "./missing"])
def test_file_that_cannot_be_read_is_told(name: str) -> None:
    """What looks like a file is one, and the error is about that."""
    with pytest.raises(UnreadableFile):
        find(name)


def test_file_of_something_else_is_told(tmp_path: Path) -> None:
    """A manifest is no machine."""
    path = tmp_path / "pod.yaml"
    path.write_text("kind: Pod\n")
    with pytest.raises(MachineFileError) as caught:
        find(str(path))
    assert str(path) == caught.value.file
