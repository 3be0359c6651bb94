"""A virtual node whose agent is the chart's pod; the cases of the end-to-end tier run on it."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.e2e.kernel import Cpus
from tests.e2e.kubelet import RunningPod
from tests.vm.delivered.daemon_pod import DaemonPod
from tests.vm.evidence import SEEN
from tests.vm.machine import Machine
from tests.vm.node import Runtime, VmKubelet
from tests.vm.truth import ALL, Truth, memory_nodes
from weka_cpuset.engine import CpuSet

# A shell's and a runtime's way to tell of an end by a signal (bash(1), EXIT STATUS).
SIGNALED: Final = 128


class Instants:
    """Judges what was seen at every instant.

    What starts while no agent is there runs anywhere, the agent's own next container as well. So
    from an agent's end until all is settled again only those are judged whom it had placed.

    Args:
        truth: Has watched the node.
        kubelet: Knows its pods.
        config: Keeps what was seen for the report.

    Attributes:
        looks: How often the kernel was looked at since this was last set to 0.
    """

    def __init__(self, truth: Truth, kubelet: VmKubelet, config: pytest.Config) -> None:
        self.looks = 0
        self._truth = truth
        self._kubelet = kubelet
        self._config = config
        self._placed: list[RunningPod] | None = None

    def judge(self) -> None:
        """Judges all that was seen since the last time; fails if a rule was broken."""
        seen = self._truth.history(self._placed)
        self._config.stash[SEEN].append(seen)
        self.looks += seen.looks
        assert not seen.broken, "\n".join(seen.broken)

    def agent_ends(self) -> None:
        """The agent is about to end."""
        self.judge()
        if self._placed is None:
            self._placed = list(self._kubelet.pods.values())

    def settled(self) -> None:
        """All pods are placed by the rules, by an agent that is there."""
        self.judge()
        self._placed = None
        self._kubelet.forget_former_sizes()


class PodAgent:
    """The agent in the chart's pod, one process after the other.

    Args:
        daemon: Makes the pod and its containers.
        kubelet: Deletes them.
        machine: Where they run.
        truth: Is told that the pod is there.
        instants: Is told when the agent ends.
    """

    def __init__(
        self,
        daemon: DaemonPod,
        kubelet: VmKubelet,
        machine: Machine,
        truth: Truth,
        instants: Instants,
    ) -> None:
        self._daemon = daemon
        self._kubelet = kubelet
        self._machine = machine
        self._truth = truth
        self._instants = instants
        self._pod: RunningPod | None = None

    @property
    def pod(self) -> RunningPod:
        """Its pod."""
        assert self._pod is not None
        return self._pod

    @property
    def pid(self) -> int:
        """Its process, as the node numbers it."""
        return self._kubelet.pid(self.pod)

    @property
    def log_file(self) -> str:
        """Where the runtime puts what it writes."""
        return self._daemon.log_file(self.pod)

    def start(self) -> None:
        """Starts it, and waits until it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Starts the pod's container anew, as a kubelet does; or the pod, if there is none."""
        if self._pod is None:
            self._pod = self._daemon.start()
        else:
            self._daemon.start_container(self._pod)
        self._truth.always.append(self._pod)

    def wait_ready(self) -> None:
        """Waits until a kubelet would call the pod ready: it is synchronized."""
        self._daemon.wait_ready(self.pod)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends its process by a signal.

        Returns:
            The exit status; that of a process ended by a signal is its negative number.
        """
        self._instants.agent_ends()
        self._truth.always.remove(self.pod)
        self._machine.run(f"kill -{number.value} {self.pid}")
        status = self._kubelet.wait_exited(self.pod).exit_code
        return SIGNALED - status if status > SIGNALED else status

    def remove(self) -> None:
        """Deletes its pod, if there is one; `start` makes another one."""
        if self._pod is None:
            return
        self._instants.agent_ends()
        if self._pod in self._truth.always:
            self._truth.always.remove(self._pod)
        self._kubelet.delete(self._pod)
        self._pod = None

    def is_well(self) -> bool:
        """Whether a kubelet would let it live."""
        return self._pod is not None and self._daemon.answers(self._pod, "livenessProbe")


class Everybody:
    """Who is watched: all containers, always."""

    def add(self, *pods: RunningPod) -> None:
        """They are watched already."""


@dataclass(frozen=True, slots=True)
class PodNode:
    """A virtual node with the chart's pod."""

    machine: Machine
    runtime: Runtime
    kubelet: VmKubelet
    truth: Truth
    instants: Instants
    daemon: DaemonPod
    agent: PodAgent

    # Below the 30 s after which this runtime drops a plugin; a weak check, since all is emulated.
    at_once_s: float = 10.0

    @classmethod
    def on(cls, machine: Machine, config: pytest.Config) -> "PodNode":
        """The node of a machine that has the agent's image, with the agent at work.

        Args:
            machine: The machine.
            config: Keeps what is seen for the report.
        """
        runtime = Runtime(machine)
        runtime.wait_ready()
        kubelet = VmKubelet(runtime)
        truth = Truth(machine, kubelet)
        instants = Instants(truth, kubelet, config)
        daemon = DaemonPod(runtime, kubelet, {})
        agent = PodAgent(daemon, kubelet, machine, truth, instants)
        agent.start()
        return cls(machine, runtime, kubelet, truth, instants, daemon, agent)

    @property
    def online(self) -> Cpus:
        """The cpus that its kernel can run anything on."""
        return frozenset(ALL)

    @property
    def largest_owner(self) -> int:
        """All cpus but one: the agent's own pod shares the pool."""
        return len(ALL) - 1

    def cpus_of(self, pod: RunningPod, container: str | None = None) -> Cpus:
        """The cpus that a running container of a pod may run on."""
        return frozenset(self.truth.cpus_of(pod, container))

    def mems_of(self, pod: RunningPod) -> Cpus:
        """The NUMA nodes that a pod's only container may have memory on."""
        return frozenset(self.truth.mems_of(pod))

    def nodes_of(self, cpus: Cpus) -> Cpus:
        """The NUMA nodes that cpus belong to."""
        return frozenset(memory_nodes(CpuSet.of(cpus)))

    def kill(self, pid: int) -> None:
        """Ends a process at once."""
        self.machine.run(f"kill -KILL {pid}")

    def assert_settled(self, pods: Iterable[RunningPod]) -> None:
        """Waits until exactly these pods are placed by the rules; fails with what is wrong."""
        self.truth.assert_settled(pods)
        self.instants.settled()

    @contextmanager
    def watch(self) -> Iterator[Everybody]:
        """Fails at its end if there was an overlap."""
        yield Everybody()
        self.instants.judge()

    @contextmanager
    def successor(self) -> Iterator[PodAgent]:
        """Another pod of the DaemonSet, not yet started."""
        other = PodAgent(self.daemon, self.kubelet, self.machine, self.truth, self.instants)
        try:
            yield other
        finally:
            other.remove()

    def assert_undisturbed(self) -> None:
        """Fails if the agent has ended, or if the runtime dropped it or crashed."""
        assert self.agent.is_well(), "the agent has ended"
        complaints = self.runtime.complaints()
        assert not complaints, "\n".join(complaints)

    def assert_empty(self) -> None:
        """Fails if a container is left, other than the agent's own."""
        (only,) = self.runtime.cri.list_containers()
        assert only.id == self.agent.pod.container

    def begin(self) -> None:
        """Fails if a pod is there that is not the agent's; what was seen is forgotten."""
        self.truth.assert_settled([])
        self.truth.history()
        self.instants.looks = 0

    def clear(self, config: pytest.Config) -> None:  # noqa: ARG002  # `instants` has it
        """Deletes all pods but the agent's; fails if a rule was broken at any instant."""
        self.kubelet.delete_all(list(self.kubelet.pods.values()), grace_s=0)
        self.truth.assert_settled([])
        self.instants.settled()
        assert self.instants.looks > 0, "nothing was watched"
        self.assert_undisturbed()

    def close(self) -> None:
        """Closes the connection to its runtime."""
        self.runtime.close()
