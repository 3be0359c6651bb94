"""What the kernel of a virtual node enforces, judged by the one checker of the rules."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nodesim.report import Violation
from nodestress.judge import OVERLAP, Ground, judge
from nodestress.node import Resident
from nodestress.waiting import DeadlineError, wait_for
from tests.e2e import kernel
from tests.e2e.kubelet import RunningPod
from tests.vm.machine import CPUS, Machine
from tests.vm.node import VmKubelet
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet

ALL: Final = CpuSet.of(range(CPUS))
NODES: Final = (CpuSet.of(range(CPUS // 2)), CpuSet.of(range(CPUS // 2, CPUS)))
SIBLINGS: Final = tuple(CpuSet.of((cpu, cpu + 1)) for cpu in range(0, CPUS, 2))
# Growth is settled within 1 s of the reply; software emulation takes its time, too.
SETTLE_DEADLINE_S: Final = 60.0


def memory_nodes(cpus: CpuSet) -> CpuSet:
    """The NUMA nodes of cpus, as the machine was built."""
    return CpuSet.of(number for number, node in enumerate(NODES) if cpus & node)


def parse(text: str) -> CpuSet:
    """The kernel's list format, by a parser of the tests' own."""
    return CpuSet.of(kernel.parse_cpus(text))


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen over a time.

    Attributes:
        looks: How often the kernel was looked at.
        overlaps: How many of the sights had a container on a cpu that another one owns.
        longest_s: How long the longest of these lasted, in seconds.
        broken: All rules that were broken at an instant.
        places: All cpusets that each container was seen with, by its id.
    """

    looks: int
    overlaps: int
    longest_s: float
    broken: tuple[str, ...]
    places: Mapping[str, frozenset[CpuSet]]


class Truth:
    """Reads and judges.

    Args:
        machine: The virtual machine.
        kubelet: Knows what runs there.

    Attributes:
        always: Pods that run whatever a test does: the agent's own.
    """

    def __init__(self, machine: Machine, kubelet: VmKubelet) -> None:
        self._machine = machine
        self._kubelet = kubelet
        self.always: list[RunningPod] = []

    def cpus_of(self, pod: RunningPod, container: str | None = None) -> CpuSet:
        """The cpus of a pod's container, according to its cgroup.

        Args:
            pod: The pod.
            container: The container's name; None: the only one.
        """
        chosen = pod.containers[container] if container else pod.container
        return parse(self._machine.ask("tasks")[chosen]["cpus"])

    def mems_of(self, pod: RunningPod) -> CpuSet:
        """The memory nodes of a pod's container, according to its cgroup."""
        return parse(self._machine.ask("tasks")[pod.container]["mems"])

    def assert_settled(self, pods: Iterable[RunningPod], online: CpuSet = ALL) -> None:
        """Waits until these pods, and no others, are placed by the rules; fails with what is wrong.

        Cgroup and masks of every task must agree.
        """
        wanted = {pod.container for pod in (*pods, *self.always)}
        faults: list[str] = []

        def settled() -> bool:
            faults[:] = self._faults(wanted, online)
            return not faults

        try:
            wait_for("the rules to hold", settled, SETTLE_DEADLINE_S)
        except DeadlineError as error:
            raise AssertionError("\n".join(faults)) from error

    def _faults(self, wanted: set[str], online: CpuSet) -> list[str]:
        found = self._machine.ask("tasks")
        faults = [f"{one} does not run" for one in wanted - found.keys()]
        faults += [f"{one} still runs" for one in found.keys() - wanted]
        faults += [
            f"{self._label(one)}: a task has {masks}, its cgroup {truth['cpus']} {truth['mems']}"
            for one, truth in found.items()
            for masks in truth["tasks"]
            if masks != [truth["cpus"], truth["mems"]]
        ]
        sight = {
            self._residents(one)[-1]: Enforced(
                *(parse(truth[key]) for key in ("cpus", "mems", "cpus"))
            )
            for one, truth in found.items()
        }
        broken = judge(sight, Ground(online, memory_nodes), at_rest=True)
        return faults + [one.text for one in broken]

    def running(self) -> set[str]:
        """The ids of the watched containers that have tasks."""
        return set(self._machine.ask("tasks"))

    def history(self, of: Iterable[RunningPod] | None = None) -> Seen:
        """What the observer has seen since it was last asked.

        Args:
            of: Judges these pods only; None: all.
        """
        judged = None if of is None else {pod.container for pod in of}
        told = self._machine.ask("history")
        sights: list[tuple[float, dict[str, str]]] = told["sights"]
        overlaps, longest_s, broken = 0, 0.0, []
        places: dict[str, set[CpuSet]] = {}
        for number, (at_s, sight) in enumerate(sights):
            chosen = {one: cpus for one, cpus in sight.items() if judged is None or one in judged}
            for one, cpus in chosen.items():
                places.setdefault(one, set()).add(parse(cpus))
            found = self._judge(chosen)
            if any(one.rule == OVERLAP for one in found):
                overlaps += 1
                end_s = sights[number + 1][0] if number + 1 < len(sights) else at_s
                longest_s = max(longest_s, end_s - at_s)
            broken += [one.text for one in found]
        return Seen(
            told["looks"],
            overlaps,
            longest_s,
            tuple(dict.fromkeys(broken)),
            {one: frozenset(cpus) for one, cpus in places.items()},
        )

    def _judge(self, sight: dict[str, str]) -> Sequence[Violation]:
        enforced = [Enforced(parse(cpus), CpuSet.EMPTY, parse(cpus)) for cpus in sight.values()]
        broken: Sequence[Violation] = ()
        # A container that is being resized may have either size at that instant.
        for residents in itertools.product(*map(self._residents, sight)):
            seen = dict(zip(residents, enforced, strict=True))
            # Memory is looked at when all is settled.
            broken = judge(seen, Ground(ALL, lambda _cpus: None), at_rest=False)
            if not broken:
                break
        return broken

    def _residents(self, container: str) -> list[Resident]:
        """A container, once for each size that it had."""
        name, demands = self._kubelet.demands[container]
        return [Resident(container, name, demand, "") for demand in demands]

    def _label(self, container: str) -> str:
        return self._kubelet.demands[container][0]
