"""Decide: each event, told by what the runtime would be told."""

from dataclasses import replace

import pytest

from tests.machines import LAPTOP, container, flat, ledger_of, pod
from weka_cpuset.engine import (
    Class,
    ContainerFacts,
    CpuSet,
    CpusStillInUse,
    Create,
    Dead,
    Decision,
    Doubt,
    EmptySharedPool,
    Event,
    Found,
    InvalidCores,
    Ledger,
    NoMovePlan,
    NotEnoughCpus,
    Outcome,
    Phase,
    PodFacts,
    PodRemove,
    PodStop,
    PoolWouldRunDry,
    Remove,
    Rules,
    Seen,
    Settle,
    Starved,
    Step,
    Stop,
    Unplaced,
    Update,
    Why,
    decide,
    rebuild,
    siblings_in_question,
)

SHARED = (pod("shared"), container("shared"))
INTEGER = (pod("integer", guaranteed=True), container("integer", 2))
BIG = (pod("big", guaranteed=True), container("big", 6))
NAMED = (pod("named", cores="3,7"), container("named"))


def _told(decision: Decision) -> dict[str, CpuSet]:
    return {update.container_id: update.cpus for update in decision.updates}


def _run(ledger: Ledger, *events: Event) -> Ledger:
    for event in events:
        ledger = decide(ledger, event).ledger
    ledger.check()
    return ledger


def test_create_shared() -> None:
    """A shared container gets the pool without what its pod forbids, and nobody is updated."""
    ledger = ledger_of(LAPTOP, INTEGER)
    decision = decide(ledger, Create(pod("s", forbid="0-1"), container("s")))
    assert decision.outcome is Outcome.PLACED
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == ledger.pool - CpuSet.of([0, 1])
    assert decision.adjustment.mems == CpuSet.EMPTY
    assert decision.updates == ()


def test_create_integer() -> None:
    """An integer container gets cpus of its own, which the shared ones leave before."""
    decision = decide(ledger_of(LAPTOP, SHARED), Create(*INTEGER))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus in LAPTOP.cores
    assert _told(decision) == {"shared": LAPTOP.online - decision.adjustment.cpus}
    assert decision.updates[0].step is Step.SHRINK


def test_create_annotated() -> None:
    """An annotated container gets exactly its cpus and their memory nodes."""
    decision = decide(ledger_of(LAPTOP, SHARED), Create(*NAMED))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == CpuSet.of([3, 7])
    assert decision.adjustment.mems == CpuSet.of([0])
    assert _told(decision) == {"shared": CpuSet.parse("0-2,4-6")}


def test_annotated_moves_integer_containers() -> None:
    """They keep what is not in the way, and shared containers leave their new cpus first."""
    ledger = ledger_of(LAPTOP, SHARED, INTEGER)
    before = ledger.cpus_of("integer")
    decision = decide(ledger, Create(pod("a", cores=str(before.lowest)), container("a")))
    (move,) = decision.moves
    assert move.before == before
    assert move.before & move.after == before - CpuSet.of([before.lowest])
    assert [update.step for update in decision.updates] == [Step.SHRINK, Step.MOVE]
    assert _told(decision)["integer"] == move.after


def test_annotated_containers_overlap() -> None:
    """Two of them may name the same cpus; these return to the pool with the last one."""
    ledger = _run(ledger_of(LAPTOP, NAMED), Create(pod("b", cores="3"), container("b")))
    ledger = _run(ledger, Stop("named"))
    assert ledger.pool == LAPTOP.online - CpuSet.of([3])
    assert _run(ledger, Stop("b")).pool == LAPTOP.online


def test_force_deleted_pod_is_created_again_at_the_first_try() -> None:
    """Cpus of a container that is dead, and whose Stop is late, are given to the next one."""
    ledger = ledger_of(flat(4), SHARED, INTEGER)
    again = Create(pod("again", guaranteed=True), container("again", 3))
    refused = decide(ledger, again)
    assert refused.refusal is not None
    assert refused.refusal.more_cpus_help
    dead = decide(ledger, Dead(frozenset(["integer", "never-seen"])))
    assert dead.outcome is Outcome.RELEASED
    assert dead.updates == ()
    assert decide(dead.ledger, again).outcome is Outcome.PLACED
    assert decide(dead.ledger, Stop("integer")).outcome is Outcome.NOTHING


