"""What the test needs of a real node: one protocol, with an implementation for each way to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nodesim.workload import PodSpec
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet, Demand


class NodeFailed(Exception):
    """The node did not do what the test asked for, so that it cannot go on.

    Args:
        what: What was asked for.
        reason: What the node said.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Resident:
    """A container of the test that runs.

    Attributes:
        id: Its id.
        label: `namespace/pod/container`.
        demand: What it must get, by its manifest.
        where: Where its cpuset is read, in a form of the node's own.
    """

    id: str
    label: str
    demand: Demand | None
    where: str


@dataclass(frozen=True, slots=True)
class AgentState:
    """Which agent is at work.

    Attributes:
        identity: Tells an agent from its successor; empty: none is there.
        restarts: How often it was restarted without becoming another one.
    """

    identity: str
    restarts: int = 0


class Node(Protocol):
    """A real node with a container runtime and the agent.

    Attributes:
        name: What it is, for people.
        removal_s: After so many seconds at most the agent has logged that a container was
            removed whose pod is gone.
    """

    name: str
    removal_s: float

    @property
    def look_s(self) -> float:
        """How long to wait between two looks at the kernel, in seconds."""

    @property
    def online(self) -> CpuSet:
        """The cpus that are online."""

    def create(self, pods: Sequence[PodSpec]) -> list[str]:
        """Create pods, all at once, and wait until their containers run.

        Args:
            pods: The pods.

        Returns:
            What was said to each attempt that was refused and made again.

        Raises:
            NodeFailed: One of them does not run.
        """

    def replace(self, pods: Sequence[PodSpec]) -> list[str]:
        """Delete pods by force, all at once, and create them again without waiting.

        Args:
            pods: The pods, which were created before.

        Returns:
            What was said to each attempt that was refused and made again.

        Raises:
            NodeFailed: One of them does not run again.
        """

    def wait_completed(self, pods: Sequence[PodSpec], deadline_s: float) -> list[str]:
        """Wait until pods have run to their own end.

        Args:
            pods: The pods.
            deadline_s: How long to wait, in seconds.

        Returns:
            What is wrong with those that have not.
        """

    def delete(self, pods: Sequence[PodSpec]) -> None:
        """Delete pods by force, all at once, and wait until they are gone."""

    def residents(self) -> tuple[Resident, ...]:
        """Return the test's containers that run."""

    def read(self, one: Resident) -> Enforced | None:
        """Return what the kernel enforces for a container; None: it has no process."""

    def memory_nodes(self, cpus: CpuSet) -> CpuSet | None:
        """Return the memory nodes for cpus; None: they are not known."""

    def ping(self) -> None:
        """Make a call that the node answers at once if it is well.

        Raises:
            NodeFailed: It does not answer.
        """

    def agent(self) -> AgentState:
        """Return which agent is at work."""

    def agent_log(self) -> tuple[str, ...] | None:
        """Return what the agent has logged since the test began; None: it cannot be read."""

    def close(self) -> None:
        """Remove whatever the test has made, in any state of it."""
