"""Who must wait for containers that could not be told to leave."""

import dataclasses

from tests.requests import EIGHT, create, handlers_of, start
from weka_cpuset.engine import CORES_ANNOTATION, CpuSet, CpusetUpdate, Ledger, Step
from weka_cpuset.settle.stuck import Stuck

ALL = EIGHT.online


def node() -> tuple[Ledger, CpuSet]:
    """Return a ledger with two shared containers and an owner, and the owner's cpus."""
    handlers = handlers_of()
    start(handlers, create("web", 100))
    start(handlers, create("log", 100))
    owned = start(handlers, create("owner", 2000))
    return handlers.keeper.ledger, owned


def update(one: str, cpus: CpuSet) -> CpusetUpdate:
    """Return an update; its place in the order does not matter."""
    return CpusetUpdate(one, cpus, CpuSet.EMPTY, Step.GROW)


def test_nobody_is_let_in_where_an_owner_is_stuck() -> None:
    """A shared container must not grow onto the cpus of an owner that has not left them."""
    ledger, owned = node()
    stuck = Stuck(ledger, ledger)
    assert not stuck.keeps(update("web", ALL))
    stuck.add("owner")
    assert stuck.keeps(update("web", ALL))
    assert not stuck.keeps(update("web", ALL - owned))


def test_owner_waits_for_a_shared_container_and_a_shared_one_does_not() -> None:
    """Shared containers may be beside each other; an owner may not be beside anybody."""
    ledger, owned = node()
    stuck = Stuck(ledger, ledger)
    stuck.add("log")
    assert stuck.keeps(update("owner", owned | CpuSet.of([max(ALL - owned)])))
    assert not stuck.keeps(update("web", ALL - owned))


def test_who_only_leaves_cpus_waits_for_nobody() -> None:
    """That makes nothing worse."""
    ledger, owned = node()
    stuck = Stuck(ledger, ledger)
    stuck.add("owner")
    stuck.add("log")
    assert not stuck.keeps(update("owner", CpuSet.of([min(owned)])))


def test_annotated_container_leaves_cpus_although_its_memory_nodes_are_in_doubt() -> None:
    """Its cpus are known for certain; only its memory nodes have to be told as well."""
    ledger, owned = node()
    for doubted in (ledger.told["owner"], CpuSet.EMPTY):
        certain = dataclasses.replace(ledger, doubts={"owner": doubted})
        stuck = Stuck(certain, certain)
        stuck.add("log")
        stuck.add("owner")
        assert not stuck.keeps(update("owner", CpuSet.of([min(owned)])))
    unknown = dataclasses.replace(ledger, doubts={"owner": ALL - owned})
    stuck = Stuck(unknown, unknown)
    stuck.add("owner")
    assert stuck.keeps(update("owner", CpuSet.of([min(owned)])))


def test_annotated_container_does_not_wait_for_another_one() -> None:
    """Annotated containers may overlap each other."""
    handlers = handlers_of()
    start(handlers, create("web", 100))
    for name in ("one", "two"):
        start(handlers, create(name, 100, {CORES_ANNOTATION: "2-3"}))
    after = handlers.keeper.ledger
    before = dataclasses.replace(after, told={**after.told, "two": CpuSet.of([5])})
    stuck = Stuck(before, after)
    stuck.add("one")
    assert not stuck.keeps(update("two", CpuSet.of([2, 3])))
    assert stuck.keeps(update("web", ALL))


def test_stuck_container_is_wherever_it_may_be() -> None:
    """Also on cpus that it was told long ago, if nothing that came later is certain."""
    ledger, owned = node()
    elsewhere = CpuSet.of([max(ALL - owned)])
    without = dataclasses.replace(ledger, told={**ledger.told, "web": ALL - owned - elsewhere})
    doubted = dataclasses.replace(without, doubts={"owner": elsewhere})
    earlier = dataclasses.replace(ledger, told={**ledger.told, "owner": elsewhere})
    for before, still in ((without, None), (doubted, None), (without, earlier)):
        stuck = Stuck(before, before)
        stuck.add("owner", still)
        assert stuck.keeps(update("web", ALL - owned)) is (before is doubted or still is earlier)


def test_former_owner_that_is_stuck_still_has_its_cpus_to_itself() -> None:
    """It runs on the pool from now on, but has not been told."""
    before, owned = node()
    holding = dataclasses.replace(before.exclusive["owner"], cpus=None)
    after = dataclasses.replace(
        before, exclusive={}, shared={**before.shared, "owner": holding}, pool=ALL
    )
    stuck = Stuck(before, after)
    stuck.add("owner")
    assert stuck.keeps(update("web", ALL))
    assert not stuck.keeps(update("web", ALL - owned))


def test_container_does_not_become_an_owner_where_others_are_still_to_come() -> None:
    """It has its cpus already, but would have to share them in a moment."""
    ledger, owned = node()
    before = dataclasses.replace(ledger, told={**ledger.told, "owner": ALL})
    for coming in (True, False):
        stuck = Stuck(before, ledger, coming=coming)
        stuck.add("log", dataclasses.replace(before, told={**before.told, "log": ALL}))
        assert stuck.keeps(update("owner", owned)) is coming
