"""The agent, the runtime and the whole node restarted, with pods running and coming."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from nodestress import cri_pb2 as pb
from nodestress.cri import CriError
from tests.e2e.kubelet import RunningPod
from tests.e2e.pods import annotated, integer, shared
from tests.vm.kept import VmNode
from tests.vm.truth import ALL, parse


@contextmanager
def load(node: VmNode) -> Iterator[list[RunningPod]]:
    """Shared pods come and go all the time; yields those that run, complete in the end."""
    running: list[RunningPod] = []
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(CriError):  # the runtime may be away
                running.append(node.kubelet.run(shared(f"load-{number}")))
                if len(running) > 2:
                    node.kubelet.delete(running[0], 0)
                    del running[0]

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        yield running
    finally:
        stop.set()
        thread.join()


def stayers(node: VmNode) -> list[RunningPod]:
    """Pods that no restart may touch."""
    pods = node.kubelet.run_all([integer("integer", 2), annotated("named", "15,16")])
    return [*pods, node.kubelet.run(shared("shared"))]


def test_agent_killed_under_load(node: VmNode) -> None:
    """Owners stay where they are, and what came meanwhile is put right."""
    pods = stayers(node)
    node.truth.assert_settled(pods)
    before = [node.truth.cpus_of(pod) for pod in pods[:2]]
    with load(node) as more:
        node.agent.stop(signal.SIGKILL)
        node.agent.start()

    node.truth.assert_settled([*pods, *more])
    assert [node.truth.cpus_of(pod) for pod in pods[:2]] == before
    # What starts while no agent is there runs anywhere; those that it knew keep the rules.
    assert not node.truth.history(pods).broken


@pytest.mark.costs_node
def test_runtime_killed_under_load(node: VmNode) -> None:
    """The agent outlives the runtime, and serves again once that is back."""
    pods = stayers(node)
    node.truth.assert_settled(pods)
    before = [node.truth.cpus_of(pod) for pod in pods[:2]]
    (process,) = node.agent.pids()
    node.agent.expect_ready()
    node.runtime.restart(signal.SIGKILL)
    node.agent.wait_ready()
    with load(node) as more:
        node.agent.expect_ready()
        node.runtime.restart(signal.SIGTERM)
        node.agent.wait_ready()

    assert node.agent.pids() == [process]
    assert [node.truth.cpus_of(pod) for pod in pods[:2]] == before
    found = node.truth.running()
    node.truth.assert_settled([*pods, *(pod for pod in more if pod.container in found)])
    assert not node.truth.history(pods).broken


def test_takes_over_the_cpusets_of_a_predecessor(node: VmNode) -> None:
    """What the component before it left right stays at every instant; what it left wrong does not.

    Its integer containers have cpus by other rules: here two of two cores and two nodes.
    """
    node.agent.stop()
    specs = [integer("owner", 2), annotated("named", "15,16"), shared("right"), shared("wrong")]
    pods = node.kubelet.run_all(specs)
    owner, named = parse("3,12"), parse("15-16")
    rest = ALL - owner - named
    left = [(owner, ""), (named, "1"), (rest, ""), (rest | owner, "")]
    for pod, (cpus, mems) in zip(pods, left, strict=True):
        resources = pb.LinuxContainerResources(cpuset_cpus=str(cpus), cpuset_mems=mems)
        node.runtime.cri.update_container_resources(pod.container, resources)
    node.truth.history()

    node.agent.start()

    node.truth.assert_settled(pods)
    seen = node.truth.history()
    for pod, (cpus, _) in zip(pods[:3], left, strict=False):
        assert seen.places[pod.container] == {cpus}
    node.kubelet.delete(pods.pop(0))
    node.truth.assert_settled(pods)
