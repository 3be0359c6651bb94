"""Several simulations as one, and what is kept of a failing one."""

import json

from nodesim.actions import Apply, Expect, Looked, Scenario, Wait
from nodesim.report import Violation
from nodesim.rounds import Outcome, Round, play, shorten
from nodesim.stage import Recorder, Stage
from nodesim.workload import ContainerSpec, PodSpec
from tests.unit.nodesim.outcomes import outcome, report

POD = PodSpec("a", (ContainerSpec("main"),))
WRONG = Expect(Looked.POOL, "", "3")
GOOD = Scenario("laptop", (Apply((POD,)), Wait(2.0), Expect(Looked.POOL, "", "8")), tail_s=0.0)
BAD = Scenario("laptop", (Apply((POD,)), Wait(2.0), Wait(3.0), WRONG), tail_s=0.0)


def test_all_rounds_are_played_and_the_first_failing_one_is_kept() -> None:
    """A failing round does not end the others."""
    found = play([Round(GOOD, 1), Round(BAD, 2), Round(BAD, 3), Round(GOOD, 4)], Stage())

    assert [1, 2, 3, 4] == [one.seed for one in found.reports]
    assert [2, 3] == [one.seed for one in found.failed]
    assert not found.passed
    assert found.failing is BAD


def test_good_rounds_pass_and_leave_nothing() -> None:
    """There is nothing to shorten."""
    found = play([Round(GOOD, None)], Stage())

    assert found.passed
    assert found.failing is None
    assert shorten(found) is None


def test_a_failing_scenario_becomes_shorter_and_fails_in_the_same_way() -> None:
    """What has nothing to do with the failure is left out."""
    found = play([Round(BAD, None)], Stage())

    short = shorten(found)

    assert short is not None
    assert WRONG in short.actions
    assert len(short.actions) < len(BAD.actions)
    again = play([Round(short, None)], Stage())
    assert [found.reports[0].expectations[0].found] == [
        one.found for one in again.reports[0].expectations if not one.met
    ]


def test_another_failure_is_not_taken_for_the_same() -> None:
    """Without its pod the second expectation fails too, but otherwise than the first did."""
    cpus = Expect(Looked.CPUS, "default/a/main", "0")
    scenario = Scenario("laptop", (Apply((POD,)), Wait(2.0), cpus), tail_s=0.0)

    short = shorten(play([Round(scenario, None)], Stage()))

    assert short is not None
    assert any(isinstance(one, Apply) for one in short.actions)


def test_watchers_see_every_round() -> None:
    """The timeline goes on from one round to the next."""
    recorder = Recorder()
    play([Round(GOOD, 1), Round(GOOD, 2)], recorder)

    assert 2 == sum("synchronized" in entry.text for entry in recorder.entries)


def test_json_has_the_verdict_every_round_and_more() -> None:
    """Totals can be had from the rounds; additions have names of their own."""
    document = json.loads(outcome(events=5).to_json(saved="a.yaml"))

    assert document["passed"] is True
    assert [5] == [one["events"] for one in document["rounds"]]
    assert document["saved"] == "a.yaml"


def test_the_same_rounds_are_the_same_bytes() -> None:
    """Two runs of the same rounds cannot be told apart."""
    first, second = (play([Round(GOOD, 1), Round(BAD, 2)], Stage()).to_json() for _ in range(2))

    assert first == second


def test_one_broken_rule_fails_the_whole() -> None:
    """A single violation in a single round is enough."""
    broken = report(violations=(Violation(1.0, 1, "cpu 4"),))

    assert not Outcome((report(), broken, report())).passed
    assert 3 == Outcome((report(), broken, report())).total(lambda one: one.pods_created) / 7
