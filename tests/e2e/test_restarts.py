"""Restarts of the agent and of the runtime, with pods running."""

import signal
from os import kill

import pytest

from tests.e2e import kernel
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.kubelet import Kubelet
from tests.e2e.node import Node
from tests.e2e.placement import Watch, assert_settled
from tests.e2e.pods import PodSpec, annotated, integer, shared

ENDS = [signal.SIGTERM, signal.SIGKILL]


def one_of_each(owner: PodSpec) -> list[PodSpec]:
    """An owner and two pods that share the rest."""
    return [owner, shared("shared-1"), shared("shared-2")]


@pytest.mark.parametrize("number", ENDS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    "owner", [integer("owner", 1), annotated("owner", "0")], ids=["integer", "annotated"]
)
def test_agent_restart_moves_nothing(node: Node, owner: PodSpec, number: signal.Signals) -> None:
    """While the agent is away, and after it is back, every container is where it was."""
    pods = node.kubelet.run_all(one_of_each(owner))
    assert_settled(node.kubelet, pods)
    before = [kernel.allowed_cpus(node.kubelet.pid(pod)) for pod in pods]
    with Watch(node.kubelet) as watch:
        watch.add(*pods)

        status = node.agent.stop(number)
        node.agent.start()

        assert status == (0 if number is signal.SIGTERM else -number)
        assert [kernel.allowed_cpus(node.kubelet.pid(pod)) for pod in pods] == before
    node.kubelet.delete(pods[0])
    assert_settled(node.kubelet, pods[1:])


def test_pods_from_the_agents_absence_are_put_right(node: Node) -> None:
    """Containers that came and went while the agent was away are known when it is back."""
    stays, goes = node.kubelet.run_all([shared("stays"), integer("goes", 1)])
    node.agent.stop(signal.SIGKILL)
    node.kubelet.delete(goes)
    comes = node.kubelet.run(shared("comes"))
    owner = node.kubelet.run(integer("owner", 1))

    node.agent.start()

    assert_settled(node.kubelet, [stays, comes, owner])


@pytest.mark.parametrize("number", ENDS, ids=lambda one: one.name)
def test_runtime_restart_keeps_the_agent(node: Node, number: signal.Signals) -> None:
    """The agent outlives the runtime, knows its pods again, and serves new ones."""
    pods = node.kubelet.run_all(one_of_each(integer("owner", 1)))
    assert_settled(node.kubelet, pods)
    before = [kernel.allowed_cpus(node.kubelet.pid(pod)) for pod in pods]
    process = node.agent.pid
    with Watch(node.kubelet) as watch:
        watch.add(*pods)

        node.runtime.restart(number)
        node.agent.wait_ready()

        assert node.agent.pid == process
        assert [kernel.allowed_cpus(node.kubelet.pid(pod)) for pod in pods] == before
    node.kubelet.delete(pods[0])
    successor = node.kubelet.run(integer("successor", 1))
    assert_settled(node.kubelet, [successor, *pods[1:]])


def test_container_that_ended_while_the_runtime_was_away(node: Node) -> None:
    """The cpus of a container that ended unseen are free after the runtime's restart."""
    owner, other = node.kubelet.run_all([integer("owner", 1), shared("shared")])
    victim = node.kubelet.pid(owner)
    node.runtime.stop(signal.SIGKILL)
    kill(victim, signal.SIGKILL)

    node.runtime.start()
    node.agent.wait_ready()

    assert_settled(node.kubelet, [other])
    successor = node.kubelet.run(integer("successor", 1))
    assert_settled(node.kubelet, [other, successor])


def test_agent_waits_for_a_runtime(node: Node) -> None:
    """An agent whose runtime is away goes on trying, and ends well when it is asked to."""
    node.runtime.stop()
    assert node.agent.is_running()
    assert node.agent.stop() == 0

    node.runtime.start()
    node.agent.start()

    pod = node.kubelet.run(integer("integer", 1))
    assert_settled(node.kubelet, [pod])


def test_dropped_agent_comes_back(runtime: Containerd, agent: Agent, kubelet: Kubelet) -> None:
    """An agent that hung for two seconds was dropped; it comes back and puts everything right."""
    agent.start()
    process = agent.pid
    other = kubelet.run(shared("shared"))
    agent.signal(signal.SIGSTOP)
    pod = kubelet.run(integer("integer", 1))
    assert any("deadline exceeded" in line for line in runtime.log_lines())
    assert kernel.allowed_cpus(kubelet.pid(pod)) == kernel.online_cpus()

    agent.signal(signal.SIGCONT)
    agent.wait_ready()

    assert agent.pid == process
    assert_settled(kubelet, [other, pod])
    assert agent.stop() == 0


def test_second_agent_waits_for_the_first(node: Node) -> None:
    """Two agents at once, as in a rolling update: only one is at work, and no pod notices."""
    pods = node.kubelet.run_all(one_of_each(integer("owner", 1)))
    successor = Agent(node.runtime, "successor")
    try:
        successor.launch()
        pods.append(node.kubelet.run(shared("between")))
        assert_settled(node.kubelet, pods)

        assert node.agent.stop() == 0
        successor.wait_ready()

        node.kubelet.delete(pods.pop(0))
        assert_settled(node.kubelet, pods)
        assert successor.stop() == 0
        node.agent.start()
    finally:
        successor.close()