def test_container_that_has_not_started_is_not_taken_for_dead() -> None:
    """Its cgroup is empty, or missing, because its process is yet to come."""
    ledger = _run(ledger_of(LAPTOP, SHARED), Create(*INTEGER))
    decision = decide(ledger, Dead(frozenset(["integer"])))
    assert decision.outcome is Outcome.NOTHING
    assert decision.ledger.cpus_of("integer") == ledger.cpus_of("integer")


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        (Create(pod("a", cores="1-"), container("a")), InvalidCores),
        (Create(pod("i", guaranteed=True), container("i", 9)), NotEnoughCpus),
        (Create(pod("i", guaranteed=True, forbid="0-5"), container("i", 3)), NotEnoughCpus),
        (Create(pod("i", guaranteed=True), container("i", 6)), PoolWouldRunDry),
        (Create(pod("a", cores="0-7"), container("a")), NoMovePlan),
        (Create(pod("a", cores="0,2-4,6-7"), container("a")), PoolWouldRunDry),
        (Create(pod("s", forbid="0-7"), container("s")), EmptySharedPool),
        (Update(pod("integer", guaranteed=True), container("integer", 9)), NotEnoughCpus),
        (Update(pod("integer", guaranteed=True), container("integer", 8)), PoolWouldRunDry),
    ],
)
def test_refusals_change_nothing(event: Event, refusal: type) -> None:
    """What cannot be satisfied is refused with a typed reason, and the ledger stays."""
    ledger = ledger_of(LAPTOP, SHARED, INTEGER)
    decision = decide(ledger, event)
    assert decision.outcome is Outcome.REFUSED
    assert isinstance(decision.refusal, refusal)
    assert decision.ledger is ledger
    assert decision.updates == ()
    assert decision.adjustment is None


def test_min_shared_and_reserved() -> None:
    """Reserved cpus are never given to integer containers; the pool keeps its least size."""
    ledger = Ledger.empty(LAPTOP, Rules(reserved=CpuSet.of([1]), min_shared=4))
    decision = decide(ledger, Create(pod("i", guaranteed=True), container("i", 4)))
    assert decision.adjustment is not None
    assert 1 not in decision.adjustment.cpus
    refused = decide(ledger, Create(pod("i", guaranteed=True), container("i", 5)))
    assert isinstance(refused.refusal, PoolWouldRunDry)
    assert "min_shared" in str(refused.refusal)


def test_stop_lets_shared_containers_grow() -> None:
    """Cpus are released at Stop, and the reply carries the growth."""
    decision = decide(ledger_of(LAPTOP, SHARED, INTEGER), Stop("integer"))
    assert decision.outcome is Outcome.RELEASED
    assert _told(decision) == {"shared": LAPTOP.online}
    assert decision.updates[0].step is Step.GROW


@pytest.mark.parametrize(
    "event", [Remove("integer"), PodStop("pod-integer"), PodRemove("pod-integer")]
)
def test_growth_waits_for_a_reply_that_can_carry_it(event: Event) -> None:
    """Other ends release too; the growth goes with the next reply that can carry it."""
    decision = decide(ledger_of(LAPTOP, SHARED, INTEGER), event)
    assert decision.outcome is Outcome.RELEASED
    assert decision.updates == ()
    assert not decision.ledger.settled
    later = decide(decision.ledger, Create(pod("s"), container("s")))
    assert _told(later) == {"shared": LAPTOP.online}
    assert later.ledger.settled


def test_limit_holds_growth_back() -> None:
    """With a limit of none the growth is left to Settle; what safety needs still goes."""
    ledger = decide(ledger_of(LAPTOP, SHARED, INTEGER), Stop("integer"), limit=0).ledger
    assert not ledger.settled
    decision = decide(ledger, Create(pod("i", guaranteed=True), container("i", 7)), limit=0)
    assert set(_told(decision)) == {"shared"}
    settled = decide(ledger, Settle())
    assert settled.outcome is Outcome.SETTLED
    assert _told(settled) == {"shared": LAPTOP.online}
    assert decide(settled.ledger, Settle()).outcome is Outcome.NOTHING


@pytest.mark.parametrize(
    "event",
    [
        Stop("x"),
        Remove("x"),
        PodStop("x"),
        PodRemove("x"),
        Doubt(frozenset(["x"])),
        Settle(),
    ],
)
def test_unknown_ids_are_no_error(event: Event) -> None:
    """Events for ids that were never seen change no cpu."""
    ledger = ledger_of(LAPTOP, SHARED)
    decision = decide(ledger, event)
    assert decision.updates == ()
    assert decision.ledger.told == ledger.told


