"""Place: what pods and operators ask for beside a number of cpus, from event to decision."""

import pytest

from tests.machines import LAPTOP, SERVER, container, ledger_of, pod, without
from weka_cpuset.engine import (
    AnnotationIgnored,
    CpuSet,
    Create,
    Decision,
    IntegerDemand,
    Ledger,
    Llc,
    NoMovePlan,
    NotEnoughCores,
    NotEnoughCpus,
    NotWholeCores,
    Numa,
    Phase,
    Preference,
    Reported,
    Rules,
    Smt,
    SpansLlcs,
    SpansNodes,
    Topology,
    Update,
    decide,
    rebuild,
    rehome,
)

FULL = Rules(preference=Preference(smt=Smt.FULL_CORES))


def created(ledger: Ledger, name: str, whole: int, **annotations: str) -> Decision:
    """Create a pod's container with whole cpus of its own, or none."""
    its_pod = pod(name, guaranteed=whole > 0, **annotations)
    return decide(ledger, Create(its_pod, container(name, whole)))


def cpus_of(decision: Decision, name: str) -> CpuSet:
    """Return the cpus of a container after a decision that was no refusal."""
    assert decision.refusal is None
    decision.ledger.check()
    return decision.ledger.cpus_of(name)


def are_whole(topology: Topology, cpus: CpuSet) -> bool:
    """Tell whether cpus are whole cores."""
    return all(topology.core_of(cpu) <= cpus for cpu in cpus)


def test_what_the_pod_says_goes_before_what_the_operator_set() -> None:
    """The annotations win over the settings, each for itself."""
    rules = Rules(preference=Preference(Smt.FULL_CORES, Numa.STRICT, Llc.STRICT))
    ledger = Ledger.empty(SERVER, rules)
    decision = created(ledger, "p", 3, smt="spread")
    holding = decision.ledger.holding("p")
    assert holding is not None
    expected = Preference(Smt.SPREAD, Numa.STRICT, Llc.STRICT)
    assert IntegerDemand(3, preference=expected) == holding.demand
    assert len({SERVER.core_of(cpu) for cpu in cpus_of(decision, "p")}) == 3


@pytest.mark.parametrize(("key", "word"), [("smt", "both"), ("numa", "full-cores"), ("smt", "")])
def test_a_word_that_does_not_exist_is_ignored_with_a_warning(key: str, word: str) -> None:
    """The container is placed as if nothing were said, and the notice says what could be."""
    plain = created(Ledger.empty(SERVER), "p", 3)
    decision = created(Ledger.empty(SERVER), "p", 3, **{key: word})
    assert cpus_of(decision, "p") == cpus_of(plain, "p")
    (notice,) = decision.notices
    assert isinstance(notice, AnnotationIgnored)
    assert (notice.annotation, notice.text) == (f"weka.io/{key}", word)
    assert "pre" in str(notice) or "pack" in str(notice)


def test_shared_containers_are_not_warned_about_words_they_do_not_need() -> None:
    """Only integer containers read how cpus are to lie."""
    assert not created(Ledger.empty(SERVER), "p", 0, smt="both").notices


def test_an_odd_number_of_cpus_is_no_whole_cores() -> None:
    """The refusal names the numbers that would be right."""
    refusal = created(Ledger.empty(LAPTOP), "p", 3, smt="full-cores").refusal
    assert NotWholeCores(3, (2,), (2, 4)) == refusal
    assert NotWholeCores(1, (2,), (2,)) == created(Ledger.empty(LAPTOP, FULL), "p", 1).refusal


def test_more_cpus_than_there_are_is_told_first() -> None:
    """Whole cores or not, there are not that many cpus."""
    refusal = created(Ledger.empty(LAPTOP, FULL), "p", 9).refusal
    assert isinstance(refusal, NotEnoughCpus)


def test_threads_of_broken_cores_are_no_whole_cores() -> None:
    """Four single cpus in four cores leave no core whole."""
    ledger = ledger_of(LAPTOP, (pod("named", cores="0-3"), container("named")))
    refusal = created(ledger, "p", 2, smt="full-cores").refusal
    assert NotEnoughCores(2, CpuSet.EMPTY, CpuSet.parse("4-7")) == refusal


def test_one_node_is_full() -> None:
    """With numa strict a container is refused where it would span nodes."""
    ledger = ledger_of(SERVER, (pod("named", cores="0-1,8-9"), container("named")))
    assert SpansNodes(16, 14, 16) == created(ledger, "p", 16, numa="strict").refusal
    assert SpansNodes(17, 14, 16) == created(ledger, "p", 17, numa="strict").refusal
    nodes = {
        node
        for node in SERVER.nodes
        for cpu in cpus_of(created(ledger, "q", 16), "q")
        if cpu in node
    }
    assert len(nodes) == 2


def test_no_cache_is_free_enough() -> None:
    """With llc strict a container is refused where it would need more caches than it must."""
    rules = Rules(preference=Preference(llc=Llc.STRICT))
    ledger = ledger_of(SERVER, (pod("n", cores="0,4,8,12"), container("n")), rules=rules)
    assert SpansLlcs(8, 1, 7) == created(ledger, "p", 8).refusal
    assert SpansLlcs(16, 2, 14) == created(ledger, "p", 16).refusal
    assert len(cpus_of(created(ledger, "p", 17), "p")) == 17


def test_nobody_comes_beside_a_container_that_has_whole_cores() -> None:
    """One named thread of its core moves it off the whole core."""
    decision = created(Ledger.empty(LAPTOP, FULL), "p", 4)
    named = cpus_of(decision, "p").lowest
    core = LAPTOP.core_of(named)
    decision = created(decision.ledger, "n", 0, cores=str(named))
    assert are_whole(LAPTOP, cpus_of(decision, "p"))
    assert cpus_of(decision, "p").isdisjoint(core)


