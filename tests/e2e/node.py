"""A node under test: what the cases need of it, and the node on this very machine.

The cases speak to `Node` only, so that the same ones judge an agent that is a process of the host,
and the agent of the chart in its container on another machine (`tests/vm`).
"""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from nodestress.cri import CriClient
from tests.e2e import kernel, placement
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.kernel import Cpus
from tests.e2e.kubelet import Kubelet, RunningPod


class AnyAgent(Protocol):
    """The agent, one process after the other."""

    @property
    def pid(self) -> int:
        """The process id of the running agent, as its node has it."""

    def start(self) -> None:
        """Starts a process and waits until it is synchronized with the runtime."""

    def launch(self) -> None:
        """Starts a process without waiting for anything."""

    def wait_ready(self) -> None:
        """Waits until the agent is synchronized (again)."""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it by a signal.

        Returns:
            The exit status; that of a process ended by a signal is its negative number.
        """


class AnyRuntime(Protocol):
    """The containerd of a node."""

    cri: CriClient

    def start(self) -> None:
        """Starts it and waits until it serves."""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal; its pods go on."""

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stops it by a signal and starts it again."""


class Watcher(Protocol):
    """Looks all the time whether a container runs on a cpu that another one owns."""

    def add(self, *pods: RunningPod) -> None:
        """Watches these running pods too, until they end."""


class Node(Protocol):
    """One node; all parts speak to the same runtime."""

    @property
    def runtime(self) -> AnyRuntime:
        """Its containerd."""

    @property
    def agent(self) -> AnyAgent:
        """The agent; it is at work when a case begins."""

    @property
    def kubelet(self) -> Kubelet:
        """Runs its pods."""

    @property
    def at_once_s(self) -> float:
        """What takes less than so many seconds did not wait for anything."""

    @property
    def online(self) -> Cpus:
        """The cpus that its kernel can run anything on."""

    @property
    def largest_owner(self) -> int:
        """How many cpus one container can own; not all if the agent itself is a shared pod."""

    def cpus_of(self, pod: RunningPod, container: str | None = None) -> Cpus:
        """The cpus that a running container of a pod may run on, read from the kernel.

        Args:
            pod: The pod.
            container: The container's name; None: the only one.
        """

    def mems_of(self, pod: RunningPod) -> Cpus:
        """The NUMA nodes that a pod's only container may have memory on."""

    def nodes_of(self, cpus: Cpus) -> Cpus:
        """The NUMA nodes that cpus belong to."""

    def kill(self, pid: int) -> None:
        """Ends a process of the node at once."""

    def assert_settled(self, pods: Iterable[RunningPod]) -> None:
        """Waits until exactly these pods are placed by the rules; fails with what is wrong."""

    def watch(self) -> AbstractContextManager[Watcher]:
        """Watches pods for overlaps; fails at its end if there was one."""

    def successor(self) -> AbstractContextManager[AnyAgent]:
        """Another agent, not yet started; it must have ended in the end."""

    def assert_undisturbed(self) -> None:
        """Fails if the agent has ended, or if the runtime dropped it or crashed."""

    def assert_empty(self) -> None:
        """Fails if a container is left, other than the agent's own."""


@dataclass(frozen=True, slots=True)
class HostNode:
    """This machine as a node: the agent is a process of it."""

    runtime: Containerd
    agent: Agent
    kubelet: Kubelet

    # Far below the two seconds after which the runtime drops a plugin.
    at_once_s: float = 0.5

    @property
    def online(self) -> Cpus:
        """The cpus that the kernel can run anything on."""
        return kernel.online_cpus()

    @property
    def largest_owner(self) -> int:
        """How many cpus one container can own: all."""
        return len(self.online)

    def cpus_of(self, pod: RunningPod, container: str | None = None) -> Cpus:
        """The cpus that a running container of a pod may run on."""
        return kernel.allowed_cpus(self.kubelet.pid(pod, container))

    def mems_of(self, pod: RunningPod) -> Cpus:
        """The NUMA nodes that a pod's only container may have memory on."""
        return kernel.allowed_mems(self.kubelet.pid(pod))

    def nodes_of(self, cpus: Cpus) -> Cpus:
        """The NUMA nodes that cpus belong to."""
        return kernel.nodes_of(cpus)

    def kill(self, pid: int) -> None:
        """Ends a process at once."""
        os.kill(pid, signal.SIGKILL)

    def assert_settled(self, pods: Iterable[RunningPod]) -> None:
        """Waits until exactly these pods are placed by the rules; fails with what is wrong."""
        placement.assert_settled(self.kubelet, pods)

    def watch(self) -> placement.Watch:
        """Watches pods for overlaps; fails at its end if there was one."""
        return placement.Watch(self.kubelet)

    @contextmanager
    def successor(self) -> Iterator[Agent]:
        """Another agent, not yet started."""
        process = Agent(self.runtime, "successor")
        try:
            yield process
        finally:
            process.close()

    def assert_undisturbed(self) -> None:
        """Fails if the agent has ended, or if the runtime dropped it or crashed."""
        assert self.agent.is_running(), "the agent has ended"
        # Go's words for a deadline that passed, which drops a plugin, and for a crash.
        for mark in ("deadline exceeded", "panic:", "fatal error:"):
            found = [line for line in self.runtime.log_lines() if mark in line]
            assert not found, "\n".join(found)

    def assert_empty(self) -> None:
        """Fails if a container is left."""
        assert self.runtime.cri.list_containers() == []