def test_an_ended_container_is_not_revived() -> None:
    """Late events of a stopped container do nothing."""
    ledger = _run(ledger_of(LAPTOP, INTEGER), Stop("integer"))
    for event in (
        Create(*INTEGER),
        Update(*INTEGER),
        Seen(*INTEGER, Phase.RUNNING),
        Stop("integer"),
        Remove("integer"),
    ):
        decision = decide(ledger, event)
        assert decision.outcome is Outcome.NOTHING
        assert len(decision.ledger) == 0


def test_create_twice() -> None:
    """The second Create of an id is answered like the first."""
    first = decide(ledger_of(LAPTOP, SHARED), Create(*INTEGER))
    second = decide(first.ledger, Create(*INTEGER))
    assert second.outcome is Outcome.UNCHANGED
    assert second.adjustment == first.adjustment
    assert second.ledger is first.ledger


def test_next_attempt_replaces_one_that_never_started() -> None:
    """A failed start holds no cpus against its own next attempt; a running one does."""
    ledger = _run(Ledger.empty(flat(3)), Create(pod("i", guaranteed=True), container("i", 2)))
    again = Create(pod("i", guaranteed=True), container("i", 2, attempt=1))
    assert decide(ledger, again).outcome is Outcome.PLACED
    assert "i" in decide(ledger, again).ledger.ended
    started = _run(ledger, Seen(None, container("i"), Phase.RUNNING))
    assert decide(started, again).outcome is Outcome.REFUSED


def test_update_lost_in_the_start_window_is_told_again() -> None:
    """A container updated before PostStart is told the same again after it, once."""
    ledger = _run(Ledger.empty(LAPTOP), Create(*SHARED), Create(*INTEGER))
    assert decide(ledger, Settle()).updates == ()
    ledger = _run(ledger, Seen(*SHARED, Phase.RUNNING))
    decision = decide(ledger, Settle())
    assert _told(decision) == {"shared": ledger.pool}
    assert decide(decision.ledger, Settle()).updates == ()


def test_cpus_of_a_container_that_starts_are_taken_last() -> None:
    """An update in its start may be lost; where it does not matter others' cpus are taken."""
    one = Create(pod("i", guaranteed=True, forbid="0,2,4,6"), container("i", 2))
    ledger = ledger_of(LAPTOP, SHARED)
    assert decide(ledger, one).ledger.cpus_of("i") == CpuSet.of([1, 5])
    starting = Create(pod("starting", forbid="2-4,6-7"), container("starting"))
    ledger = _run(ledger, starting)
    assert decide(ledger, one).ledger.cpus_of("i") == CpuSet.of([3, 7])
    ledger = _run(ledger, Seen(None, starting.container, Phase.RUNNING))
    assert decide(ledger, one).ledger.cpus_of("i") == CpuSet.of([1, 5])


def test_placement_is_not_worse_for_a_container_that_starts() -> None:
    """Two halves of cores are not taken instead of a core."""
    ledger = ledger_of(LAPTOP, SHARED)
    ledger = _run(ledger, Create(pod("a", forbid="0-3"), container("a")))
    decision = decide(ledger, Create(*INTEGER))
    assert decision.ledger.cpus_of("integer") in LAPTOP.cores


def test_doubt_is_told_again() -> None:
    """A container in doubt is told its cpus with the next reply."""
    ledger = _run(ledger_of(LAPTOP, SHARED, INTEGER), Doubt(frozenset(["integer"])))
    assert _told(decide(ledger, Stop("x"))) == {"integer": ledger.cpus_of("integer")}


def test_adopts_unknown_containers() -> None:
    """A container first seen after its creation is placed, and told with the next reply."""
    ledger = ledger_of(LAPTOP, SHARED)
    decision = decide(ledger, Seen(*INTEGER, Phase.RUNNING))
    assert decision.outcome is Outcome.ADOPTED
    assert decision.updates == ()
    told = _told(decide(decision.ledger, Settle()))
    assert told["integer"].isdisjoint(told["shared"])
    assert len(told["integer"]) == 2


