"""Explanations from a view, as values and as text."""

import dataclasses

import pytest

from tests.machines import LAPTOP, SERVER, container, ledger_of, pod
from weka_cpuset.engine import CpuSet, Planned, Rules, Stop, decide
from weka_cpuset.engine.cost import Cost
from weka_cpuset.engine.explain import SPARE
from weka_cpuset.explain.make import container_report, cpu_report, plan_report
from weka_cpuset.explain.text import TERMS, text_of, time_of
from weka_cpuset.explain.view import View
from weka_cpuset.journal.entry import Line

LEDGER = ledger_of(
    LAPTOP,
    (pod("own", guaranteed=True), container("own", 2)),
    (pod("named", cores="3"), container("named")),
    (pod("beside", cores="3"), container("beside")),
    (pod("pool", forbid="7"), container("pool")),
    rules=Rules(reserved=CpuSet.of([0])),
)
NOW_S = 1.7e9
VIEW = View("test", NOW_S, LEDGER, {"own": NOW_S - 60})
HAS = str(LEDGER.cpus_of("own"))


def test_each_term_of_a_cost_has_words() -> None:
    """No term is left out, and their order is that of the cost."""
    assert tuple(TERMS) == Cost._fields


def test_an_integer_container_has_its_cost_beside_its_alternatives() -> None:
    """Whatever decides is there as a number for each choice."""
    shown = container_report(VIEW, "own")
    assert shown.chosen is not None
    assert not shown.chosen.then
    assert tuple(shown.chosen.cost) == Cost._fields[:-1]
    assert shown.chosen.runner_up is not None
    assert shown.chosen.runner_up.cpus != shown.cpus
    text = text_of(shown)
    assert f"cpus:   {HAS}, since" in text
    assert "The runner-up lost by" in text
    assert "journal does not have the decision" in text


def test_the_decision_that_gave_it_its_cpus_is_named() -> None:
    """Also where it was moved for the sake of another container."""
    own = Line(
        7, NOW_S, "CreateContainer", "placed", "own", "test/own/main", "integer", "", HAS,
        pool="0,3-4,7",
    )  # fmt: skip
    shown = container_report(dataclasses.replace(VIEW, lines=(own,)), "own")
    assert shown.decision is not None
    assert (shown.decision.number, shown.decision.before) == (7, "")
    assert shown.chosen is not None
    assert shown.chosen.then
    assert "CreateContainer (decision 7)" in text_of(shown)


def test_who_shares_named_cpus_is_told() -> None:
    """Two pods that name one cpu are both on it; no cost is told, as nothing was chosen."""
    shown = container_report(VIEW, "named")
    assert shown.chosen is None
    assert shown.beside == {"test/beside/main": "3"}
    assert "3: test/beside/main" in text_of(shown)


def test_who_keeps_a_container_on_the_pool_off_other_cpus_is_told() -> None:
    """Each cpu that it does not have has an owner, or is forbidden by its pod."""
    text = text_of(container_report(VIEW, "pool"))
    assert f"{HAS}: test/own/main" in text
    assert "7: weka.io/forbid-core-ids" in text
    assert "never:  7" in text


def test_an_update_that_is_due_is_told() -> None:
    """What the runtime was told differs from what is wanted."""
    later = decide(LEDGER, Stop("own"), limit=0).ledger
    text = text_of(container_report(dataclasses.replace(VIEW, ledger=later), "pool"))
    assert "an update is due" in text


@pytest.mark.parametrize(
    ("cpu", "state", "words"),
    [
        (3, "owned", "annotated: its pod names its cpus"),
        (0, "pool", "reserved: integer containers never get it"),
        (7, "pool", "No container may run on it now"),
        (99, "offline", "offline, or there is no such cpu"),
    ],
)
def test_cpus(cpu: int, state: str, words: str) -> None:
    """A cpu is owned, in the pool, or not there; who may run on it is told with the reason."""
    shown = cpu_report(VIEW, cpu)
    assert shown.state == state
    assert words in text_of(shown)


def test_since_when_a_cpu_is_in_the_pool_and_why() -> None:
    """The end of its last owner is what put it there."""
    lines = (
        Line(1, NOW_S, "CreateContainer", "placed", "x", "test/x/main", after="4", pool="0,7"),
        Line(2, NOW_S, "StopContainer", "released", "x", "test/x/main", before="4", pool="0,4,7"),
    )
    text = text_of(cpu_report(dataclasses.replace(VIEW, lines=lines), 4))
    assert "by StopContainer of test/x/main" in text


def _planned(name: str, whole: int, cores: str = "", **more: bool) -> Planned:
    its_pod = pod(name, guaranteed=True, **({"cores": cores} if cores else {}))
    return Planned(its_pod, container(name, whole), **more)


def test_a_plan_tells_what_would_become_of_each_container_and_changes_nothing() -> None:
    """Placed, moved for another's sake, refused, and left out."""
    waits = Planned(pod("big", guaranteed=True), container("big", 1, attempt=1))
    planned = [
        _planned("a", 2),
        _planned("claims", 1, HAS),
        _planned("big", 9, first=True, ends=True),
        waits,
    ]
    shown = plan_report(dataclasses.replace(VIEW), planned)
    a, claims, big = shown.containers
    assert a.cpus
    assert a.chosen is not None
    assert a.chosen.then
    assert [one.container for one in claims.moves] or claims.refusal
    assert "9 cpus" in big.refusal
    assert shown.left_out == ("test/big/main",)
    assert shown.refused == 1 + bool(claims.refusal)
    text = text_of(shown)
    assert "Nothing was changed." in text
    assert "never created" in text
    assert set(LEDGER.exclusive) == {"own", "named", "beside"}


def test_a_move_is_told_with_before_and_after() -> None:
    """Whoever would be moved for a pod that names cpus is named."""
    ledger = ledger_of(SERVER, (pod("own", guaranteed=True), container("own", 2)))
    has = str(ledger.cpus_of("own"))
    shown = plan_report(View("test", NOW_S, ledger), [_planned("claims", 1, has)])
    (move,) = shown.containers[0].moves
    assert (move.container, move.before) == ("test/own/main", has)
    assert f"moves:  test/own/main from {has} to {move.after}" in text_of(shown)
    assert "1 container of 1 would be created" in text_of(shown)


def test_who_is_in_the_way_is_told_with_what_there_would_be_without_it() -> None:
    """One owner on each core but the first: each of them alone is in the way."""
    ledger = ledger_of(
        LAPTOP,
        *((pod(f"n{cpu}", cores=str(cpu)), container(f"n{cpu}")) for cpu in (0, 1, 2, 3)),
    )
    shown = plan_report(View("test", NOW_S, ledger), [_planned("own", 2)])
    chosen = shown.containers[0].chosen
    assert chosen is not None
    assert chosen.unhindered is not None
    assert {one.who for one in chosen.in_the_way} >= {"test/n1/main", "test/n2/main"}
    assert "In the way, each one by itself:" in text_of(shown)


def test_the_spare_is_told() -> None:
    """A cpu on which nobody runs, though nobody owns it, is kept for a burst."""
    ledger = dataclasses.replace(LEDGER, spare=CpuSet.of([4]))
    view = dataclasses.replace(VIEW, ledger=ledger)
    assert "kept free for the next integer containers" in text_of(cpu_report(view, 4))
    assert container_report(view, "pool").kept_off[SPARE] == "4"


def test_times_are_told_in_words() -> None:
    """Those of a simulation begin with it."""
    assert time_of(1.5) == "1.500 s after the simulation's start"
    assert time_of(NOW_S) == "2023-11-14 22:13:20 UTC"
