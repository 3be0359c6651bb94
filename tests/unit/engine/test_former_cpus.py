"""A container that is started again gets the cpus that it had, where these are free."""

from dataclasses import replace

import pytest

from tests.machines import LAPTOP, container, flat, pod
from weka_cpuset.engine import (
    Class,
    CpuSet,
    Create,
    Event,
    Ledger,
    Outcome,
    Phase,
    Remove,
    Rules,
    Seen,
    Stop,
    Update,
    decide,
    rehome,
)
from weka_cpuset.engine.draft import FORMER_MAX

APP = "uid-app/main"
"""What all attempts of the container named app have in common."""


def after(ledger: Ledger, *events: Event) -> Ledger:
    """Let events happen, none of which is refused."""
    for event in events:
        decision = decide(ledger, event)
        assert decision.outcome is not Outcome.REFUSED, decision.refusal
        ledger = decision.ledger
    ledger.check()
    return ledger


def create(name: str, whole: int, attempt: int = 0, **annotations: str) -> Create:
    """Make the event of a pod's container that is created."""
    its_pod = pod(name, guaranteed=whole > 0, **annotations)
    return Create(its_pod, container(name, whole, attempt=attempt))


@pytest.fixture
def ended() -> Ledger:
    """Return a machine on which a container has ended, and better cpus than its own are free."""
    ledger = after(Ledger.empty(LAPTOP), create("first", 2), create("app", 2))
    own = ledger.cpus_of("app")
    ledger = after(ledger, Stop("app"), Stop("first"))
    fresh = after(ledger, create("other", 2))
    assert fresh.cpus_of("other") != own
    return ledger


@pytest.mark.parametrize("end", [Stop("again"), Remove("again")])
def test_restarted_container_gets_its_former_cpus(ended: Ledger, end: Event) -> None:
    """Also the second time, and whatever told of its end."""
    first = after(ended, create("app", 2, attempt=1))
    assert first.cpus_of("app.1") == ended.former[APP]
    facts = replace(container("app", 2), id="again")
    second = after(first, Stop("app.1"), Create(pod("app", guaranteed=True), facts))
    assert second.cpus_of("again") == first.cpus_of("app.1")
    third = after(second, end, create("app", 2, attempt=2))
    assert third.cpus_of("app.2") == first.cpus_of("app.1")


def test_restarted_container_gets_others_where_its_former_cpus_are_taken(ended: Ledger) -> None:
    """Nobody waits for a place, and nobody is moved for one that comes back."""
    former = ended.former[APP]
    named = after(ended, create("named", 0, cores=str(former.lowest)))
    again = after(named, create("app", 2, attempt=1))
    assert len(again.cpus_of("app.1") - former) >= 1
    assert again.cpus_of("named") == CpuSet.of([former.lowest])


def test_container_that_comes_back_larger_or_smaller_keeps_what_it_can(ended: Ledger) -> None:
    """It is as if it were resized."""
    former = ended.former[APP]
    assert after(ended, create("app", 1, attempt=1)).cpus_of("app.1") <= former
    assert former <= after(ended, create("app", 3, attempt=1)).cpus_of("app.1")


def test_cpus_that_were_forbidden_meanwhile_are_not_given_again(ended: Ledger) -> None:
    """The rules come before the habit."""
    former = ended.former[APP]
    again = after(ended, create("app", 2, attempt=1, forbid=str(former.lowest)))
    assert former.lowest not in again.cpus_of("app.1")
    reserved = replace(ended, rules=Rules(reserved=former))
    assert after(reserved, create("app", 2, attempt=1)).cpus_of("app.1").isdisjoint(former)


def test_former_cpus_are_not_taken_from_under_the_last_shared_container(ended: Ledger) -> None:
    """A container that may run there only keeps a cpu; the other one gets its cpus elsewhere."""
    former = ended.former[APP]
    guest = after(ended, create("guest", 0, forbid=str(LAPTOP.online - former)))
    again = after(guest, create("app", 2, attempt=1))
    assert again.cpus_of("app.1") != former
    assert again.cpus_of("guest")


def test_another_container_of_the_pod_has_no_claim_on_them(ended: Ledger) -> None:
    """It is placed as well as can be."""
    former = ended.former[APP]
    other = replace(container("app", 2), id="sidecar", name="sidecar")
    placed = after(ended, Create(pod("app", guaranteed=True), other))
    assert placed.cpus_of("sidecar") != former


def test_cpus_are_remembered_over_hotplug_and_only_for_so_many() -> None:
    """The memory stays while the agent runs, and does not grow without end."""
    ledger = after(Ledger.empty(flat(2)), create("app", 1), Stop("app"))
    ledger = rehome(ledger, flat(1)).ledger
    assert list(ledger.former) == [APP]
    for number in range(FORMER_MAX):
        name = f"c{number}"
        ledger = after(ledger, create(name, 1), Stop(name))
    assert len(ledger.former) == FORMER_MAX
    assert APP not in ledger.former


def test_container_that_is_resized_to_the_pool_and_back_has_its_cpus_again() -> None:
    """Both ways its process stays; other cpus would cost it its caches for nothing."""
    ledger = after(Ledger.empty(LAPTOP), create("first", 2), create("app", 2))
    own = ledger.cpus_of("app")
    ledger = after(ledger, Seen(None, container("app", 2), Phase.RUNNING), Stop("first"))
    shared = after(ledger, Update(None, container("app", 0)))
    assert shared.shared.keys() == {"app"}
    assert after(shared, Update(None, container("app", 2))).cpus_of("app") == own


def test_next_container_of_a_pod_gets_the_cpus_of_its_init_container() -> None:
    """On a full machine there are no others; the end of the first one is all it takes."""
    its_pod = pod("app", guaranteed=True)
    init = replace(container("app", 3), id="init", name="init")
    ledger = after(
        Ledger.empty(flat(4)),
        create("guest", 0),
        Create(its_pod, init),
        Seen(its_pod, init, Phase.RUNNING),
    )
    own = ledger.cpus_of("init")
    main = Create(its_pod, container("app", 3))
    assert decide(ledger, main).outcome is Outcome.REFUSED
    after_init = after(ledger, Stop("init"), main)
    assert after_init.cpus_of("app") == own
    assert after_init.exclusive["app"].kind is Class.INTEGER