def test_adopted_container_keeps_its_cpus() -> None:
    """One that has the right number of free cpus keeps these."""
    one = replace(INTEGER[1], cpus="0,3")
    decision = decide(ledger_of(LAPTOP, SHARED), Seen(INTEGER[0], one, Phase.RUNNING))
    assert decision.ledger.cpus_of("integer") == CpuSet.of([0, 3])


def test_adopted_container_that_cannot_be_placed() -> None:
    """It runs on the pool, with a notice; one for which nothing is left stays as it is."""
    ledger = ledger_of(flat(2), SHARED)
    decision = decide(ledger, Seen(*INTEGER, Phase.RUNNING))
    assert [type(one) for one in decision.notices] == [Unplaced]
    assert decision.ledger.shared["integer"].kind is Class.SHARED
    starving = decide(ledger, Seen(pod("s", forbid="0-1"), container("s"), Phase.RUNNING))
    assert [type(one) for one in starving.notices] == [Starved]
    starving.ledger.check()
    assert "s" not in _told(decide(starving.ledger, Settle()))


def test_adopted_container_gets_its_place_when_cpus_become_free() -> None:
    """It need not be deleted and created again: a while after the release it has its own."""
    waiting = decide(ledger_of(LAPTOP, SHARED, INTEGER), Seen(*BIG, Phase.RUNNING)).ledger
    assert waiting.unplaced == {"big"}
    waiting = _run(waiting, Settle(calm=True))
    assert decide(waiting, Settle(calm=True)).outcome is Outcome.NOTHING
    ledger = _run(waiting, Stop("integer"), Settle(calm=True))
    assert len(ledger.cpus_of("big")) == 6
    assert ledger.told["big"] == ledger.cpus_of("big")
    assert not ledger.unplaced


def test_starved_container_is_like_others_once_it_has_cpus() -> None:
    """It gets what becomes free, and from then on nobody may take its last cpu."""
    all_named = (pod("all", cores="0-2"), container("all"))
    ledger = _run(ledger_of(flat(3), all_named), Seen(*SHARED, Phase.RUNNING))
    assert ledger.starved == {"shared"}
    ledger = _run(ledger, Stop("all"), Settle())
    assert not ledger.starved
    again = Create(pod("a", cores="0-2"), container("a"))
    assert isinstance(decide(ledger, again).refusal, PoolWouldRunDry)


def test_adopted_container_with_a_bad_annotation() -> None:
    """It runs already, so it runs on the pool; the notice says what is wrong."""
    decision = decide(
        Ledger.empty(LAPTOP), Seen(pod("a", cores="x"), container("a"), Phase.RUNNING)
    )
    assert decision.ledger.shared["a"].why is Why.BAD_ANNOTATION
    assert "cores-ids" in str(decision.notices[0])


def test_a_pod_that_is_shown_late() -> None:
    """A container is judged anew when its pod is first shown."""
    ledger = _run(Ledger.empty(LAPTOP), Create(None, NAMED[1]))
    assert ledger.pool == LAPTOP.online
    ledger = _run(ledger, Seen(*NAMED, Phase.RUNNING))
    assert ledger.cpus_of("named") == CpuSet.of([3, 7])
    assert _told(decide(ledger, Settle())) == {"named": CpuSet.of([3, 7])}


def test_update_with_the_same_values() -> None:
    """The kubelet's refresh is answered with the container's own cpuset and nothing else."""
    ledger = ledger_of(LAPTOP, SHARED, INTEGER)
    decision = decide(ledger, Update(*INTEGER))
    assert decision.outcome is Outcome.UNCHANGED
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == ledger.cpus_of("integer")
    assert decision.updates == ()


def test_resize_that_is_told_twice_lets_nobody_onto_cpus_that_are_not_left_yet() -> None:
    """The second reply comes before the first one has taken effect: nobody grows with it."""
    ledger = ledger_of(LAPTOP, SHARED, INTEGER)
    own = ledger.cpus_of("integer")
    resize = Update(INTEGER[0], container("integer"))
    first = decide(ledger, resize)
    assert first.ledger.pool == LAPTOP.online
    second = decide(first.ledger, resize)
    assert all(cpus.isdisjoint(own) for cpus in _told(second).values())
    assert _told(decide(second.ledger, Settle())) == {"shared": LAPTOP.online}


