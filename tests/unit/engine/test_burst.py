"""Bursts: many integer containers beside many shared ones, told as few updates as possible."""

from dataclasses import replace

import pytest

from tests.machines import container, flat, grid, ledger_of, pod
from weka_cpuset.engine import (
    CpuSet,
    Create,
    Decision,
    Ledger,
    Outcome,
    Phase,
    Rules,
    Seen,
    Settle,
    Stop,
    Topology,
    decide,
    explain_cpu,
)

SMALL = grid(packages=2, nodes=1, llcs=2, cores=8, threads=2)
LARGE = grid(packages=2, nodes=2, llcs=4, cores=16, threads=2)


def _with_shared(machine: Topology, count: int, rules: Rules | None = None) -> Ledger:
    shared = [(pod(f"s{one}"), container(f"s{one}")) for one in range(count)]
    return ledger_of(machine, *shared, rules=rules)


def _create(ledger: Ledger, number: int, whole: int = 1) -> Decision:
    name = f"i{number}"
    return decide(ledger, Create(pod(name, guaranteed=True), container(name, whole)), limit=0)


def _burst(ledger: Ledger, count: int, whole: int = 1) -> tuple[Ledger, list[int]]:
    """Create integer containers back to back; tell how many updates each one cost."""
    costs = []
    for number in range(count):
        decision = _create(ledger, number, whole)
        assert decision.outcome is Outcome.PLACED
        ledger = decision.ledger
        ledger.check()
        costs.append(len(decision.updates))
    return ledger, costs


@pytest.mark.parametrize("machine", [SMALL, LARGE], ids=["64 cpus", "256 cpus"])
def test_fifty_pods_beside_a_hundred_shared_ones_cost_a_few_rounds(machine: Topology) -> None:
    """They cost 700 updates at most instead of 5,000, with the return of what was left over."""
    ledger, costs = _burst(_with_shared(machine, 100), 50)
    calm = decide(ledger, Settle(calm=True))
    assert sum(costs) + len(calm.updates) <= 700
    assert all(update.cpus == calm.ledger.pool for update in calm.updates)
    assert calm.ledger.settled


def test_one_pod_takes_nothing_ahead() -> None:
    """A single pod costs shared containers no more cpus than it asks for."""
    ledger = _create(_with_shared(SMALL, 1), 0, 4).ledger
    assert ledger.spare == CpuSet.EMPTY
    assert len(ledger.cpus_of("s0")) == len(SMALL.online) - 4


@pytest.mark.parametrize("whole", [1, 2, 3])
def test_cpus_are_those_it_would_get_without_the_burst(whole: int) -> None:
    """Placement by rule 5 is not worse for what is taken ahead."""
    ahead, _ = _burst(_with_shared(SMALL, 3), 12, whole)
    alone, _ = _burst(_with_shared(SMALL, 3, Rules(burst_max=0)), 12, whole)
    names = [f"i{number}" for number in range(12)]
    assert [ahead.cpus_of(name) for name in names] == [alone.cpus_of(name) for name in names]


def test_settling_in_the_midst_of_a_burst_returns_nothing() -> None:
    """What was taken ahead returns when no pod has come for a while, not at any pause."""
    ledger, _ = _burst(_with_shared(SMALL, 2), 5)
    assert ledger.spare
    assert decide(ledger, Settle()).updates == ()
    decision = decide(ledger, Settle(calm=True))
    assert {update.container_id for update in decision.updates} == {"s0", "s1"}
    assert decision.ledger.spare == CpuSet.EMPTY
    assert _create(decision.ledger, 9).ledger.spare == CpuSet.EMPTY
    assert decide(decision.ledger, Settle(calm=True)).outcome is Outcome.NOTHING


def test_shared_pod_that_comes_in_a_burst_stays_off_what_is_taken_ahead() -> None:
    """It would have to leave these cpus again a moment later."""
    ledger, _ = _burst(_with_shared(SMALL, 2), 5)
    decision = decide(ledger, Create(pod("s"), container("s")))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == ledger.common
    assert decision.updates == ()


def test_shared_pod_that_has_no_other_cpu_is_not_refused() -> None:
    """A pod that forbids all but what was taken ahead gets that: nothing is refused for it."""
    ledger, _ = _burst(_with_shared(SMALL, 2), 5)
    forbid = str(SMALL.online - ledger.spare)
    decision = decide(ledger, Create(pod("s", forbid=forbid), container("s")))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == ledger.spare
    assert decision.ledger.spare == CpuSet.EMPTY


def test_last_cpus_of_shared_pods_are_not_taken_ahead() -> None:
    """A live shared container keeps a cpu, and the pool its least size (rule 4)."""
    few = _with_shared(flat(8), 1)
    picky = decide(few, Create(pod("s", forbid="0-5"), container("s"))).ledger
    for ledger, least in ((picky, 1), (replace(few, rules=Rules(min_shared=4)), 4)):
        ledger, _ = _burst(ledger, 3)
        assert all(ledger.cpus_of(one) for one in ledger.shared)
        assert len(ledger.common) >= least


def test_pods_are_placed_down_to_the_last_cpu_of_a_burst() -> None:
    """What is taken ahead never makes a pod fail that would have had a place."""
    ledger, _ = _burst(_with_shared(flat(16), 2), 15)
    assert len(ledger.pool) == 1
    assert _create(ledger, 15).outcome is Outcome.REFUSED


def test_pods_deleted_and_created_again_cost_no_update() -> None:
    """Cpus that no shared container has been told yet are free of them."""
    ledger, _ = _burst(_with_shared(SMALL, 10), 8)
    for number in range(8):
        ledger = decide(ledger, Stop(f"i{number}"), limit=0).ledger
    for number in range(8):
        decision = _create(ledger, 100 + number)
        assert decision.updates == ()
        ledger = decision.ledger


def test_a_setting_turns_it_off() -> None:
    """With `cpus.burst_max: 0` each container costs a round of its own."""
    ledger, costs = _burst(_with_shared(SMALL, 3, Rules(burst_max=0)), 5)
    assert ledger.spare == CpuSet.EMPTY
    assert costs == [3] * 5


def test_a_cpu_taken_ahead_is_explained() -> None:
    """Whoever asks why nobody runs on a cpu is told."""
    ledger, _ = _burst(_with_shared(SMALL, 2), 2)
    cpu = ledger.spare.lowest
    assert explain_cpu(ledger, cpu).spare
    assert explain_cpu(ledger, cpu).guests == ()


def test_started_containers_change_nothing_of_it() -> None:
    """PostStart of the new ones sends nobody back onto what is taken ahead."""
    ledger, _ = _burst(_with_shared(SMALL, 2), 2)
    ledger = decide(ledger, Seen(None, container("i0"), Phase.RUNNING)).ledger
    assert ledger.spare
    assert decide(ledger, Settle()).updates == ()
