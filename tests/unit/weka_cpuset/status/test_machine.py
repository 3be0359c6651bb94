"""Machines in the status: every named machine of the simulator, there and back."""

import pytest

from nodesim.machines import MACHINES
from weka_cpuset.status.machine import machine_of, topology_of


@pytest.mark.parametrize("name", MACHINES)
def test_machine_comes_back_as_it_was(name: str) -> None:
    """The groups of all levels are the same; ids of groups are not part of it."""
    topology = MACHINES[name].topology()
    back = topology_of(machine_of(topology))
    assert (topology.online, topology.packages, topology.nodes) == (
        back.online,
        back.packages,
        back.nodes,
    )
    assert (topology.llcs, topology.cores) == (back.llcs, back.cores)
    shown = [(node.id, node.cpus) for node in topology.numa.values() if node.cpus]
    assert shown == [(node.id, node.cpus) for node in back.numa.values() if node.cpus]
