"""Restarts of the agent and of the runtime, with pods running."""

import signal

import pytest

from tests.e2e.node import Node
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
    node.assert_settled(pods)
    before = [node.cpus_of(pod) for pod in pods]
    with node.watch() as watch:
        watch.add(*pods)

        status = node.agent.stop(number)
        node.agent.start()

        assert status == (0 if number is signal.SIGTERM else -number)
        assert [node.cpus_of(pod) for pod in pods] == before
    node.kubelet.delete(pods[0])
    node.assert_settled(pods[1:])


def test_pods_from_the_agents_absence_are_put_right(node: Node) -> None:
    """Containers that came and went while the agent was away are known when it is back."""
    stays, goes = node.kubelet.run_all([shared("stays"), integer("goes", 1)])
    node.agent.stop(signal.SIGKILL)
    node.kubelet.delete(goes)
    comes = node.kubelet.run(shared("comes"))
    owner = node.kubelet.run(integer("owner", 1))

    node.agent.start()

    node.assert_settled([stays, comes, owner])


@pytest.mark.parametrize("number", ENDS, ids=lambda one: one.name)
def test_runtime_restart_keeps_the_agent(node: Node, number: signal.Signals) -> None:
    """The agent outlives the runtime, knows its pods again, and serves new ones."""
    pods = node.kubelet.run_all(one_of_each(integer("owner", 1)))
    node.assert_settled(pods)
    before = [node.cpus_of(pod) for pod in pods]
    process = node.agent.pid
    with node.watch() as watch:
        watch.add(*pods)

        node.runtime.restart(number)
        node.agent.wait_ready()

        assert node.agent.pid == process
        assert [node.cpus_of(pod) for pod in pods] == before
    node.kubelet.delete(pods[0])
    successor = node.kubelet.run(integer("successor", 1))
    node.assert_settled([successor, *pods[1:]])


def test_container_that_ended_while_the_runtime_was_away(node: Node) -> None:
    """The cpus of a container that ended unseen are free after the runtime's restart."""
    owner, other = node.kubelet.run_all([integer("owner", 1), shared("shared")])
    victim = node.kubelet.pid(owner)
    node.runtime.stop(signal.SIGKILL)
    node.kill(victim)

    node.runtime.start()
    node.agent.wait_ready()

    node.assert_settled([other])
    successor = node.kubelet.run(integer("successor", 1))
    node.assert_settled([other, successor])


def test_second_agent_waits_for_the_first(node: Node) -> None:
    """Two agents at once, as in a rolling update: only one is at work, and no pod notices."""
    pods = node.kubelet.run_all(one_of_each(integer("owner", 1)))
    with node.successor() as successor, node.watch() as watch:
        watch.add(*pods)
        successor.launch()
        pods.append(node.kubelet.run(shared("between")))
        watch.add(pods[-1])
        node.assert_settled(pods)

        assert node.agent.stop() == 0
        successor.wait_ready()

        node.kubelet.delete(pods.pop(0))
        node.assert_settled(pods)
        assert successor.stop() == 0
        node.agent.start()
