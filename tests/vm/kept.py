"""One node for many tests: a machine with the agent at work, given from test to test."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.containerd_config import Series
from tests.vm.evidence import judge_the_end
from tests.vm.image import Image
from tests.vm.machine import Machine
from tests.vm.node import Agent, Runtime, VmKubelet
from tests.vm.truth import Truth


@dataclass(frozen=True, slots=True)
class VmNode:
    """A node in a virtual machine, with all that drives and judges it."""

    machine: Machine
    runtime: Runtime
    agent: Agent
    kubelet: VmKubelet
    truth: Truth


class Kept:
    """The node that tests get one after the other.

    One that a test has broken gives way to a new one. Between two tests its machine stands still.

    Args:
        built: The image of the machine.
        series: Which containerd.
        archive: The product.
        folder: For the machines' folders; a short path.
    """

    def __init__(self, built: Image, series: Series, archive: bytes, folder: Path) -> None:
        self._built = built
        self._series = series
        self._archive = archive
        self._folder = folder
        self._made = 0
        self._node: VmNode | None = None

    def take(self) -> VmNode:
        """The node without any pod, its agent at work."""
        if self._node is None:
            self._node = self._make()
        else:
            self._node.machine.go_on()
        self._node.truth.assert_settled([])
        self._node.truth.history()
        return self._node

    def give_back(self, config: pytest.Config) -> None:
        """Deletes the pods that a test has left; fails if a rule was broken at any instant.

        Args:
            config: Keeps what was seen for the report.
        """
        node = self._node
        assert node is not None
        node.kubelet.delete_all(list(node.kubelet.pods.values()), grace_s=0)
        for lost in node.runtime.cri.list_pod_sandboxes():
            # The call that made it was cut off, so that no kubelet knows it.
            node.runtime.cri.stop_pod_sandbox(lost.id)
            node.runtime.cri.remove_pod_sandbox(lost.id)
        judge_the_end(config, node.runtime, node.truth)
        assert len(node.agent.pids()) == 1, "the agent has ended"
        node.machine.stand_still()

    def drop(self) -> None:
        """Ends the machine, in whatever state it is."""
        if self._node is not None:
            self._node.runtime.close()
            self._node.machine.close()
            self._node = None

    def _make(self) -> VmNode:
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        machine = Machine(self._built, self._series, folder)
        try:
            machine.restore()
            machine.send(self._archive)
            runtime = Runtime(machine)
            runtime.wait_ready()
            agent = Agent(machine)
            agent.start()
        except BaseException:
            machine.close()
            raise
        kubelet = VmKubelet(runtime)
        return VmNode(machine, runtime, agent, kubelet, Truth(machine, kubelet))