def test_update_grows_and_shrinks_an_integer_container() -> None:
    """It keeps what it can; what it gives up goes to others with a later reply only."""
    ledger = ledger_of(LAPTOP, SHARED, INTEGER)
    own = ledger.cpus_of("integer")
    grown = decide(ledger, Update(INTEGER[0], container("integer", 4)))
    assert grown.adjustment is not None
    assert own < grown.adjustment.cpus
    assert _told(grown) == {"shared": LAPTOP.online - grown.adjustment.cpus}
    shrunk = decide(grown.ledger, Update(INTEGER[0], container("integer", 1)))
    assert shrunk.adjustment is not None
    assert shrunk.adjustment.cpus < grown.adjustment.cpus
    assert shrunk.updates == ()
    assert _told(decide(shrunk.ledger, Settle())) == {
        "shared": LAPTOP.online - shrunk.adjustment.cpus
    }


def test_refused_resize_says_what_is_asked_for_and_what_is_missing() -> None:
    """Who reads of a resize to 4 that 2 cpus are wanted looks for another container."""
    ledger = ledger_of(flat(3), SHARED, INTEGER)
    refusal = decide(ledger, Update(INTEGER[0], container("integer", 4))).refusal
    assert isinstance(refusal, NotEnoughCpus)
    assert (refusal.count, refusal.lacks) == (4, 2)


def test_update_changes_the_class() -> None:
    """A fractional limit makes an integer container shared, and back."""
    half = replace(container("integer"), shares=1536, quota=150_000, period=100_000, memory_limit=1)
    decision = decide(ledger_of(LAPTOP, SHARED, INTEGER), Update(INTEGER[0], half))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == LAPTOP.online
    assert decision.updates == ()
    ledger = _run(decision.ledger, Settle())
    back = decide(ledger, Update(*INTEGER))
    assert back.adjustment is not None
    assert len(back.adjustment.cpus) == 2
    assert _told(back) == {"shared": LAPTOP.online - back.adjustment.cpus}


def test_update_of_annotated_and_unknown_containers() -> None:
    """Annotated ones stay; unknown ones are adopted, and the reply names them."""
    ledger = ledger_of(LAPTOP, NAMED)
    decision = decide(ledger, Update(NAMED[0], container("named", 5)))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == CpuSet.of([3, 7])
    unknown = decide(ledger, Update(*INTEGER))
    assert unknown.outcome is Outcome.ADOPTED
    assert unknown.adjustment is not None
    assert len(unknown.adjustment.cpus) == 2


def test_update_of_an_unknown_container_that_has_ended_is_answered_and_forgotten() -> None:
    """No further event may come that tells to release it; of a known one its stop will come."""
    empty = ledger_of(LAPTOP)
    decision = decide(empty, Update(*INTEGER, ended=True))
    assert decision.outcome is Outcome.NOTHING
    assert decision.adjustment is not None
    assert decision.ledger is empty
    known = ledger_of(LAPTOP, INTEGER)
    assert decide(known, Update(*INTEGER, ended=True)) == decide(known, Update(*INTEGER))


def test_pod_level_limit_makes_siblings_shared() -> None:
    """Once limits prove to be the pod's, none of its containers is integer."""
    its_pod = replace(pod("p", guaranteed=True), cpu_quota=200_000, cpu_period=100_000)
    one = container("p", 2)
    other = replace(one, id="other", name="other")
    ledger = _run(Ledger.empty(LAPTOP), Create(its_pod, one))
    assert ledger.exclusive.keys() == {"p"}
    decision = decide(ledger, Create(its_pod, other))
    assert decision.ledger.shared.keys() == {"p", "other"}
    assert _told(decision) == {"p": LAPTOP.online}


def _resized_pod() -> tuple[PodFacts, ContainerFacts, ContainerFacts]:
    """Two containers of 2 cpus each; the pod's own figure is their sum from its creation."""
    its_pod = replace(pod("p", guaranteed=True), cpu_quota=400_000, cpu_period=100_000)
    return its_pod, container("p", 2), replace(container("p", 2), id="other", name="other")


def test_resized_container_keeps_its_cpus_when_its_sibling_is_created_again() -> None:
    """The figure of its pod is older than the resize, and no longer says anything."""
    its_pod, one, other = _resized_pod()
    ledger = ledger_of(LAPTOP, SHARED, (its_pod, one), (its_pod, other))
    ledger = _run(ledger, Update(its_pod, replace(one, shares=4096, quota=400_000)))
    ledger = _run(ledger, Stop("other"))
    decision = decide(ledger, Create(its_pod, replace(other, id="other.1")))
    assert decision.ledger.exclusive.keys() == {"p", "other.1"}
    assert decision.ledger.cpus_of("p") == ledger.cpus_of("p")


