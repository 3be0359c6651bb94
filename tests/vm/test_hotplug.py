"""Cpus that go offline and come back while pods run (rule 10)."""

from tests.e2e.kubelet import RunningPod
from tests.e2e.pods import annotated, integer, shared
from tests.vm.kept import VmNode
from tests.vm.truth import ALL
from weka_cpuset.engine import CpuSet


def switch(node: VmNode, cpu: int, state: int) -> None:
    """Takes a cpu offline (0), or online again (1)."""
    node.machine.ask("write", path=f"/sys/devices/system/cpu/cpu{cpu}/online", text=str(state))


def take_offline(node: VmNode, cpu: int, pods: list[RunningPod]) -> None:
    """Takes a cpu offline; waits until the rules hold for the rest."""
    switch(node, cpu, 0)
    node.truth.assert_settled(pods, ALL - CpuSet.of([cpu]))


def test_cpus_of_each_class_go_and_come(node: VmNode) -> None:
    """An owner of a lost cpu gets another one, the pool shrinks and grows, nobody overlaps."""
    owner = node.kubelet.run(integer("owner", 2))
    pods = [owner, node.kubelet.run(shared("shared")), node.kubelet.run(annotated("named", "15"))]
    node.truth.assert_settled(pods)
    lost = max(node.truth.cpus_of(owner))
    spare = max(node.truth.cpus_of(pods[1]))

    for cpu in (lost, spare):
        take_offline(node, cpu, pods)
        switch(node, cpu, 1)
        node.truth.assert_settled(pods)

    # For a moment the owner of the lost cpu had one too few. Overlap there was none.
    assert node.truth.history().overlaps == 0
