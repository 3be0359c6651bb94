"""Rebuild: what a restart finds, keeps and mends."""

from dataclasses import replace

import pytest

from tests.machines import LAPTOP, container, flat, ledger_of, pod, without
from weka_cpuset.engine import (
    Class,
    ContainerFacts,
    Cpu,
    CpuSet,
    Create,
    Degraded,
    DuplicateContainer,
    Healed,
    Node,
    NotEnoughCpus,
    Phase,
    PodFacts,
    Rebuilt,
    Reported,
    Rules,
    Settle,
    Starved,
    Stop,
    Topology,
    Unplaced,
    decide,
    rebuild,
    rehome,
    reread,
)

NO_RULES = Rules()


def _rebuild(
    *found: tuple[PodFacts, ContainerFacts], machine: Topology = LAPTOP, rules: Rules = NO_RULES
) -> Rebuilt:
    rebuilt = rebuild(
        machine,
        rules,
        [its_pod for its_pod, _ in found],
        [Reported(one, Phase.RUNNING) for _, one in found],
    )
    rebuilt.ledger.check()
    return rebuilt


def _told(rebuilt: Rebuilt) -> dict[str, str]:
    return {update.container_id: str(update.cpus) for update in rebuilt.updates}


def _integer(name: str, count: int, cpus: str, forbid: str = "") -> tuple[PodFacts, ContainerFacts]:
    annotations = {"forbid": forbid} if forbid else {}
    return pod(name, guaranteed=True, **annotations), container(name, count, cpus)


def test_nothing_that_is_right_is_touched() -> None:
    """A right state needs no update."""
    rebuilt = _rebuild(
        (pod("a", cores="0,4"), replace(container("a", cpus="0,4"), mems="0")),
        _integer("i", 2, "1,6"),
        (pod("s"), container("s", cpus="2-3,5,7")),
    )
    assert rebuilt.updates == ()
    assert rebuilt.moves == ()
    assert rebuilt.ledger.settled
    assert rebuilt.ledger.cpus_of("i") == CpuSet.of([1, 6])


def test_wrong_memory_nodes_are_mended() -> None:
    """An annotated container with the right cpus and no memory nodes is told both."""
    (update,) = _rebuild((pod("a", cores="0,4"), container("a", cpus="0,4"))).updates
    assert update.mems == CpuSet.of([0])


def test_unpinned_containers_are_all_told() -> None:
    """After a first installation everybody is placed, in the order of rule 1."""
    rebuilt = _rebuild(
        (pod("s"), container("s")), _integer("i", 2, ""), (pod("a", cores="3"), container("a"))
    )
    told = {update.container_id: update.cpus for update in rebuilt.updates}
    assert told["a"] == CpuSet.of([3])
    assert len(told["i"]) == 2
    assert told["a"] | told["i"] | told["s"] == LAPTOP.online
    assert told["s"].isdisjoint(told["i"] | told["a"])


def test_only_conflicts_move() -> None:
    """Of an integer container in the way of an annotated one only those cpus change."""
    rebuilt = _rebuild(
        (pod("a", cores="1"), replace(container("a", cpus="1"), mems="0")),
        _integer("i", 2, "1,5"),
        _integer("j", 1, "6"),
    )
    (move,) = rebuilt.moves
    assert move.container_id == "i"
    assert 5 in move.after
    assert 1 not in move.after
    assert list(_told(rebuilt)) == ["i"]


def test_two_integer_containers_on_one_cpu() -> None:
    """One keeps it, the other moves as little as possible."""
    rebuilt = _rebuild(_integer("i", 2, "1-2"), _integer("j", 2, "2-3"))
    assert rebuilt.ledger.cpus_of("i") == CpuSet.of([1, 2])
    assert 3 in rebuilt.ledger.cpus_of("j")
    assert list(_told(rebuilt)) == ["j"]


@pytest.mark.parametrize(
    ("rules", "forbid", "cpus"),
    [
        (Rules(reserved=CpuSet.of([1])), "", "1,5"),
        (NO_RULES, "1", "1,5"),
        (NO_RULES, "", "5,9"),
    ],
)
def test_invalid_cpus_are_replaced(rules: Rules, forbid: str, cpus: str) -> None:
    """Reserved, forbidden and offline cpus are not kept; the others are."""
    rebuilt = _rebuild(_integer("i", 2, cpus, forbid), rules=rules)
    own = rebuilt.ledger.cpus_of("i")
    assert 5 in own
    assert len(own) == 2
    assert own <= LAPTOP.online - rules.reserved - CpuSet.parse(forbid)


def test_smaller_count_keeps_a_part() -> None:
    """A container resized meanwhile keeps the best of its cpus."""
    rebuilt = _rebuild(_integer("i", 2, "1-3,5"))
    assert rebuilt.ledger.cpus_of("i") == CpuSet.of([1, 5])
    assert rebuilt.moves == ()


