"""Topology: grouping, missing levels, memory nodes."""

import pytest

from tests.machines import LAPTOP, SERVER, flat
from weka_cpuset.engine import Cpu, CpuSet, Node, Topology


def _sets(*texts: str) -> tuple[CpuSet, ...]:
    return tuple(CpuSet.parse(text) for text in texts)


def test_regular_machine() -> None:
    """Cpus are grouped at each level, by lowest cpu."""
    assert LAPTOP.cores == _sets("0,4", "1,5", "2,6", "3,7")
    assert LAPTOP.packages == LAPTOP.nodes == LAPTOP.llcs == _sets("0-7")
    assert SERVER.packages == _sets("0-7,16-23", "8-15,24-31")
    assert SERVER.llcs_in(SERVER.nodes[0]) == _sets("0-3,16-19", "4-7,20-23")
    assert SERVER.nodes_in(SERVER.packages[1]) == SERVER.nodes[1:]
    assert SERVER.cores_in(SERVER.llcs[0])[0] == SERVER.core_of(16) == CpuSet.of([0, 16])
    assert SERVER.threads == 2
    assert len({SERVER.shape_of(llc) for llc in SERVER.llcs}) == 1


def test_unreported_levels_fall_back_to_the_level_above() -> None:
    """A machine that reports nothing is one package of cores with one cpu each."""
    machine = flat(3)
    assert machine.packages == machine.nodes == machine.llcs == _sets("0-2")
    assert machine.cores == _sets("0", "1", "2")
    assert machine.memory_nodes(machine.online) == CpuSet.EMPTY


def test_sparse_ids_and_unequal_cores() -> None:
    """Ids up to 4095, cores with different numbers of threads, and offline siblings are fine."""
    machine = Topology.build([Cpu(0, 0), Cpu(4095, 0), Cpu(17, 1)])
    assert machine.cores == _sets("0,4095", "17")
    assert machine.threads == 0
    assert machine.core_of(16) == CpuSet.EMPTY


def test_groups_are_cut_to_nest() -> None:
    """A node over two packages counts as one node in each, an LLC over two nodes likewise."""
    cpus = [Cpu(one, core=one, llc=0, node=one // 3, package=one // 2) for one in range(4)]
    machine = Topology.build(cpus)
    assert machine.packages == _sets("0-1", "2-3")
    assert machine.nodes == machine.llcs == _sets("0-1", "2", "3")


def test_nodes_place_cpus_that_do_not_tell_their_node() -> None:
    """A node's list of cpus fills in where a cpu has no node of its own."""
    machine = Topology.build(
        [Cpu(0), Cpu(1)], [Node(0, CpuSet.of([0])), Node(1, CpuSet.of([1, 9]))]
    )
    assert machine.nodes == _sets("0", "1")
    assert machine.numa[1].cpus == CpuSet.of([1])


def test_memory_nodes_replaces_memoryless_nodes() -> None:
    """A node without memory is replaced by its nearest with memory, lowest id among equals."""
    machine = Topology.build(
        [Cpu(one, node=one) for one in range(4)],
        [
            Node(0, CpuSet.EMPTY),
            Node(1, CpuSet.EMPTY, has_memory=False, distances={0: 30, 1: 10, 2: 20, 3: 20}),
            Node(2, CpuSet.EMPTY),
            Node(3, CpuSet.EMPTY),
            Node(4, CpuSet.EMPTY),
        ],
    )
    assert machine.memory_nodes(CpuSet.of([0])) == CpuSet.of([0])
    assert machine.memory_nodes(CpuSet.of([1])) == CpuSet.of([2])
    assert machine.memory_nodes(CpuSet.of([0, 1, 3])) == CpuSet.of([0, 2, 3])


def test_memory_nodes_of_a_machine_without_memory() -> None:
    """Where no node is said to have memory nothing is claimed."""
    machine = Topology.build([Cpu(0, node=0)], [Node(0, CpuSet.EMPTY, has_memory=False)])
    assert machine.memory_nodes(CpuSet.of([0])) == CpuSet.EMPTY


def test_a_cpu_given_twice_is_refused() -> None:
    """Two entries with one id are a fault of the caller."""
    with pytest.raises(ValueError, match="twice"):
        Topology.build([Cpu(0), Cpu(0)])
