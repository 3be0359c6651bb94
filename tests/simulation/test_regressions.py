"""What storms have found in the agent, as short scenarios."""

from nodesim.actions import Apply, Offline, Online, RestartAgent, Scenario, Wait
from nodesim.simulation import Simulation
from nodesim.workload import ContainerSpec, PodSpec, Resources
from weka_cpuset.engine import CpuSet

MIB = 1 << 20


def test_shared_pod_has_its_cpus_back_when_they_return_after_a_restart() -> None:
    """What was urgent after a Synchronize went first, and growth was then forgotten."""
    owner = PodSpec("owner", (ContainerSpec("main", Resources(2000, 2000, MIB, MIB)),))
    shared = PodSpec("shared", (ContainerSpec("main", Resources(100, 0, MIB, 0)),))
    away = CpuSet.parse("2-5")
    actions = (
        Apply((owner, shared)),
        Wait(5.0),
        RestartAgent(3.0),
        Offline(away),
        Wait(1.0),
        Online(away),
    )
    assert Simulation(Scenario("laptop", actions)).run().violations == ()
