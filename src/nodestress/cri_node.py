"""A node through its runtime's own socket, for computers without a kubelet.

A kubelet ends every pod that it has not made itself, so this is for a node before it joins a
cluster, or with its kubelet stopped.
"""

import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from nodesim import kubernetes
from nodesim.workload import ContainerSpec, PodSpec
from nodestress import cri_pb2 as pb
from nodestress import kubelet, waiting
from nodestress.agent_process import AgentProcess
from nodestress.cri import CriClient, CriError
from nodestress.node import AgentState, NodeFailed, Resident
from nodestress.orders import OWNER_LABEL, Setting, cgroup_of, container_config, sandbox_config
from weka_cpuset import sysfs
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet

LOOK_S = 0.01
"""A look costs some tenths of a millisecond for each container."""

RETRY_S = 0.1
"""A container that was refused is tried again after so many seconds; a kubelet waits longer."""

RETRY_FOR_S = 30.0
"""After so many seconds a container that is refused will not be let in any more."""

REFUSED_BY_PLUGIN = "NRI"
"""A runtime's message has this in it when one of its plugins has refused."""

SYS = Path("/sys")
CGROUPS = Path("/sys/fs/cgroup")


def memory_bytes() -> int:
    """Return how much memory this computer has, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True, slots=True)
class _Running:
    """A pod that was made, and its containers that were started."""

    spec: PodSpec
    pod: kubelet.Pod
    residents: dict[str, Resident]


class CriNode:
    """A node through its runtime's own socket.

    Args:
        cri: The runtime.
        setting: What pods are made of.
        agent: The agent on it.
        stopping: Set when the test was interrupted: nothing is tried again then.

    Raises:
        NodeFailed: The runtime does not answer, or has not the image.
    """

    look_s = LOOK_S
    removal_s = 3.0  # the calls have returned; only the log may be late

    def __init__(
        self, cri: CriClient, setting: Setting, agent: AgentProcess, stopping: threading.Event
    ) -> None:
        self._cri = cri
        self._setting = setting
        self._agent = agent
        self._stopping = stopping
        self._tree = CpusetTree(CGROUPS)
        self._topology = sysfs.read_topology(SYS)
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        try:
            about = cri.version()
            has_image = cri.has_image(setting.image)
        except CriError as error:
            raise NodeFailed("the runtime", str(error)) from error
        if not has_image:
            raise NodeFailed(
                f"image {setting.image}",
                "is not on the node; pull it, or name another one with --image",
            )
        self.name = f"{about.runtime_name} {about.runtime_version}, {len(self.online)} cpus"
        self.close()  # of what an earlier test has left, should it have been killed

    @property
    def online(self) -> CpuSet:
        """The cpus that are online."""
        return self._topology.online

    def create(self, pods: Sequence[PodSpec]) -> list[str]:
        """Create pods, all at once, and wait until their containers run."""
        return _together([partial(self._start, pod) for pod in pods])

    def replace(self, pods: Sequence[PodSpec]) -> list[str]:
        """Delete pods by force, all at once, and create them again without waiting."""
        ends = [partial(self._end, one) for one in self._of(pods)]
        return _together([*ends, *(partial(self._start, pod) for pod in pods)])

    def wait_completed(self, pods: Sequence[PodSpec], deadline_s: float) -> list[str]:
        """Wait until pods have run to their own end."""
        problems: list[str] = []
        of = self._of(pods)

        def all_completed() -> bool:
            problems[:] = [found for one in of if (found := self._problem_of(one))]
            return not problems

        with suppress(waiting.DeadlineError):
            waiting.wait_for("pods to complete", all_completed, deadline_s)
        return problems

    def delete(self, pods: Sequence[PodSpec]) -> None:
        """Delete pods by force, all at once, and wait until they are gone."""
        _together([partial(self._end, one) for one in self._of(pods)])

    def residents(self) -> tuple[Resident, ...]:
        """Return the test's containers that run."""
        with self._lock:
            return tuple(
                found for one in self._running.values() for found in one.residents.values()
            )

    def read(self, one: Resident) -> Enforced | None:
        """Return what the kernel enforces for a container; None: it has no process."""
        try:
            return None if self._tree.is_dead(one.where) else self._tree.read(one.where)
        except OSError:  # it is just going away
            return None

    def memory_nodes(self, cpus: CpuSet) -> CpuSet | None:
        """Return the memory nodes for cpus."""
        return self._topology.memory_nodes(cpus)

    def ping(self) -> None:
        """Ask the runtime for its version."""
        try:
            self._cri.version()
        except CriError as error:
            raise NodeFailed("the runtime", str(error)) from error

    def agent(self) -> AgentState:
        """Return which agent is at work."""
        return self._agent.state()

    def agent_log(self) -> tuple[str, ...] | None:
        """Return what the agent has logged since the test began; None: it cannot be read."""
        return self._agent.log()

    def close(self) -> None:
        """Remove all pods of any test, also of one that was killed."""
        try:
            for one in self._cri.list_pod_sandboxes():
                if OWNER_LABEL in one.labels:
                    self._cri.stop_pod_sandbox(one.id)
                    self._cri.remove_pod_sandbox(one.id)
                    kubelet.remove_cgroup(one.labels[OWNER_LABEL])
        except CriError as error:
            raise NodeFailed("removing the test's pods", str(error)) from error
        finally:
            with self._lock:
                self._running.clear()

    def _of(self, pods: Sequence[PodSpec]) -> list[_Running]:
        keys = {pod.key for pod in pods}
        with self._lock:
            return [one for one in self._running.values() if one.spec.key in keys]

    def _start(self, spec: PodSpec) -> list[str]:
        """Make a pod as a kubelet does; return what was said to attempts that were refused."""
        spec = replace(spec, uid=str(uuid4()))
        config = sandbox_config(spec, self._setting)
        refusals: list[str] = []
        try:
            pod = kubelet.run_sandbox(self._cri, config)
            running = _Running(spec, pod, {})
            with self._lock:
                self._running[pod.sandbox] = running
            for container in spec.containers:
                refusals += self._create(running, container)
                self._cri.start_container(pod.containers[container.name])
                self._register(running, container)
        except CriError as error:
            raise NodeFailed(spec.key, str(error)) from error
        return refusals

    def _create(self, running: _Running, container: ContainerSpec) -> list[str]:
        """Create a container, again and again as long as a plugin refuses it."""
        refusals: list[str] = []
        end_s = time.monotonic() + RETRY_FOR_S
        while True:
            config = container_config(running.spec, container, len(refusals), self._setting)
            try:
                kubelet.create(self._cri, running.pod, config)
            except CriError as error:
                if REFUSED_BY_PLUGIN not in error.message or time.monotonic() > end_s:
                    raise
                refusals.append(f"{running.spec.key}: {error}")
                if self._stopping.wait(RETRY_S):
                    raise
            else:
                return refusals

    def _register(self, running: _Running, container: ContainerSpec) -> None:
        """Have a container watched: its own program runs, and not the runtime's any more."""
        container_id = running.pod.containers[container.name]
        one = Resident(
            container_id,
            f"{running.spec.key}/{container.name}",
            kubernetes.demand_of(running.spec, container, self.online),
            cgroup_of(running.pod.cgroup, container_id, self._setting.driver),
        )
        with self._lock:
            running.residents[container_id] = one

    def _end(self, one: _Running) -> list[str]:
        """Delete a pod by force as a kubelet does."""
        try:
            kubelet.delete(self._cri, one.pod, 0)
        except CriError as error:
            raise NodeFailed(one.spec.key, str(error)) from error
        with self._lock:
            self._running.pop(one.pod.sandbox, None)
        return []

    def _problem_of(self, one: _Running) -> str | None:
        """Return why a pod has not completed."""
        for container in one.spec.containers:
            status = self._cri.container_status(one.pod.containers[container.name])
            if status.state != pb.CONTAINER_EXITED:
                return f"{one.spec.key} still runs"
            if status.exit_code != container.exit_code:
                return f"{one.spec.key} ended with exit status {status.exit_code}"
        return None


def _together(steps: Sequence[Callable[[], list[str]]]) -> list[str]:
    """Take steps at the same time; return all that they return."""
    return list(itertools.chain(*kubelet.in_parallel(lambda step: step(), steps)))
