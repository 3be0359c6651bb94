"""Many pods created at the same instant, and deleted by force at the same instant."""

import pytest

from tests.e2e.pods import DEAF, PodSpec, annotated, integer, shared
from tests.vm.kept import VmNode

PODS = 40
NAMED = ("15,16", "17", "18-19")
INTEGERS = 4


def crowd(generation: int) -> list[PodSpec]:
    """Pods of each class; every third shared one does not listen to SIGTERM."""
    owners = [annotated(f"named-{cpus[:2]}-{generation}", cpus) for cpus in NAMED]
    owners += [integer(f"integer-{one}-{generation}", 1 + one % 2) for one in range(INTEGERS)]
    others = [
        shared(f"shared-{one}-{generation}", *((DEAF,) if one % 3 == 0 else ()))
        for one in range(PODS - len(owners))
    ]
    return [*owners, *others]


@pytest.mark.timeout(0)  # as many rounds as are asked for
def test_forced_deletion_of_forty_pods(node: VmNode, pytestconfig: pytest.Config) -> None:
    """The agent outlives every round, and for each the rules hold; in the end nothing is left."""
    process = node.agent.pids()
    for generation in range(pytestconfig.getoption("--vm-rounds")):
        pods = node.kubelet.run_all(crowd(generation))
        node.truth.assert_settled(pods)

        node.kubelet.delete_all(pods, grace_s=0)

    assert node.agent.pids() == process
    assert node.runtime.cri.list_pod_sandboxes() == []
    assert node.runtime.cri.list_containers() == []