def test_resized_container_keeps_its_cpus_over_a_restart() -> None:
    """Containers that run on cpus of their own do not share a limit."""
    its_pod, one, other = _resized_pod()
    ledger = ledger_of(LAPTOP, SHARED, (its_pod, one), (its_pod, other))
    ledger = _run(ledger, Update(its_pod, replace(one, shares=4096, quota=400_000)))
    again = rebuild(LAPTOP, Rules(), *ledger.reported())
    assert again.moves == ()
    assert {one.id: one.cpus for one in again.ledger.exclusive.values()} == {
        one.id: one.cpus for one in ledger.exclusive.values()
    }


@pytest.mark.parametrize(
    "event",
    [
        Create(pod("x", guaranteed=True), replace(container("x", 2), id="")),
        Update(pod("x"), replace(container("x"), id="")),
        Seen(pod("x"), replace(container("x"), id=""), Phase.RUNNING),
        Stop(""),
        Remove(""),
        PodStop(""),
        PodRemove(""),
    ],
)
def test_event_without_an_id_is_ignored(event: Event) -> None:
    """It books no cpus for nobody, and ends no container that has no pod."""
    orphan = (None, replace(container("orphan", 1), pod_id=""))
    ledger = _run(ledger_of(LAPTOP, INTEGER), Seen(*orphan, Phase.RUNNING), Settle())
    decision = decide(ledger, event)
    assert decision.ledger is ledger
    assert decision.outcome is Outcome.NOTHING


def test_update_of_an_exited_container_is_answered() -> None:
    """The kubelet's cpuset does not win: on the pool it harms nobody, dead or alive."""
    ledger = _run(ledger_of(LAPTOP, INTEGER, NAMED), Stop("integer"))
    decision = decide(ledger, Update(pod("integer", forbid="0"), INTEGER[1]))
    assert decision.outcome is Outcome.NOTHING
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == ledger.pool - CpuSet.of([0])


def test_cpus_that_are_not_left_yet() -> None:
    """A cpu whose owner can only leave it with a later reply is refused until then."""
    first, second = (_single(name, cpu) for name, cpu in (("a", "1"), ("b", "2")))
    ledger = ledger_of(flat(6), first, second, (pod("s"), container("s")))
    a, b = (ledger.cpus_of(name) for name in ("a", "b"))
    named = Create(pod("n", cores=str(a | b)), container("n"))
    moves = {move.container_id: move.after for move in decide(ledger, named).moves}
    crossed = replace(ledger, doubts={"a": moves["b"], "b": moves["a"]}, settled=False)
    decision = decide(crossed, named)
    assert isinstance(decision.refusal, CpusStillInUse)
    assert decision.ledger is crossed
    assert decide(decide(crossed, Settle()).ledger, named).outcome is Outcome.PLACED


def _single(name: str, cpu: str) -> tuple[PodFacts, ContainerFacts]:
    return pod(name, guaranteed=True), container(name, 1, cpu)


def test_update_of_an_unusable_annotation_changes_nothing() -> None:
    """A container that runs on the pool for a bad annotation goes on doing so."""
    its_pod = pod("a", cores="x")
    ledger = _run(Ledger.empty(LAPTOP), Seen(its_pod, container("a"), Phase.RUNNING))
    decision = decide(ledger, Update(its_pod, container("a", 2)))
    assert decision.outcome is Outcome.UNCHANGED
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == LAPTOP.online


@pytest.mark.parametrize("doubted", [False, True])
def test_container_whose_cpuset_somebody_changed_gets_its_cpus_back(doubted: bool) -> None:
    """What was read of it is what it has, for certain."""
    ledger = ledger_of(flat(3), SHARED, _single("i", ""))
    if doubted:
        ledger = _run(ledger, Doubt(frozenset(["shared"])))
    elsewhere = ledger.cpus_of("i")
    ledger = _run(ledger, Found({"shared": elsewhere, "never-seen": elsewhere}))
    assert ledger.told["shared"] == elsewhere
    assert ledger.doubts == {}
    decision = decide(ledger, Settle())
    assert _told(decision) == {"shared": ledger.pool}
    assert decide(decision.ledger, Settle()).updates == ()


