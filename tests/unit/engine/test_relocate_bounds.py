"""A decision stays short whatever forbidden lists users write."""

from weka_cpuset.engine import CpuSet, IntegerDemand
from weka_cpuset.engine.matching import Need
from weka_cpuset.engine.relocate import Supply, assign
from weka_cpuset.engine.topology import Cpu, Topology

MACHINE = Topology.build([Cpu(cpu, cpu, 0, 0, 0) for cpu in range(64)])


def test_many_pods_with_a_list_each_do_not_hang_the_agent() -> None:
    """Thirty pods that may each use one other cpu leave those thirty in the pool, at once."""
    picky = [MACHINE.online - CpuSet.of([cpu + 2]) for cpu in range(30)]
    supply = Supply(MACHINE, MACHINE.online, CpuSet.EMPTY, picky, 0)
    plan = assign(supply, [Need("owner", IntegerDemand(2))])
    assert plan is not None
    assert len(plan["owner"]) == 2
    assert supply.leaves_enough(plan["owner"])


def test_number_of_tries_is_bounded() -> None:
    """Where nothing serves, it is given up after a bounded number of tries."""
    picky = [MACHINE.online - CpuSet.of([cpu]) for cpu in range(40)]
    supply = Supply(MACHINE, MACHINE.online, CpuSet.EMPTY, picky, 0)
    # It may only have cpus that each of which somebody needs.
    need = Need("owner", IntegerDemand(1, MACHINE.online - CpuSet.of(range(40))))
    assert assign(supply, [need]) is None