def test_who_cannot_have_whole_cores_elsewhere_is_not_moved() -> None:
    """The container that names the cpu is refused rather than breaking the promise."""
    ledger = ledger_of(
        LAPTOP,
        (pod("p", guaranteed=True), container("p", 4, cpus="0-1,4-5")),
        (pod("n", cores="2,3"), container("n")),
        rules=FULL,
    )
    assert isinstance(created(ledger, "m", 0, cores="0").refusal, NoMovePlan)


def test_who_must_stay_on_one_node_moves_as_a_whole() -> None:
    """Where its node has nothing to replace a named cpu, all its cpus move to another one."""
    ledger = created(Ledger.empty(SERVER), "p", 8, numa="strict").ledger
    (home,) = (node for node in SERVER.nodes if not node.isdisjoint(ledger.cpus_of("p")))
    rest = home - ledger.cpus_of("p")
    ledger = created(ledger, "n", 0, cores=str(rest)).ledger
    named = ledger.cpus_of("p").lowest
    decision = created(ledger, "m", 0, cores=str(named))
    assert cpus_of(decision, "p").isdisjoint(home)
    assert any(cpus_of(decision, "p") <= node for node in SERVER.nodes)


def test_a_container_grows_by_whole_cores_or_not_at_all() -> None:
    """A resize keeps the cores it has and adds whole ones; half a core is refused."""
    ledger = created(Ledger.empty(LAPTOP, FULL), "p", 2).ledger
    had = ledger.cpus_of("p")
    its_pod = pod("p", guaranteed=True)
    grown = decide(ledger, Update(its_pod, container("p", 6)))
    assert had <= cpus_of(grown, "p")
    assert are_whole(LAPTOP, cpus_of(grown, "p"))
    assert isinstance(decide(ledger, Update(its_pod, container("p", 3))).refusal, NotWholeCores)
    shrunk = decide(grown.ledger, Update(its_pod, container("p", 4)))
    assert cpus_of(shrunk, "p") <= cpus_of(grown, "p")
    assert are_whole(LAPTOP, cpus_of(shrunk, "p"))


def test_a_container_without_whole_cores_does_not_shrink_to_some() -> None:
    """One that was found on four halves has no two cpus that are a whole core."""
    ledger = ledger_of(
        LAPTOP, (pod("p", guaranteed=True), container("p", 4, cpus="0-3")), rules=FULL
    )
    refused = decide(ledger, Update(pod("p", guaranteed=True), container("p", 2)))
    assert NotEnoughCores(2, CpuSet.EMPTY, CpuSet.parse("0-3")) == refused.refusal


def test_a_container_that_spans_nodes_may_shrink() -> None:
    """Who spanned nodes before it had to be strict is not refused fewer cpus for that."""
    ledger = created(Ledger.empty(SERVER), "p", 24).ledger
    strict = pod("p", guaranteed=True, numa="strict")
    shrunk = decide(ledger, Update(strict, container("p", 20)))
    assert cpus_of(shrunk, "p") <= ledger.cpus_of("p")


@pytest.mark.parametrize("preference", [Preference(smt=one) for one in Smt])
def test_a_running_container_is_left_where_it_is(preference: Preference) -> None:
    """Other settings after a restart move nobody; nothing that is right is touched (rule 9)."""
    pods = [pod("p", guaranteed=True)]
    running = [Reported(container("p", 4, cpus="0-3"), Phase.RUNNING)]
    rebuilt = rebuild(LAPTOP, Rules(preference=preference), pods, running)
    assert rebuilt.ledger.cpus_of("p") == CpuSet.parse("0-3")
    assert not rebuilt.notices


def test_a_core_that_lost_a_thread_is_given_up() -> None:
    """When the sibling of a cpu goes offline, the container gets another whole core."""
    ledger = created(Ledger.empty(LAPTOP, FULL), "p", 2).ledger
    (core,) = {LAPTOP.core_of(cpu) for cpu in ledger.cpus_of("p")}
    smaller = without(LAPTOP, CpuSet.of([max(core)]))
    again = rehome(ledger, smaller)
    again.ledger.check()
    assert again.ledger.holding("p") in again.ledger.exclusive.values()
    assert are_whole(smaller, again.ledger.cpus_of("p"))
    assert again.ledger.cpus_of("p").isdisjoint(core)


def test_one_that_finds_no_place_costs_no_other_its_place() -> None:
    """After a restart only the container that cannot have whole cores runs on the pool."""
    pods = [pod(name, guaranteed=True) for name in ("a", "b")]
    running = [
        Reported(container("a", 3, cpus="0-7"), Phase.RUNNING),
        Reported(container("b", 2, cpus="0-7"), Phase.RUNNING),
    ]
    rebuilt = rebuild(LAPTOP, FULL, pods, running)
    rebuilt.ledger.check()
    assert set(rebuilt.ledger.exclusive) == {"b"}
    assert are_whole(LAPTOP, rebuilt.ledger.cpus_of("b"))


def test_a_forbidden_thread_does_not_make_its_core_look_broken() -> None:
    """A pod that forbids cpu 0 is not moved onto its sibling while cores are broken already."""
    ledger = created(Ledger.empty(SERVER), "db-0", 4, forbid="0").ledger
    ledger = created(ledger, "db-1", 4, forbid="0").ledger
    named = [ledger.cpus_of(name).lowest for name in ("db-0", "db-1")]
    decision = created(ledger, "storage", 0, cores=str(CpuSet.of(named)))
    moved = cpus_of(decision, "db-0") | cpus_of(decision, "db-1")
    assert moved.isdisjoint(SERVER.core_of(0))
