"""What neighbours cost: an update takes the runtime 10 ms under a lock of the whole node."""

import dataclasses

import pytest

from nodesim.actions import Apply, Delete, Scenario, Wait
from nodesim.kernel import Kernel
from nodesim.simulation import Simulation
from nodesim.workload import ContainerSpec, PodSpec, Resources
from weka_cpuset.engine import CpuSet

MIB = 1 << 20


def pods(name: str, count: int, resources: Resources) -> tuple[PodSpec, ...]:
    """Return pods of one container each."""
    return tuple(
        PodSpec(f"{name}-{number}", (ContainerSpec("main", resources),)) for number in range(count)
    )


SHARED = pods("shared", 100, Resources(100, 0, MIB, 0))
OWNERS = pods("owner", 50, Resources(1000, 1000, MIB, MIB))


@dataclasses.dataclass
class Cost:
    """How many containers were told other cpus, by the runtime and through cgroup files."""

    runtime: int
    cgroup: int

    @property
    def total(self) -> int:
        """All together."""
        return self.runtime + self.cgroup


def cost_of(monkeypatch: pytest.MonkeyPatch, *actions: Apply | Delete | Wait) -> Cost:
    """Play a scenario in which no rule breaks and nobody is on cpus of others, and count."""
    written = []
    right = Kernel.write

    def write(self: Kernel, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        written.append(path)
        right(self, path, cpus, mems)

    with monkeypatch.context() as patched:
        patched.setattr(Kernel, "write", write)
        report = Simulation(Scenario("2x64-smt2", actions)).run()
    assert report.violations == ()
    assert report.exposed_s == 0
    return Cost(report.updates, len(written))


def test_pods_created_together_do_not_wait_for_all_neighbours_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At most 700 updates, the return of what was taken ahead included, instead of 5,000.

    The runtime takes a second for the first reply, so the second creation comes that late.
    """
    neighbours = (Apply(SHARED), Wait(30.0))
    alone = cost_of(monkeypatch, *neighbours)
    together = cost_of(monkeypatch, *neighbours, Apply(OWNERS), Wait(60.0))
    assert 0 < together.total - alone.total <= 700


def test_pods_deleted_together_wait_for_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours grow once, outside of replies: at most 110 updates."""
    begin = (Apply(SHARED), Wait(30.0), Apply(OWNERS), Wait(60.0))
    before = cost_of(monkeypatch, *begin)
    names = tuple(pod.key for pod in OWNERS)
    after = cost_of(monkeypatch, *begin, Delete(names, grace_s=0.0, force=True), Wait(60.0))
    assert after.runtime == before.runtime
    assert 0 < after.cgroup - before.cgroup <= 110
