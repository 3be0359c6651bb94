"""Ledger: books, wanted cpus, and a check that finds each fault."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.machines import LAPTOP, container, flat, ledger_of, pod
from weka_cpuset.engine import (
    CpuSet,
    IntegerDemand,
    Ledger,
    LedgerBroken,
    Phase,
    Rules,
    Stop,
    decide,
    rebuild,
)
from weka_cpuset.engine.draft import ENDED_MAX, Draft
from weka_cpuset.engine.ledger import recorded_cpus


@pytest.fixture
def ledger() -> Ledger:
    """A ledger with a container of each class."""
    return ledger_of(
        LAPTOP,
        (pod("shared", forbid="7"), container("shared")),
        (pod("integer", guaranteed=True), container("integer", 2)),
        (pod("named", cores="3"), container("named")),
    )


def test_wanted_cpus(ledger: Ledger) -> None:
    """Owners have their own cpus, others the pool without what they forbid."""
    owned = ledger.cpus_of("integer") | ledger.cpus_of("named")
    assert ledger.pool == LAPTOP.online - owned
    assert ledger.cpus_of("named") == CpuSet.of([3])
    assert ledger.cpus_of("shared") == ledger.pool - CpuSet.of([7])
    assert ledger.mems_of("named") == CpuSet.of([0])
    assert ledger.mems_of("integer") == ledger.mems_of("shared") == CpuSet.EMPTY
    assert len(ledger) == 3


def test_unknown_containers(ledger: Ledger) -> None:
    """An id that is not live has no holding and no cpus."""
    assert ledger.holding("nobody") is None
    with pytest.raises(KeyError):
        ledger.cpus_of("nobody")


def test_label(ledger: Ledger) -> None:
    """A container is named for people as far as it is known."""
    one = ledger.shared["shared"]
    assert one.label == "test/shared/main"
    assert replace(one, pod=None).label == "pod-shared/main"


def test_ended_ids_are_bounded(ledger: Ledger) -> None:
    """Ended ids are remembered, the oldest are forgotten, and the ledger stays right."""
    for number in range(ENDED_MAX + 5):
        ledger = decide(ledger, Stop(f"old-{number}")).ledger
    ledger.check()
    assert len(ledger.ended) == ENDED_MAX
    assert "old-0" not in ledger.ended


def test_rebuilds_on_another_topology(ledger: Ledger) -> None:
    """A ledger can be made anew from itself when cpus go offline."""
    smaller = flat(7)
    rebuilt = rebuild(smaller, Rules(), *ledger.reported())
    rebuilt.ledger.check()
    assert rebuilt.ledger.cpus_of("named") == CpuSet.of([3])
    assert rebuilt.ledger.pool <= smaller.online
    assert {one.id for one in rebuilt.ledger.holdings()} == {one.id for one in ledger.holdings()}


def test_recorded_cpus() -> None:
    """A container without a usable record may be anywhere."""
    assert recorded_cpus(container("a", cpus="1-2"), LAPTOP) == CpuSet.of([1, 2])
    assert recorded_cpus(container("a"), LAPTOP) == LAPTOP.online
    assert recorded_cpus(container("a", cpus="x"), LAPTOP) == LAPTOP.online


def test_drafts_leave_their_ledger_alone(ledger: Ledger) -> None:
    """What a draft does is not seen before it is frozen."""
    before = (dict(ledger.exclusive), dict(ledger.told), ledger.pool)
    draft = Draft(ledger)
    draft.end("integer")
    draft.tell("shared", CpuSet.of([1]))
    assert (ledger.exclusive, ledger.told, ledger.pool) == before


def _with_cpus(name: str, cpus: str) -> Callable[[Ledger], Ledger]:
    def change(ledger: Ledger) -> Ledger:
        one = replace(ledger.exclusive[name], cpus=CpuSet.parse(cpus))
        return replace(ledger, exclusive={**ledger.exclusive, name: one})

    return change


FAULTS: dict[str, tuple[Callable[[Ledger], Ledger], str]] = {
    "two owners": (_with_cpus("integer", "3-4"), "cpu 3 belongs to"),
    "wrong number": (_with_cpus("integer", "1-2,5"), "asks for 2"),
    "offline": (_with_cpus("integer", "5,9"), "offline"),
    "not what it names": (_with_cpus("named", "2"), "names 3"),
    "pool": (lambda one: replace(one, pool=CpuSet.of([0])), "the pool 0"),
    "reserved": (
        lambda one: replace(one, rules=Rules(reserved=one.cpus_of("integer"))),
        "reserved",
    ),
    "spare": (lambda one: replace(one, spare=one.cpus_of("integer")), "not a part of the pool"),
    "spare too large": (
        lambda one: replace(one, spare=one.pool, rules=Rules(min_shared=1)),
        "leaves too little",
    ),
    "told": (lambda one: replace(one, told={}), "told"),
    "doubts": (lambda one: replace(one, doubts={"x": CpuSet.EMPTY}), "told"),
    "ended": (lambda one: replace(one, ended={"shared": None}), "ended"),
    "families": (lambda one: replace(one, families={}), "families"),
    "forbids": (lambda one: replace(one, forbids={}), "forbidden sets"),
    "twice": (lambda one: replace(one, shared={**one.shared, **one.exclusive}), "twice"),
    "settled": (
        lambda one: replace(one, told={**one.told, "shared": CpuSet.of([0])}),
        "settled",
    ),
    "shared owner": (
        lambda one: replace(
            one,
            exclusive={
                **one.exclusive,
                "shared": replace(one.shared["shared"], cpus=CpuSet.of([0])),
            },
        ),
        "is shared and owns 0",
    ),
    "starving": (
        lambda one: replace(
            one,
            shared={
                "shared": replace(
                    one.shared["shared"], demand=IntegerDemand(1, forbidden=LAPTOP.online)
                )
            },
        ),
        "nothing of the pool",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_check_finds(ledger: Ledger, fault: str) -> None:
    """Each broken invariant is reported in words."""
    change, words = FAULTS[fault]
    with pytest.raises(LedgerBroken) as caught:
        change(ledger).check()
    assert words in str(caught.value)


def test_phases_are_kept(ledger: Ledger) -> None:
    """Containers shown as running are running."""
    assert {one.phase for one in ledger.holdings()} == {Phase.RUNNING}