def test_impossible_demands_run_on_the_pool() -> None:
    """A bad annotation, and an integer container without cpus, are noticed and not refused."""
    rebuilt = _rebuild(
        (pod("a", cores="0-99"), container("a", cpus="0")),
        _integer("i", 2, "0-1"),
        machine=flat(2),
    )
    assert rebuilt.ledger.shared["a"].kind is Class.SHARED
    assert {one.container_id for one in rebuilt.notices if isinstance(one, Unplaced)} == {"a", "i"}
    crowded = _rebuild(_integer("i", 2, ""), _integer("j", 2, ""), machine=flat(3))
    assert crowded.ledger.exclusive.keys() == {"i"}
    assert [type(one) for one in crowded.notices] == [Unplaced]


def test_notice_says_what_a_running_container_asks_for_and_what_is_missing() -> None:
    """It keeps one of its two cpus, so one more is missing."""
    rebuilt = _rebuild(
        (pod("a", cores="1-2"), replace(container("a", cpus="1-2"), mems="0")),
        _integer("i", 2, "0-1"),
        machine=flat(3),
    )
    (notice,) = rebuilt.notices
    assert isinstance(notice, Unplaced)
    assert isinstance(notice.refusal, NotEnoughCpus)
    assert (notice.refusal.count, notice.refusal.lacks) == (2, 1)


def test_annotated_containers_can_starve_shared_ones() -> None:
    """They run on their cpus already; the shared container stays as it is, with a notice."""
    rebuilt = _rebuild(
        (pod("a", cores="0-1"), container("a")), (pod("s"), container("s")), machine=flat(2)
    )
    assert rebuilt.notices == (Starved("s"),)
    assert _told(rebuilt) == {}


def test_pods_and_containers_need_not_match() -> None:
    """A pod without containers is nothing; a container without pod is judged by itself."""
    one = replace(container("i", 1, "2"), oom_score_adj=-997)
    rebuilt = rebuild(LAPTOP, NO_RULES, [pod("other")], [Reported(one, Phase.RUNNING)])
    assert rebuilt.ledger.cpus_of("i") == CpuSet.of([2])


def test_duplicates() -> None:
    """One entry is taken, whatever the order, with a notice."""
    first, second = (Reported(container("s", cpus=cpus), Phase.RUNNING) for cpus in ("0", "1"))
    there = rebuild(LAPTOP, NO_RULES, [], [first, second])
    back = rebuild(LAPTOP, NO_RULES, [], [second, first])
    assert there == back
    assert there.notices == (DuplicateContainer("s"),)


def test_start_window_is_kept() -> None:
    """A container listed as created is told again once it runs."""
    rebuilt = rebuild(LAPTOP, NO_RULES, [], [Reported(container("s", cpus="0"), Phase.CREATED)])
    assert _told(rebuilt) == {"s": "0-7"}
    assert rebuilt.ledger.doubts == {"s": CpuSet.of([0])}


def test_container_without_an_id_is_not_listed() -> None:
    """Nobody could ever release its cpus."""
    nameless = Reported(replace(container("x", 2), id=""), Phase.RUNNING)
    rebuilt = rebuild(LAPTOP, Rules(), [pod("x", guaranteed=True)], [nameless, nameless])
    assert len(rebuilt.ledger) == 0
    assert rebuilt.notices == ()


def test_container_that_names_an_offline_cpu_runs_on_the_pool_until_it_is_back() -> None:
    """It cannot be refused any more; the notice says why, and it gets its cpus again."""
    ledger = ledger_of(LAPTOP, (pod("n", cores="3,7"), container("n")))
    gone = rehome(ledger, without(LAPTOP, CpuSet.of([7])))
    (notice,) = gone.notices
    assert isinstance(notice, Degraded)
    assert "cpus 7" in str(notice)
    assert gone.ledger.shared.keys() == gone.ledger.degraded == {"n"}
    still = rehome(decide(gone.ledger, Settle()).ledger, without(LAPTOP, CpuSet.of([6, 7])))
    assert still.notices == ()
    assert still.ledger.degraded == {"n"}
    back = rehome(still.ledger, LAPTOP)
    assert back.notices == (Healed("n"),)
    assert back.ledger.degraded == frozenset()
    assert back.ledger.cpus_of("n") == CpuSet.of([3, 7])
    assert [update.cpus for update in decide(back.ledger, Settle()).updates] == [CpuSet.of([3, 7])]


