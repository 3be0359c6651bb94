"""The rules of placement, checked against the kernel for pods that run at the same time.

What is read is the processes' own masks in /proc; it is judged by the one checker of the rules.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nodestress.judge import Ground, judge
from nodestress.node import Resident
from nodestress.waiting import DeadlineError, wait_for
from tests.e2e import kernel
from tests.e2e.kernel import Cpus
from tests.e2e.kubelet import Kubelet, RunningPod
from tests.e2e.pods import ContainerSpec, PodSpec
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import AnnotatedDemand, CpuSet, Demand, IntegerDemand, SharedDemand

SAMPLE_S: Final = 0.002
# Growth is settled after the reply: 200 ms of quiet, 1 s at most, and a second for the runtime.
SETTLE_DEADLINE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Placed:
    """What one running container should have, and its first process."""

    name: str
    pid: int
    demand: Demand


def classify(kubelet: Kubelet, pod: RunningPod) -> Placed:
    """What a pod with one container should have, read off its manifest."""
    (container,) = pod.spec.containers
    return Placed(pod.spec.name, kubelet.pid(pod), demand_of(pod.spec, container))


def demand_of(pod: PodSpec, container: ContainerSpec) -> Demand:
    """What a container of a pod should have, read off the pod's manifest."""
    notes = pod.annotations
    if "weka.io/cores-ids" in notes:
        return AnnotatedDemand(CpuSet.of(kernel.parse_cpus(notes["weka.io/cores-ids"])))
    forbidden = CpuSet.of(kernel.parse_cpus(notes.get("weka.io/forbid-core-ids", "")))
    whole, part = divmod(container.cpu_limit_m, 1000)
    if pod.qos.name == "GUARANTEED" and whole and not part:
        return IntegerDemand(whole, forbidden)
    return SharedDemand(forbidden)


def faults(placed: Iterable[Placed]) -> list[str]:
    """What is wrong on a node where exactly these containers run; empty if nothing is.

    A shared container must have the whole pool, not only a part of it.
    """
    found, sight = [], {}
    for one in placed:
        have = CpuSet.of(kernel.allowed_cpus(one.pid))
        mems = CpuSet.of(kernel.allowed_mems(one.pid))
        if have != CpuSet.of(kernel.cgroup_cpus(one.pid)):
            found.append(f"{one.name} runs on other cpus than its cgroup has")
        sight[Resident(str(one.pid), one.name, one.demand, "")] = Enforced(have, mems, have)
    ground = Ground(CpuSet.of(kernel.online_cpus()), _memory_nodes)
    return found + [broken.text for broken in judge(sight, ground, at_rest=True)]


def _memory_nodes(cpus: CpuSet) -> CpuSet | None:
    """The nodes of cpus; None where the kernel has no NUMA nodes."""
    return CpuSet.of(kernel.nodes_of(cpus)) or None


def assert_settled(kubelet: Kubelet, pods: Iterable[RunningPod]) -> None:
    """Waits until exactly these pods are placed by the rules; fails with what is wrong."""
    placed = [classify(kubelet, pod) for pod in pods]
    seen: list[str] = []

    def settled() -> bool:
        seen[:] = faults(placed)
        return not seen

    try:
        wait_for("the rules to hold", settled, SETTLE_DEADLINE_S)
    except DeadlineError as error:
        raise AssertionError("\n".join(seen)) from error


class Watch:
    """Looks all the time whether a container runs on a cpu that another one owns.

    A context manager; leaving it fails if the rule was ever broken. It reads the owner, the
    other, and the owner again: had the owner given the cpu away in between, the second
    reading would differ.
    """

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._placed: list[Placed] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.samples = 0
        self.overlaps: list[str] = []

    def add(self, *pods: RunningPod) -> None:
        """Watches these running pods too, until they end."""
        # A new list: the thread may be walking the old one.
        self._placed = self._placed + [classify(self._kubelet, pod) for pod in pods]

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()  # once for sure, however short it was
        if kind is None:
            assert not self.overlaps, "\n".join(self.overlaps)
            assert self.samples > 0, "nothing was watched"

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        placed = self._placed
        for owner in placed:
            if not isinstance(owner.demand, SharedDemand):
                self._look_at(owner, [other for other in placed if other is not owner])

    def _look_at(self, owner: Placed, others: list[Placed]) -> None:
        before = _cpus_of(owner)
        theirs = {other.name: _cpus_of(other) for other in others if _may_not_meet(owner, other)}
        if before and before == _cpus_of(owner):
            self.samples += 1
            self.overlaps += [
                f"{name} runs on {sorted(cpus & before)} of {owner.name}"
                for name, cpus in theirs.items()
                if cpus & before
            ]


def _may_not_meet(owner: Placed, other: Placed) -> bool:
    """Only annotated containers may overlap, and only one another."""
    both = (owner.demand, other.demand)
    return not all(isinstance(one, AnnotatedDemand) for one in both)


def _cpus_of(one: Placed) -> Cpus:
    """The container's cpus; the empty set once it has ended."""
    try:
        return kernel.allowed_cpus(one.pid) if kernel.is_alive(one.pid) else frozenset()
    except kernel.GONE:
        return frozenset()
