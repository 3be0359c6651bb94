"""Who must wait for containers that could not be told to leave."""

from tests.unit.weka_cpuset.test_handlers import EIGHT, create, start
from weka_cpuset.engine import CpuSet, CpusetUpdate, Ledger, Rules, Step
from weka_cpuset.handlers import Handlers
from weka_cpuset.settle.stuck import Stuck

ALL = EIGHT.online


def node() -> tuple[Ledger, CpuSet]:
    """Return a ledger with two shared containers and an owner, and the owner's cpus."""
    handlers = Handlers(EIGHT, Rules(), dry_run=False)
    start(handlers, create("web", 100))
    start(handlers, create("log", 100))
    owned = start(handlers, create("owner", 2000))
    return handlers.ledger, owned


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
