"""What only an agent that is a process of the host, and no container itself, can be asked."""

import signal

from tests.e2e import kernel
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.kubelet import Kubelet
from tests.e2e.node import HostNode
from tests.e2e.placement import assert_settled
from tests.e2e.pods import integer, shared
from tests.e2e.test_refusals import gets_in_after


def test_agent_waits_for_a_runtime(node: HostNode) -> None:
    """An agent whose runtime is away goes on trying, and ends well when it is asked to."""
    node.runtime.stop()
    assert node.agent.is_running()
    assert node.agent.stop() == 0

    node.runtime.start()
    node.agent.start()

    pod = node.kubelet.run(integer("integer", 1))
    node.assert_settled([pod])


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


def test_shared_waits_for_a_pool(node: HostNode) -> None:
    """Where one container owns every cpu, a shared one is refused until that has gone."""
    gets_in_after(node, integer("all", node.largest_owner), shared("late"))
