"""Machines as values: what they hold, and facts that no machine has."""

import dataclasses
from typing import TypedDict

import pytest

from weka_cpuset.engine import Cpu, CpuSet, Node
from weka_cpuset.machine import ID_MAX, NAME_MAX, TOPOLOGIES_KEPT, Machine, MachineInvalid

CPUS = (Cpu(0, 0, 0, 0, 0), Cpu(1, 0, 0, 0, 0), Cpu(4, 4, 4, 1, 0))
NODES = (Node(0, CpuSet.of([0, 1])), Node(1, CpuSet.of([4])))
MACHINE = Machine("three", CPUS, CpuSet.of([4]), NODES)


class Change(TypedDict, total=False):
    """Facts of a machine that are to be other ones."""

    name: str
    cpus: tuple[Cpu, ...]
    offline: CpuSet
    nodes: tuple[Node, ...]


def test_present_is_online_and_offline() -> None:
    """A cpu that is offline is present and cannot be used."""
    assert CpuSet.of([0, 1, 4]) == MACHINE.present
    assert CpuSet.of([0, 1]) == MACHINE.online
    assert MACHINE.online == MACHINE.topology().online


def test_cpu_that_comes_online_has_its_place() -> None:
    """The topology of other online cpus is made from the same facts."""
    topology = MACHINE.topology(MACHINE.present)
    assert MACHINE.present == topology.online
    assert CpuSet.of([4]) == topology.numa[1].cpus
    assert topology.packages == (MACHINE.present,)


def test_cpus_that_are_not_there_do_not_count() -> None:
    """No topology names a cpu that the machine does not have."""
    assert CpuSet.of([1]) == MACHINE.topology(CpuSet.of([1, 2, 4095])).online


def test_topology_of_the_same_cpus_is_made_once() -> None:
    """Who asks again gets the same object, so comparing is cheap."""
    machine = dataclasses.replace(MACHINE)
    assert machine.topology() is machine.topology(machine.online)
    assert machine.topology() is not machine.topology(machine.present)


def test_few_topologies_are_kept() -> None:
    """Cpus that come and go for ever do not fill the memory."""
    machine = Machine("wide", tuple(map(Cpu, range(64))), CpuSet.EMPTY, ())
    for cpu in range(64):
        machine.topology(CpuSet.of([cpu]))
    assert len(machine._topologies) == TOPOLOGIES_KEPT


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a" * (NAME_MAX + 1)}, "name"),
        ({"cpus": CPUS[::-1]}, "cpus"),
        ({"cpus": (*CPUS, CPUS[-1])}, "cpus"),
        ({"cpus": (*CPUS, Cpu(8, core=-1))}, "cpu 8"),
        ({"cpus": (*CPUS, Cpu(8, package=ID_MAX + 1))}, "cpu 8"),
        ({"cpus": (*CPUS, Cpu(8, node=7))}, "cpu 8"),
        ({"offline": CpuSet.of([2])}, "offline"),
        ({"offline": CpuSet.of([0, 1, 4])}, "offline"),
        ({"nodes": NODES[::-1]}, "nodes"),
        ({"nodes": (Node(0, CpuSet.of([0])), NODES[1])}, "node 0"),
        ({"nodes": (NODES[0], Node(1, CpuSet.of([4]), distances={5: 10}))}, "node 1"),
        ({"nodes": (NODES[0], Node(1, CpuSet.of([4]), distances={0: -1}))}, "node 1"),
    ],
)
def test_contradiction_is_named(change: Change, place: str) -> None:
    """A machine that cannot be is never made; the error says which fact is wrong."""
    with pytest.raises(MachineInvalid) as caught:
        dataclasses.replace(MACHINE, **change)
    assert place == caught.value.place
    assert caught.value.problem in str(caught.value)
    assert caught.value.allowed in str(caught.value)