def test_container_that_starts_has_not_what_was_read_of_it() -> None:
    """The runtime has yet to make its cgroup; what is there before says nothing."""
    ledger = _run(ledger_of(LAPTOP, INTEGER), Create(*SHARED))
    found = _run(ledger, Found({"shared": CpuSet.of([0])}))
    assert found.told == ledger.told
    assert decide(found, Settle()).updates == ()


def test_nobody_gets_cpus_that_a_starting_container_cannot_be_written_off() -> None:
    """It has no cgroup yet and starts on what it was told; an owner waits for that."""
    early = Create(*SHARED)
    owner = (INTEGER[0], replace(INTEGER[1], cpus="1"))
    ledger = _run(Ledger.empty(LAPTOP), early, Seen(*owner, Phase.RUNNING))
    waiting = decide(ledger, Settle(running_only=True))
    assert waiting.updates == ()
    ledger = _run(waiting.ledger, Seen(None, early.container, Phase.RUNNING))
    updates = decide(ledger, Settle(running_only=True)).updates
    assert [one.container_id for one in updates] == ["shared", "integer"]
    assert updates[0].cpus.isdisjoint(updates[1].cpus)


def test_nobody_waits_for_a_container_that_is_not_started_any_more() -> None:
    """Should it start after all, it is due."""
    owner = (INTEGER[0], replace(INTEGER[1], cpus="1"))
    ledger = _run(Ledger.empty(LAPTOP), Create(*SHARED), Seen(*owner, Phase.RUNNING))
    settled = decide(ledger, Settle(running_only=True, stalled=frozenset(["shared"])))
    assert [one.container_id for one in settled.updates] == ["integer"]
    late = _run(settled.ledger, Seen(None, SHARED[1], Phase.RUNNING))
    assert set(_told(decide(late, Settle(running_only=True)))) == {"shared"}


def test_shared_container_does_not_grow_onto_cpus_on_which_an_owner_may_start() -> None:
    """The owner was moved before it started, and that may be lost until it runs."""
    ledger = _run(ledger_of(LAPTOP, SHARED), Create(*INTEGER))
    first = ledger.cpus_of("integer")
    named = Create(pod("named", cores=str(first)), container("named"))
    ledger = decide(_run(ledger, named), Stop("named"), 0).ledger
    waiting = decide(ledger, Settle(running_only=True))
    assert waiting.ledger.told["shared"].isdisjoint(first)
    ledger = _run(waiting.ledger, Seen(*INTEGER, Phase.RUNNING))
    grown = decide(ledger, Settle(running_only=True))
    assert [one.container_id for one in grown.updates] == ["integer", "shared"]
    assert first <= grown.ledger.told["shared"]


def test_update_of_a_starved_container_does_not_give_it_the_kubelets_cpus() -> None:
    """The reply names what it has, though there is nothing of the pool for it."""
    everything = (pod("all", cores="0-2"), container("all"))
    starved = (SHARED[0], replace(SHARED[1], cpus="1"))
    ledger = _run(ledger_of(flat(3), everything), Seen(*starved, Phase.RUNNING))
    assert ledger.starved == {"shared"}
    decision = decide(ledger, Update(*starved))
    assert decision.adjustment is not None
    assert decision.adjustment.cpus == CpuSet.of([1])


def test_init_container_is_asked_about_before_its_limit_counts_against_the_pod() -> None:
    """It may have ended, and its Stop be on its way; no other container is asked about."""
    its_pod = replace(pod("p", guaranteed=True), cpu_quota=200_000, cpu_period=100_000)
    init = replace(container("p", 2), id="init", name="init")
    app = Create(its_pod, container("p", 2))
    ledger = ledger_of(LAPTOP, SHARED, (its_pod, init))
    assert siblings_in_question(ledger, app) == ("init",)
    assert siblings_in_question(ledger, Stop("init")) == ()
    small = Create(its_pod, replace(container("p"), id="small"))
    smaller_pod = ledger_of(LAPTOP, (its_pod, container("small", 1)))
    assert siblings_in_question(smaller_pod, small) == ()
    starting = _run(ledger_of(LAPTOP, SHARED), Create(its_pod, init))
    assert siblings_in_question(starting, app) == ()
    assert siblings_in_question(ledger, Create(*INTEGER)) == ()
