"""The judge of everything: each rule catches its breach, and is silent on what is right."""

import math
from dataclasses import dataclass, field

import pytest

from nodesim.checker import Checker
from nodesim.deadlines import DEADLINE_S, HOTPLUG_DEADLINE_S
from nodesim.report import VIOLATIONS_MAX, Violation
from nodesim.tenant import Newcomer
from weka_cpuset.engine import (
    AnnotatedDemand,
    CpuSet,
    Demand,
    IntegerDemand,
    Preference,
    Rules,
    SharedDemand,
    Smt,
)

NODE_SIZE = 4
"""The machine of these tests has eight cpus, four on each of two nodes."""


def cpus(text: str) -> CpuSet:
    """Shorthand for a cpu list."""
    return CpuSet.parse(text)


def named(text: str) -> AnnotatedDemand:
    """Shorthand for the demand of an annotated container."""
    return AnnotatedDemand(cpus(text))


def whole(count: int, forbidden: str = "") -> IntegerDemand:
    """Shorthand for the demand of an integer container."""
    return IntegerDemand(count, cpus(forbidden))


def shared(forbidden: str = "") -> SharedDemand:
    """Shorthand for the demand of a shared container."""
    return SharedDemand(cpus(forbidden))


@dataclass
class Around:
    """What is beside the containers, as a test wants it.

    Attributes:
        now_s: The time in seconds.
        owed: The cpus of owners that do not run yet.
        sharing: The containers of which the agent says that they found no place.
    """

    now_s: float = 0.0
    owed: CpuSet = CpuSet.EMPTY
    sharing: set[str] = field(default_factory=set)

    def memory_nodes(self, of: CpuSet) -> CpuSet:
        """Return the nodes of some cpus."""
        return CpuSet.of(cpu // NODE_SIZE for cpu in of)

    def limit_broken(self, demand: IntegerDemand, of: CpuSet) -> str:
        """Tell what else than an even first cpu somebody asks for who wants whole cores."""
        wants = demand.preference.smt is Smt.FULL_CORES
        return "whole cores" if wants and of.lowest % 2 else ""

    def promised(self) -> CpuSet:
        """Return the cpus of owners that do not run yet."""
        return self.owed

    def shares(self, container_id: str) -> bool:
        """Tell whether a container found no place."""
        return container_id in self.sharing


class Court:
    """A checker with its surroundings, spoken to in cpu lists."""

    def __init__(
        self, online: str = "0-7", *, reserved: str = "", min_shared: int = 0, at_work: bool = True
    ) -> None:
        self.around = Around()
        self.checker = Checker(cpus(online), Rules(cpus(reserved), min_shared), self.around)
        if at_work:
            self.checker.agent_synchronized()

    def came(
        self, name: str, demand: Demand | None, has: str, *, mems: str = "0", patience_s: float = 0
    ) -> None:
        """A container comes, and the agent had a say."""
        newcomer = Newcomer(name, name, demand, cpus(has), cpus(mems))
        self.checker.created(newcomer, patience_s)

    def slipped_in(self, name: str, demand: Demand | None, has: str) -> None:
        """A container comes, and the agent had no say."""
        self.checker.unasked()
        self.checker.unplaced(Newcomer(name, name, demand, cpus(has), cpus("0")))

    def changed(self, name: str, has: str, mems: str = "0") -> None:
        """The kernel enforces other cpus."""
        self.checker.changed(name, cpus(has), cpus(mems))

    def later(self, seconds: float) -> None:
        """Let time pass, and look."""
        self.around.now_s += seconds
        self.checker.look()

    @property
    def broken(self) -> list[tuple[int, str]]:
        """The broken rules, each with the container that is blamed."""
        return [(one.rule, one.text.partition(" ")[0]) for one in self.checker.violations]


# ---- one rule after the other ----


WHOLE_CORES = IntegerDemand(2, CpuSet.EMPTY, Preference(smt=Smt.FULL_CORES))


def test_limits_are_judged_when_cpus_are_given() -> None:
    """At the creation, and when a container is moved."""
    court = Court()
    court.came("i", WHOLE_CORES, "1-2")
    court.came("j", WHOLE_CORES, "4-5")
    assert court.broken == [(5, "i")]
    court.changed("j", "5-6")
    assert court.broken == [(5, "i"), (5, "j")]


def test_limits_are_not_judged_where_something_may_be_kept() -> None:
    """What a container has from before a cpu came or went counts, and is not known here."""
    court = Court()
    court.checker.online_changed(cpus("0-6"), ())
    court.came("i", WHOLE_CORES, "1-2")
    court.later(60)
    assert court.broken == []


def test_a_host_where_everything_is_right_breaks_nothing() -> None:
    """One of each class, each on what it should have, now and at rest."""
    court = Court(reserved="7", min_shared=3)
    court.came("s", shared(), "0-7")
    court.changed("s", "2-7")
    court.came("i", whole(2), "0-1")
    court.changed("s", "3-7")
    court.came("a", named("2"), "2", mems="0")
    court.came("f", shared("5-6"), "3-4,7")
    court.later(60)
    court.checker.at_rest()
    court.checker.finish([])
    assert court.broken == []
    assert court.checker.exposures.total_s == 0


def test_two_integer_containers_on_one_cpu_break_rule_1() -> None:
    """The one that came second is blamed, once."""
    court = Court()
    court.came("first", whole(2), "0-1")
    court.came("second", whole(2), "1-2")
    assert court.broken == [(1, "second")]
    assert "1" in court.checker.violations[0].text
    assert "first" in court.checker.violations[0].text


@pytest.mark.parametrize(("demand", "mems"), [(whole(2), "0"), (named("0-1"), "0")])
def test_a_shared_container_on_an_owners_cpu_breaks_rule_1(demand: Demand, mems: str) -> None:
    """Whoever of the two came first, and however it got there."""
    stays, comes, grows = Court(), Court(), Court()
    stays.came("s", shared(), "0-7")
    stays.came("owner", demand, "0-1", mems=mems)
    comes.came("owner", demand, "0-1", mems=mems)
    comes.came("s", shared(), "1-7")
    grows.came("owner", demand, "0-1", mems=mems)
    grows.came("s", shared(), "2-7")
    assert grows.broken == []
    grows.changed("s", "0-7")
    for court in (stays, comes, grows):
        assert court.broken == [(1, "s")]


def test_an_integer_container_that_moves_onto_others_breaks_rule_1() -> None:
    """A move is judged like a creation."""
    court = Court()
    court.came("s", shared(), "4-7")
    court.came("i", whole(2), "0-1")
    court.changed("i", "3-4")
    assert court.broken == [(1, "s")]


def test_annotated_containers_overlap_each_other_and_nobody_else() -> None:
    """Rule 1 is silent between annotated ones, and only between these."""
    court = Court()
    court.came("a", named("0-3"), "0-3")
    court.came("b", named("2-5"), "2-5", mems="0-1")
    court.came("same", named("0-3"), "0-3")
    assert court.broken == []
    court.came("i", whole(1), "5")
    assert court.broken == [(1, "i")]


def test_an_owner_that_ended_owns_nothing() -> None:
    """Its cpus are free for anybody, at once."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "2-7")
    court.checker.ended("i")
    court.changed("s", "0-7")
    court.checker.ended("never seen")
    assert court.broken == []


def test_an_annotated_container_needs_exactly_what_it_names() -> None:
    """Rule 2, on more, fewer and other cpus."""
    for has in ("0-2", "0", "2-3"):
        court = Court()
        court.came("a", named("0-1"), has)
        assert court.broken == [(2, "a")], has


def test_an_annotated_container_needs_the_memory_of_its_cpus() -> None:
    """Rule 2, on missing, additional and other nodes; others may have any."""
    for mems in ("", "0", "1"):
        court = Court()
        court.came("a", named("3-4"), "3-4", mems=mems)
        assert court.broken == [(2, "a")], mems
    court = Court()
    court.came("a", named("3-4"), "3-4", mems="0-1")
    court.came("i", whole(1), "0", mems="1")
    court.changed("a", "3-4", mems="0-1")
    assert court.broken == []


@pytest.mark.parametrize("demand", [shared("6-7"), whole(2, "6-7")])
def test_a_container_on_a_forbidden_cpu_breaks_rule_3(demand: Demand) -> None:
    """At its creation and after a change; a forbidden cpu that is not there does no harm."""
    comes, changes, beyond = Court(), Court(), Court(online="0-6")
    comes.came("c", demand, "5-6")
    changes.came("c", demand, "4-5")
    assert changes.broken == []
    changes.changed("c", "5-6")
    beyond.came("c", demand, "5,7")
    assert comes.broken == changes.broken == [(3, "c")]
    assert beyond.broken == []


def test_an_owner_that_leaves_a_shared_container_nothing_breaks_rule_4() -> None:
    """Also if the pool is not empty but forbidden; who has something left is not named."""
    court = Court()
    court.came("poor", shared("2-7"), "0-1")
    court.came("rich", shared(), "2-7")
    court.came("i", whole(2), "0-1")
    assert (4, "poor") in court.broken
    assert "rich" not in [name for _, name in court.broken]


def test_a_pool_smaller_than_the_setting_breaks_rule_4() -> None:
    """The last one that may come leaves exactly so many."""
    court = Court(min_shared=2)
    court.came("a", named("0-2"), "0-2")
    court.came("b", whole(3), "3-5")
    assert court.broken == []
    court.came("c", whole(1), "6")
    assert court.broken == [(4, "c")]


def test_owner_that_grows_until_a_shared_container_has_nothing_breaks_rule_4() -> None:
    """A resize is judged like a creation; one that only keeps its cpus takes nothing."""
    court = Court()
    court.came("poor", shared("3-7"), "2")
    court.came("i", whole(2), "0-1")
    court.checker.resized("i", whole(3), answered=True)
    court.changed("i", "0-2")
    assert (4, "poor") in court.broken
    small = Court(min_shared=3)
    small.came("s", shared(), "2-7")
    small.came("i", whole(2), "0-1")
    for count, has in ((5, "0-4"), (2, "0-1"), (6, "0-5")):
        assert small.broken == []
        small.checker.resized("i", whole(count), answered=True)
        small.changed("s", str(cpus("0-7") - cpus(has)))
        small.changed("i", has)
    assert small.broken == [(4, "i")]


def test_a_reserved_cpu_is_for_no_integer_container() -> None:
    """Annotated and shared ones may use it."""
    court = Court(reserved="0-1")
    court.came("a", named("1"), "1")
    court.came("s", shared(), "0,2-5")
    assert court.broken == []
    court.came("i", whole(2), "6-7")
    court.came("j", whole(1), "0")
    assert (4, "j") in court.broken
    assert "i" not in [name for _, name in court.broken]


def test_an_integer_container_with_the_wrong_number_breaks_rule_5() -> None:
    """Too many and too few."""
    for has in ("0", "0-2", "0-7"):
        court = Court()
        court.came("i", whole(2), has)
        assert court.broken == [(5, "i")], has


def test_a_container_that_had_to_be_refused_breaks_rule_6() -> None:
    """It should not be there at all; if nobody could refuse it, nobody is blamed."""
    court = Court()
    court.came("bad", None, "0-7")
    assert court.broken == [(6, "bad")]
    court = Court()
    court.slipped_in("bad", None, "0-7")
    court.later(DEADLINE_S)
    court.checker.at_rest()
    assert court.broken == []


def test_what_is_left_behind_is_reported() -> None:
    """Under the number 0: it is no rule of placement."""
    court = Court()
    court.around.now_s = 1.5
    court.checker.finish(["cgroup /x", "task y"])
    assert court.checker.violations == [
        Violation(1.5, 0, "left behind: cgroup /x"),
        Violation(1.5, 0, "left behind: task y"),
    ]


def test_at_rest_a_shared_container_has_the_whole_pool() -> None:
    """While things are under way it may have less; its forbidden cpus it never has."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "2-5")
    court.came("f", shared("4-5"), "2-3,6-7")
    court.later(60)
    assert court.broken == []
    court.checker.at_rest()
    assert court.broken == [(4, "s")]


def test_at_rest_a_container_without_a_pool_stays_where_it_is() -> None:
    """Owners that nobody could refuse have taken all: there is nothing to grow to."""
    court = Court(at_work=False)
    court.slipped_in("s", shared(), "0-7")
    court.slipped_in("a", named("0-7"), "0-7")
    court.checker.agent_synchronized()
    court.changed("a", "0-7", mems="0-1")
    court.later(DEADLINE_S)
    court.checker.at_rest()
    assert court.broken == []


def test_who_was_reported_once_is_not_reported_again() -> None:
    """One mistake is one line, however often it is looked at; others are still judged."""
    court = Court()
    court.came("i", whole(2), "0")
    court.changed("i", "0-2")
    court.changed("i", "0")
    court.came("j", whole(2), "1")
    assert court.broken == [(5, "i"), (5, "j")]


def test_a_report_keeps_the_first_violations_and_everybody_is_told_of_all() -> None:
    """A list without an end helps nobody; the timeline has the rest."""
    court = Court()
    told: list[Violation] = []
    court.checker.on_violation = told.append
    for number in range(VIOLATIONS_MAX + 5):
        court.came(f"i{number}", whole(2), "0")
    assert len(told) == VIOLATIONS_MAX + 5
    assert court.checker.violations == told[:VIOLATIONS_MAX]


# ---- excuses ----


def test_an_excuse_is_silent_to_its_end_and_the_time_on_others_cpus_counts() -> None:
    """After it, what is still wrong is reported."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "0-7", patience_s=DEADLINE_S)
    court.later(DEADLINE_S / 2)
    court.later(DEADLINE_S / 2 - 0.1)
    assert court.broken == []
    court.later(0.1)
    assert court.broken == [(1, "s")]
    assert court.checker.exposures.total_s == pytest.approx(DEADLINE_S)


def test_exposure_ends_when_the_container_is_put_right() -> None:
    """Only the time before counts; then the excuse is used up."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "0-7", patience_s=DEADLINE_S)
    court.around.now_s = 0.75
    court.changed("s", "2-7")
    court.later(60)
    assert court.broken == []
    assert court.checker.exposures.total_s == pytest.approx(0.75)
    court.changed("s", "1-7")
    assert court.broken == [(1, "s")]


def test_exposure_ends_when_the_owner_goes() -> None:
    """There is nobody left to be hurt."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "0-7", patience_s=DEADLINE_S)
    court.around.now_s = 0.5
    court.checker.ended("i")
    court.later(60)
    assert court.broken == []
    assert court.checker.exposures.total_s == pytest.approx(0.5)


def test_two_containers_on_an_owners_cpus_count_twice() -> None:
    """Exposure is in container-seconds."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "0-7", patience_s=DEADLINE_S)
    court.came("t", shared(), "1-7", patience_s=DEADLINE_S)
    court.around.now_s = 1.0
    court.checker.finish([])
    assert court.checker.exposures.total_s == pytest.approx(2.0)


def test_a_container_without_harm_is_excused_without_exposure() -> None:
    """Fewer cpus than wanted hurt nobody."""
    court = Court()
    court.came("i", whole(2), "0", patience_s=DEADLINE_S)
    court.later(DEADLINE_S - 0.1)
    assert court.broken == []
    court.later(0.1)
    assert court.broken == [(5, "i")]
    assert court.checker.exposures.total_s == 0


def test_an_excuse_after_the_creation_works_the_same() -> None:
    """An update was swallowed later; of two excuses the longer one counts."""
    court = Court()
    court.came("s", shared(), "0-7")
    court.checker.excuse("s", 13.0)
    court.checker.excuse("s", DEADLINE_S)
    court.checker.excuse("never seen", DEADLINE_S)
    court.came("i", whole(1), "0")
    court.later(12.9)
    assert court.broken == []
    court.later(0.1)
    assert court.broken == [(1, "s")]


def test_other_cpus_end_an_excuse() -> None:
    """The agent has spoken: what it said must be right."""
    court = Court()
    court.came("i", whole(2), "0", patience_s=DEADLINE_S)
    court.changed("i", "0")
    assert court.broken == []
    court.changed("i", "0-2")
    court.later(DEADLINE_S)
    assert court.broken == [(5, "i")]


def test_while_the_agent_is_away_nothing_is_due() -> None:
    """From its return on there are so many seconds, however long it was away."""
    court = Court()
    court.came("i", whole(1), "0")
    court.came("s", shared(), "0-7", patience_s=DEADLINE_S)
    court.checker.agent_left()
    court.later(1000)
    court.came("t", shared(), "0-7", patience_s=DEADLINE_S)
    court.later(1000)
    court.checker.agent_synchronized()
    court.later(DEADLINE_S - 0.1)
    assert court.broken == []
    court.later(0.1)
    assert court.broken == [(1, "s"), (1, "t")]


def test_what_was_right_is_judged_also_while_the_agent_is_away() -> None:
    """Nothing excuses a container that the agent had placed before it left."""
    court = Court()
    court.came("i", whole(1), "0")
    court.came("s", shared(), "1-7")
    court.checker.agent_left()
    court.changed("s", "0-7")
    assert court.broken == [(1, "s")]


def test_a_leap_of_the_clock_takes_time_from_nobody() -> None:
    """Time in which nobody could act does not count against an excuse."""
    court = Court()
    court.came("i", whole(2), "0", patience_s=DEADLINE_S)
    court.checker.leaped(60)
    court.later(60 + DEADLINE_S - 0.1)
    assert court.broken == []
    court.later(0.1)
    assert court.broken == [(5, "i")]


def test_a_start_sets_the_term_of_a_container_that_waited_for_it() -> None:
    """Before the agent is told of the start it cannot know; then it has the usual time."""
    court = Court()
    court.came("i", whole(2), "0", patience_s=math.inf)
    court.later(500)
    assert court.broken == []
    court.checker.started("i", DEADLINE_S)
    court.checker.started("never seen", DEADLINE_S)
    court.later(DEADLINE_S - 0.1)
    assert court.broken == []
    court.later(0.1)
    assert court.broken == [(5, "i")]


# ---- containers that came while the agent was away ----


def test_a_container_that_slipped_in_must_have_its_cpus_in_time() -> None:
    """There is a place for it, and it must be given to it."""
    court = Court(at_work=False)
    court.slipped_in("i", whole(2), "0-7")
    court.slipped_in("a", named("4"), "0-7")
    court.later(1000)
    assert court.broken == []
    court.checker.agent_synchronized()
    court.later(DEADLINE_S - 0.1)
    assert court.broken == []
    court.changed("a", "4", mems="1")
    court.changed("i", "0-1")
    court.later(60)
    assert court.broken == []


def test_a_container_that_slipped_in_is_not_left_on_an_owners_cpus() -> None:
    """It may be without its own cpus; on those of others it may not stay."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.checker.agent_left()
    court.slipped_in("j", whole(7), "0-7")
    court.around.sharing.add("j")
    court.checker.agent_synchronized()
    court.later(DEADLINE_S)
    assert court.broken == [(1, "j")]


def test_a_container_without_a_place_may_share_the_pool() -> None:
    """Rule 9: what finds no place runs on the pool, by whatever number of cpus."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.checker.agent_left()
    court.slipped_in("j", whole(7), "0-7")
    court.around.sharing.add("j")
    court.checker.agent_synchronized()
    court.changed("j", "2-7")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []


def test_a_pool_of_just_the_right_size_makes_no_owner() -> None:
    """Who shares has by chance as many cpus as it asked for; others may run there too."""
    court = Court(at_work=False)
    court.slipped_in("j", whole(6), "0-7")
    court.slipped_in("a", named("0-1"), "0-7")
    court.around.sharing.add("j")
    court.checker.agent_synchronized()
    court.changed("a", "0-1")
    court.changed("j", "2-7")
    court.came("s", shared(), "2-7")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []


def test_who_has_found_its_place_owns_it() -> None:
    """The agent says that the cpus are its own: then nobody else may run there."""
    court = Court(at_work=False)
    court.slipped_in("j", whole(6), "0-7")
    court.checker.agent_synchronized()
    court.changed("j", "2-7")
    court.later(60)
    court.came("s", shared(), "0-7")
    assert court.broken == [(1, "s")]


def test_who_finds_a_place_late_has_time_to_get_there() -> None:
    """Its time begins when the agent has a place for it, and not when it came; and it ends."""
    court = Court(at_work=False)
    court.slipped_in("j", whole(2), "0-7")
    court.around.sharing.add("j")
    court.checker.agent_synchronized()
    court.changed("j", "5")
    court.later(DEADLINE_S - 0.1)
    court.around.sharing.remove("j")
    court.later(0.2)
    assert court.broken == []
    court.later(DEADLINE_S + 0.1)
    assert court.broken == [(5, "j")]


def test_who_has_found_its_place_must_keep_it() -> None:
    """Once all is settled an integer container may not fall back to sharing."""
    court = Court(at_work=False)
    court.slipped_in("j", whole(2), "0-7")
    court.checker.agent_synchronized()
    court.changed("j", "2-3")
    court.later(60)
    court.around.sharing.add("j")
    court.changed("j", "0-7")
    assert court.broken == [(5, "j")]


def test_after_all_is_settled_the_pool_is_judged_again() -> None:
    """A shared container that slipped in once is no excuse for what comes later."""
    court = Court(min_shared=2, at_work=False)
    court.slipped_in("s", shared(), "0-7")
    court.checker.agent_synchronized()
    court.later(60)
    court.changed("s", "6-7")
    court.came("a", named("0-4"), "0-4", mems="0-1")
    assert court.broken == []
    court.came("i", whole(2), "5-6")
    assert (4, "i") in court.broken


def test_container_without_a_place_may_meet_an_owner_that_an_update_has_not_reached() -> None:
    """The owner is still where it was; the other one was given what the owner shall leave."""
    court = Court()
    court.around.sharing.add("i")
    court.slipped_in("i", whole(6), "0-7")
    court.came("o", whole(3), "0-2")
    court.checker.excuse("o", 60)
    court.changed("i", "3-7")
    court.later(DEADLINE_S)
    for has in ("2-7", "2-6"):
        court.changed("i", has)
    assert court.broken == []


# ---- resizes and hotplug ----


def test_a_resize_must_be_followed_in_time() -> None:
    """The new number counts from now on; the one that has it owns it."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.checker.resized("i", whole(3), answered=True)
    court.later(DEADLINE_S - 0.1)
    assert court.broken == []
    court.changed("i", "0-2")
    court.later(60)
    court.came("s", shared(), "2-7")
    assert court.broken == [(1, "s")]
    court.checker.resized("never seen", whole(1), answered=True)


def test_a_resize_that_is_not_followed_breaks_rule_5() -> None:
    """The old number is wrong after a while."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.checker.resized("i", whole(3), answered=True)
    court.later(DEADLINE_S)
    assert court.broken == [(5, "i")]


def test_a_resize_that_nobody_answered_may_end_in_sharing() -> None:
    """The agent could not refuse it, and there may be no place."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.checker.agent_left()
    court.checker.resized("i", whole(9), answered=False)
    court.around.sharing.add("i")
    court.checker.agent_synchronized()
    court.changed("i", "0-7")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []


def test_a_cpu_that_went_offline_must_be_left_behind_in_time() -> None:
    """Rule 10: an integer container gets others, and a shared one the rest."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.came("s", shared(), "2-7")
    court.checker.online_changed(cpus("0,2-7"), [("i", whole(2)), ("s", shared()), ("x", None)])
    court.changed("s", "3-7")
    court.checker.fell_back("i", cpus("0"), cpus("0"))
    court.later(HOTPLUG_DEADLINE_S - 0.1)
    assert court.broken == []
    court.changed("i", "0,2")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []


def test_an_annotated_container_whose_cpu_is_offline_may_share() -> None:
    """Rule 10: until the cpu is back. Then it must have it."""
    court = Court()
    court.came("a", named("7"), "7", mems="1")
    court.checker.online_changed(cpus("0-6"), [("a", None)])
    court.changed("a", "0-6")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []
    court.checker.online_changed(cpus("0-7"), [("a", named("7"))])
    court.later(HOTPLUG_DEADLINE_S - 0.1)
    assert court.broken == []
    court.changed("a", "7", mems="1")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []


def test_the_pool_grows_with_the_online_cpus() -> None:
    """At rest a shared container has the cpus that came back."""
    court = Court(online="0-6")
    court.came("s", shared(), "0-6")
    court.checker.online_changed(cpus("0-7"), [("s", shared())])
    court.later(60)
    court.checker.at_rest()
    assert court.broken == [(4, "s")]


def test_cpus_promised_to_a_starting_owner_are_nobodys_to_share() -> None:
    """Where all others are owned or promised, a container that nobody refused must overlap."""
    court = Court(at_work=False)
    court.slipped_in("a", named("0-3"), "0-3")
    court.slipped_in("s", shared(), "0-7")
    court.around.owed = cpus("4-7")
    court.checker.agent_synchronized()
    court.changed("s", "0-3")
    court.later(60)
    assert court.broken == []
    court.around.owed = CpuSet.EMPTY
    court.changed("s", "0-2")
    assert court.broken == []
    court.later(DEADLINE_S)
    assert court.broken == [(1, "s")]


def test_what_may_not_have_arrived_is_not_due_while_the_agent_is_away() -> None:
    """An update that was lost can still come to light, and only the agent can see to it."""
    court = Court()
    court.came("i", whole(1), "0")
    court.came("s", shared(), "1-7")
    court.checker.excuse("s", DEADLINE_S)
    court.later(60)
    court.checker.agent_left()
    court.changed("s", "0-7")
    court.later(60)
    assert court.broken == []
    court.checker.agent_synchronized()
    court.later(DEADLINE_S)
    assert court.broken == [(1, "s")]


def test_an_integer_container_gives_way_to_an_annotated_one_that_slipped_in() -> None:
    """Nobody could refuse the annotated one, so there may be no other place."""
    court = Court()
    court.came("i", whole(2), "0-1")
    court.checker.agent_left()
    court.slipped_in("a", named("0-6"), "0-7")
    court.checker.agent_synchronized()
    court.around.sharing.add("i")
    court.changed("i", "7")
    court.changed("a", "0-6", mems="0-1")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []


def test_who_lost_its_place_before_all_was_settled_owns_nothing() -> None:
    """The agent says so; whoever comes to its cpus does no harm."""
    court = Court(at_work=False)
    court.slipped_in("j", whole(2), "0-7")
    court.checker.agent_synchronized()
    court.changed("j", "0-1")
    court.around.sharing.add("j")
    court.came("s", shared(), "0-7")
    assert court.broken == []


# ---- where there is room ----


def test_a_container_that_is_refused_although_cpus_are_free_breaks_rule_5() -> None:
    """Whoever refuses everything breaks no other rule."""
    court = Court(reserved="0", min_shared=1)
    court.came("s", shared("1"), "0,2-7")
    fits, too_much = ("fits", whole(4)), ("too-much", whole(6))
    court.checker.at_rest([fits, too_much, ("nowhere", shared("0-7")), ("named", named("1"))])
    assert court.broken == [(5, "fits")]
    court.checker.at_rest([("any", shared("0-3"))])
    assert court.broken == [(5, "fits"), (5, "any")]


def test_a_container_that_shares_although_cpus_are_free_breaks_rule_5() -> None:
    """It came while the agent was away, and was never given a place."""
    court = Court()
    court.slipped_in("i", whole(2), "0-7")
    court.around.sharing.add("i")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == [(5, "i")]


def test_a_container_that_lost_all_its_cpus_excuses_who_is_put_right_first() -> None:
    """Both run on all that are left; one of them must be the first to leave the other."""
    court = Court()
    court.came("first", whole(2), "0-1")
    court.came("second", whole(2), "2-3")
    demands = [("first", whole(2)), ("second", whole(2))]
    court.checker.online_changed(cpus("4-7"), demands)
    for name in ("first", "second"):
        court.checker.fell_back(name, cpus("4-7"), cpus("0-1"))
    court.changed("first", "4-5")
    court.changed("second", "6-7")
    court.later(60)
    court.checker.at_rest()
    assert court.broken == []