def test_annotated_container_is_told_when_its_node_gets_memory() -> None:
    """Its cpus stay, and whoever has nothing to do with memory nodes is left alone."""
    cpus = [Cpu(one, node=one // 2) for one in range(4)]
    nodes = [Node(0, CpuSet.EMPTY), Node(1, CpuSet.EMPTY, has_memory=False, distances={0: 20})]
    entries = [(pod("n", cores="2-3"), container("n")), (pod("s"), container("s"))]
    ledger = ledger_of(Topology.build(cpus, nodes), *entries)
    assert ledger.mems_of("n") == CpuSet.of([0])
    nodes[1] = replace(nodes[1], has_memory=True)
    plugged = Topology.build(cpus, nodes)
    assert plugged.memory == CpuSet.of([0, 1])
    (update,) = decide(rehome(ledger, plugged).ledger, Settle()).updates
    assert (update.container_id, str(update.cpus), str(update.mems)) == ("n", "2-3", "1")


def test_container_whose_only_cpu_went_offline_may_be_anywhere() -> None:
    """The kernel lets it run on all cpus, until it is given one that others have left."""
    ledger = ledger_of(
        LAPTOP,
        (pod("s"), container("s")),
        (pod("i", guaranteed=True), container("i", 1)),
    )
    own = ledger.cpus_of("i")
    rebuilt = rehome(ledger, without(LAPTOP, own))
    updates = decide(rebuilt.ledger, Settle()).updates
    assert [update.container_id for update in updates] == ["s", "i"]
    assert updates[0].cpus.isdisjoint(updates[1].cpus)


def test_late_events_and_spare_over_hotplug() -> None:
    """Ended containers stay ended, and a burst is over."""
    ledger = ledger_of(LAPTOP, (pod("s"), container("s")), (pod("e"), container("e")))
    ledger = decide(ledger, Stop("e")).ledger
    for name in ("i", "j"):
        event = Create(pod(name, guaranteed=True), container(name, 1))
        ledger = decide(ledger, event).ledger
    assert ledger.spare
    rebuilt = rehome(ledger, without(LAPTOP, CpuSet.of([0])))
    assert rebuilt.ledger.ended == ledger.ended
    assert not rebuilt.ledger.spare


def test_container_that_failed_to_start_holds_no_cpus_over_a_restart() -> None:
    """Its next attempt runs; the runtime still lists the first one, as created."""
    its_pod = pod("i", guaranteed=True)
    first, next_one = container("i", 2, "0,4", attempt=1), container("i", 2, "1,5", attempt=2)
    listed = [Reported(first, Phase.CREATED), Reported(next_one, Phase.RUNNING)]
    ledger = rebuild(LAPTOP, NO_RULES, [its_pod], listed).ledger
    assert ledger.exclusive.keys() == {next_one.id}
    sidecar = Reported(replace(first, name="sidecar"), Phase.CREATED)
    assert len(rebuild(LAPTOP, NO_RULES, [its_pod], [sidecar, listed[1]]).ledger) == 2
    assert len(rebuild(LAPTOP, NO_RULES, [its_pod], listed[:1]).ledger) == 1


def test_nobody_is_told_what_is_on_record_before_the_kernel_is_read() -> None:
    """What was written to cgroups is not on record: to follow that would take cpus away."""
    its_pod, owner = _integer("i", 2, "0,4")
    listed = [
        Reported(owner, Phase.RUNNING),
        Reported(container("s", cpus="0-7"), Phase.RUNNING),
        Reported(container("starting", cpus="0-7"), Phase.CREATED),
    ]
    assert rebuild(LAPTOP, NO_RULES, [its_pod], listed).updates
    rebuilt = rebuild(LAPTOP, NO_RULES, [its_pod], listed, read_next=True)
    assert rebuilt.updates == ()
    doubts = rebuilt.ledger.doubts
    assert doubts["i"] == doubts["s"] == LAPTOP.online
    # It is told again once it runs, and nobody waits for it until then.
    assert doubts["starting"] == CpuSet.EMPTY
    assert not rebuilt.ledger.settled


def test_owner_stays_on_the_cpus_that_were_written_to_its_cgroup() -> None:
    """After a restart the record says where it was before; the kernel says where it is."""
    its_pod, owner = _integer("i", 2, "0,4")
    listed = [
        Reported(owner, Phase.RUNNING),
        Reported(container("s", cpus="1-3,5-7"), Phase.RUNNING),
    ]
    ledger = rebuild(LAPTOP, NO_RULES, [its_pod], listed, read_next=True).ledger
    enforced = {"i": CpuSet.of([1, 5]), "s": LAPTOP.online - CpuSet.of([1, 5])}
    read = reread(ledger, enforced | {"never-seen": CpuSet.of([0])})
    read.ledger.check()
    assert read.ledger.told == enforced
    assert read.ledger.doubts == {}
    assert read.ledger.cpus_of("i") == enforced["i"]
    assert decide(read.ledger, Settle()).updates == ()


def test_container_that_could_not_be_read_stays_in_doubt() -> None:
    """It is told its cpus, whatever it has."""
    listed = [Reported(container(name, cpus="0-7"), Phase.RUNNING) for name in ("a", "b")]
    ledger = rebuild(LAPTOP, NO_RULES, [], listed, read_next=True).ledger
    read = reread(ledger, {"a": LAPTOP.online}).ledger
    assert read.doubts == {"b": LAPTOP.online}
    assert [one.container_id for one in decide(read, Settle()).updates] == ["b"]
