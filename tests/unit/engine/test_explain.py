"""Explain: who has what, and why, as far as the ledger tells it."""

from tests.machines import LAPTOP, container, ledger_of, pod
from weka_cpuset.engine import CpuSet, Doubt, Rules, Stop, decide, explain, explain_cpu
from weka_cpuset.engine.demand import FORBID_ANNOTATION

LEDGER = ledger_of(
    LAPTOP,
    (pod("shared", forbid="7"), container("shared")),
    (pod("integer", guaranteed=True), container("integer", 2)),
    (pod("named", cores="3"), container("named")),
    (pod("also", cores="0,3"), container("also")),
    rules=Rules(reserved=CpuSet.of([0])),
)


def test_who_has_cpus_of_its_own_is_kept_off_nothing() -> None:
    """An integer container is alone on its cpus, and was not kept from others by the pool."""
    found = explain(LEDGER, "integer")
    assert found is not None
    assert found.cpus == LEDGER.cpus_of("integer")
    assert (found.beside, found.kept_off) == ({}, {})


def test_who_keeps_a_container_on_the_pool_off_a_cpu_is_named() -> None:
    """All cpus that it does not have are accounted for: owned, or forbidden by its pod."""
    found = explain(LEDGER, "shared")
    assert found is not None
    assert found.kept_off[FORBID_ANNOTATION] == CpuSet.of([7])
    assert found.kept_off["test/named/main"] == CpuSet.of([3])
    off = CpuSet.of(cpu for cpus in found.kept_off.values() for cpu in cpus)
    assert off == LAPTOP.online - found.cpus


def test_annotated_containers_on_one_cpu_are_beside_each_other() -> None:
    """Whoever names a cpu that another one names is told of it."""
    found = explain(LEDGER, "named")
    assert found is not None
    assert found.beside == {"test/also/main": CpuSet.of([3])}
    assert found.mems


def test_what_was_told_is_known_beside_what_is_wanted() -> None:
    """What is wanted and not yet told differs."""
    later = decide(LEDGER, Stop("integer"), limit=0).ledger
    found = explain(later, "shared")
    assert found is not None
    assert found.told < found.cpus


def test_unknown_container() -> None:
    """Nothing is known of a container that is not live."""
    assert explain(LEDGER, "nobody") is None
    assert decide(LEDGER, Doubt(frozenset(["nobody"]))).ledger.settled


def test_cpus() -> None:
    """Each cpu is owned, in the pool, or not there."""
    assert {one.id for one in explain_cpu(LEDGER, 3).owners} == {"named", "also"}
    assert [one.id for one in explain_cpu(LEDGER, 4).guests] == ["shared"]
    assert explain_cpu(LEDGER, 0).reserved
    assert explain_cpu(LEDGER, 7).guests == ()
    assert explain_cpu(LEDGER, 3).core == CpuSet.of([3, 7])
    assert explain_cpu(LEDGER, 8).core == CpuSet.EMPTY
