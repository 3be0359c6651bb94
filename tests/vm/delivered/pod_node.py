"""A virtual node whose agent is the chart's pod; the cases of the end-to-end tier run on it."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.e2e.kernel import Cpus
from tests.e2e.kubelet import RunningPod
from tests.vm.delivered.daemon_pod import DaemonPod
from tests.vm.evidence import judge_the_end
from tests.vm.machine import Machine
from tests.vm.node import Runtime, VmKubelet
from tests.vm.truth import ALL, Truth, memory_nodes
from weka_cpuset.engine import CpuSet

# A shell's and a runtime's way to tell of an end by a signal (bash(1), EXIT STATUS).
SIGNALED: Final = 128


class PodAgent:
    """The agent in the chart's pod, one process after the other.

    Args:
        daemon: Makes the pod and its containers.
        kubelet: Deletes them.
        machine: Where they run.
        truth: Is told that the pod is there.

    Attributes:
        has_been_away: Whether it was ended since this was last set to False.
    """

    def __init__(
        self, daemon: DaemonPod, kubelet: VmKubelet, machine: Machine, truth: Truth
    ) -> None:
        self.has_been_away = False
        self._daemon = daemon
        self._kubelet = kubelet
        self._machine = machine
        self._truth = truth
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
        self.has_been_away = True
        self._truth.always.remove(self.pod)
        self._machine.run(f"kill -{number.value} {self.pid}")
        status = self._kubelet.wait_exited(self.pod).exit_code
        return SIGNALED - status if status > SIGNALED else status

    def remove(self) -> None:
        """Deletes its pod; `start` makes another one."""
        self.has_been_away = True
        if self.pod in self._truth.always:
            self._truth.always.remove(self.pod)
        self._kubelet.delete(self.pod)
        self._pod = None

    def is_well(self) -> bool:
        """Whether a kubelet would let it live."""
        return self._pod is not None and self._daemon.answers(self._pod, "livenessProbe")


@dataclass(slots=True)
class Watched:
    """Pods for whom the rules must hold at every instant; all containers are looked at anyway."""

    pods: list[RunningPod] = field(default_factory=list)

    def add(self, *pods: RunningPod) -> None:
        """Watches these running pods too, until they end."""
        self.pods += pods


@dataclass(frozen=True, slots=True)
class PodNode:
    """A virtual node with the chart's pod."""

    machine: Machine
    runtime: Runtime
    kubelet: VmKubelet
    truth: Truth
    daemon: DaemonPod
    agent: PodAgent

    # Far below the 30 s after which this runtime drops a plugin; all is emulated.
    at_once_s: float = 10.0

    @classmethod
    def on(cls, machine: Machine) -> "PodNode":
        """The node of a machine, with the agent not yet started.

        Args:
            machine: It runs and has the agent's image.
        """
        runtime = Runtime(machine)
        runtime.wait_ready()
        kubelet = VmKubelet(runtime)
        truth = Truth(machine, kubelet)
        daemon = DaemonPod(runtime, kubelet, {})
        agent = PodAgent(daemon, kubelet, machine, truth)
        return cls(machine, runtime, kubelet, truth, daemon, agent)

    @property
    def online(self) -> Cpus:
        """The cpus that its kernel can run anything on."""
        return frozenset(ALL)

    @property
    def most(self) -> int:
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

    @contextmanager
    def watch(self) -> Iterator[Watched]:
        """Watches pods; with an agent there all the time, all that happens is judged in the end.

        What starts while no agent is there, as its own next container, runs anywhere.
        """
        watched = Watched()
        yield watched
        if self.agent.has_been_away:
            seen = self.truth.history(watched.pods)
            assert seen.looks > 0, "nothing was watched"
            assert not seen.broken, "\n".join(seen.broken)

    @contextmanager
    def successor(self) -> Iterator[PodAgent]:
        """Another pod of the DaemonSet, not yet started."""
        other = PodAgent(self.daemon, self.kubelet, self.machine, self.truth)
        yield other
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

    def clear(self, config: pytest.Config) -> None:
        """Deletes all pods but the agent's; fails if a rule was broken at any instant.

        Args:
            config: Keeps what was seen for the report.
        """
        self.kubelet.delete_all(list(self.kubelet.pods.values()), grace_s=0)
        if self.agent.has_been_away:
            # Whoever starts without an agent has no cpus of its own; see `watch`.
            self.truth.history()
        else:
            judge_the_end(config, self.runtime, self.truth)
        self.assert_undisturbed()
