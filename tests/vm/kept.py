"""One node for many tests: a machine with the agent at work, given from test to test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import pytest

from tests.e2e.containerd_config import Series
from tests.vm.evidence import MACHINE, judge_the_end
from tests.vm.image import Image
from tests.vm.machine import Machine
from tests.vm.node import Agent, Runtime, VmKubelet
from tests.vm.truth import Truth


class Keepable(Protocol):
    """A node that can be given from test to test."""

    @property
    def machine(self) -> Machine:
        """Its machine."""

    @property
    def runtime(self) -> Runtime:
        """Its containerd."""

    def begin(self) -> None:
        """Fails if a pod is there that does not belong to the node; what was seen is forgotten."""

    def clear(self, config: pytest.Config) -> None:
        """Deletes the pods that a test has left; fails if a rule was broken at any instant.

        Args:
            config: Keeps what was seen for the report.
        """

    def close(self) -> None:
        """Closes what is connected to it; the machine goes on."""


NodeT = TypeVar("NodeT", bound=Keepable)


class Kept(Generic[NodeT]):
    """The node that tests get one after the other.

    One that a test has broken, or whose runtime it has killed, gives way to a new one. Between two
    tests its machine stands still.

    Args:
        built: The image of the machine.
        series: Which containerd.
        folder: For the machines' folders; a short path.
        make: Makes the node of a machine that has just been restored.
    """

    def __init__(
        self, built: Image, series: Series, folder: Path, make: Callable[[Machine], NodeT]
    ) -> None:
        self._built = built
        self._series = series
        self._folder = folder
        self._make = make
        self._machines = 0
        self._machine: Machine | None = None
        self._node: NodeT | None = None

    def take(self, test: pytest.Item) -> NodeT:
        """The node without any pod, its agent at work.

        Args:
            test: Is told of the machine, for its report.
        """
        if self._machine is None:
            self._machines += 1
            folder = self._folder / str(self._machines)
            folder.mkdir()
            self._machine = Machine(self._built, self._series, folder)
            test.stash[MACHINE] = self._machine
            self._machine.restore()
        else:
            test.stash[MACHINE] = self._machine
            self._machine.go_on()
        if self._node is None:
            self._node = self._make(self._machine)
        self._node.begin()
        return self._node

    def give_back(self, config: pytest.Config) -> None:
        """Clears the node, and lets its machine stand still."""
        assert self._node is not None
        self._node.clear(config)
        if self._node.runtime.was_killed:
            self.drop()
        else:
            self._node.machine.stand_still()

    def drop(self) -> None:
        """Ends the machine, in whatever state it is."""
        if self._node is not None:
            self._node.close()
        if self._machine is not None:
            self._machine.close()
        self._node = self._machine = None


@contextmanager
def lent(kept: Kept[NodeT], request: pytest.FixtureRequest) -> Iterator[NodeT]:
    """Lends a kept node to one test; one that fails costs the next test a new node.

    Args:
        kept: Has the node.
        request: The test's own.
    """
    failed = request.session.testsfailed
    whole = False
    try:
        yield kept.take(request.node)
        kept.give_back(request.config)
        whole = request.session.testsfailed == failed
    finally:
        if not whole:
            kept.drop()


@dataclass(frozen=True, slots=True)
class VmNode:
    """A node in a virtual machine, with all that drives and judges it."""

    machine: Machine
    runtime: Runtime
    agent: Agent
    kubelet: VmKubelet
    truth: Truth

    @classmethod
    def on(cls, machine: Machine) -> "VmNode":
        """The node of a machine that has the product, with the agent at work."""
        runtime = Runtime(machine)
        runtime.wait_ready()
        agent = Agent(machine)
        agent.start()
        kubelet = VmKubelet(runtime)
        return cls(machine, runtime, agent, kubelet, Truth(machine, kubelet))

    def begin(self) -> None:
        """Fails if a pod is there; what was seen is forgotten."""
        self.truth.assert_settled([])
        self.truth.history()

    def clear(self, config: pytest.Config) -> None:
        """Deletes the pods that a test has left; fails if a rule was broken at any instant."""
        self.kubelet.delete_all(list(self.kubelet.pods.values()), grace_s=0)
        for lost in self.runtime.cri.list_pod_sandboxes():
            # The call that made it was cut off, so that no kubelet knows it.
            self.runtime.cri.stop_pod_sandbox(lost.id)
            self.runtime.cri.remove_pod_sandbox(lost.id)
        judge_the_end(config, self.runtime, self.truth)
        assert len(self.agent.pids()) == 1, "the agent has ended"

    def close(self) -> None:
        """Closes the connection to its runtime."""
        self.runtime.close()
