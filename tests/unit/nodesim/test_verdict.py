"""The verdict: what was done, what was checked, what is wrong."""

import pytest

from nodesim.report import VIOLATIONS_MAX, Entry, EntryKind, Expectation, Violation
from nodesim.rounds import Outcome
from nodesim.timeline import REFUSALS_MAX, Refusals
from nodesim.verdict import RULES, refusals_of, verdict_of
from tests.unit.nodesim.outcomes import drawn, outcome, report


def test_a_good_run_passes_and_says_what_was_checked() -> None:
    """The figures of the report are told with their units, and no failure is."""
    text = drawn(verdict_of(outcome()))

    assert "Verdict: PASSED" in text
    for figure in ("12.5 simulated seconds", "2x8-smt2", "7 created", "1,234 of the runtime"):
        assert figure in text
    assert "none was broken" in text
    assert "exposed" not in text


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_named_with_its_time_and_words(rule: int) -> None:
    """Number, meaning, time and what was seen are all there."""
    broken = Violation(3.25, rule, "cpu 4 has two owners")

    text = drawn(verdict_of(outcome(violations=(broken,))), width=200)

    assert "Verdict: FAILED" in text
    assert f"Rule {rule} broken at 3.250 s: {RULES[rule]}." in text
    assert broken.text in text


def test_an_unmet_expectation_says_what_was_found() -> None:
    """Expected and found stand side by side; those that were met are only counted."""
    unmet = Expectation(1.0, "default/a phase Running", met=False, found="Refused")
    met = Expectation(2.0, "default/b phase Running", met=True)

    text = drawn(verdict_of(outcome(expectations=(unmet, met))))

    assert "FAILED" in text
    assert "1 of 2 expectations met" in text
    assert unmet.text in text
    assert "found: Refused" in text
    assert met.text not in text


def test_many_failures_are_cut_short_and_counted() -> None:
    """Of hundreds of failures the first ones are shown; a full list says that there may be more."""
    broken = tuple(Violation(at, 1, f"cpu {at}") for at in range(VIOLATIONS_MAX))

    text = drawn(verdict_of(outcome(violations=broken)))

    assert text.count("Rule 1 broken") < VIOLATIONS_MAX
    assert f"{VIOLATIONS_MAX} times or more" in text


def test_the_seed_of_a_failing_round_is_told() -> None:
    """Of several rounds, the one that failed can be run again."""
    rounds = Outcome(
        (report(seed=7), report(seed=8, violations=(Violation(1.0, 1, "cpu 4"),)), report(seed=9))
    )

    text = drawn(verdict_of(rounds))

    assert "3 rounds with the random faults of seeds 7 to 9" in text
    assert "(seed 8)" in text
    assert "21 created" in text


def test_all_runtimes_are_told() -> None:
    """Storms draw a runtime each; the same one is told once."""
    names = ("containerd 1.7.24", "containerd 2.4.0", "containerd 1.7.24")

    text = drawn(verdict_of(Outcome(tuple(report(runtime=name) for name in names))))

    machine = next(line for line in text.splitlines() if line.startswith("machine"))
    assert machine.rstrip().endswith("under containerd 1.7.24, containerd 2.4.0")


def test_time_on_foreign_cpus_is_told() -> None:
    """A fault that put a container on an owner's cpus for a while is no secret."""
    assert "0.125 container-seconds" in drawn(verdict_of(outcome(exposed_s=0.125)))


def test_refusals_are_told_once_with_their_reason() -> None:
    """A kubelet tries again and again; the reader sees one line."""
    refusals = Refusals()
    for at_s in (1.0, 11.0, 21.0):
        refusals.add(Entry(at_s, EntryKind.REFUSAL, "default/a/c", "cpu 99 does not exist"))
    refusals.add(Entry(2.0, EntryKind.CHANGE, "default/b/c", "0-7 -> 0-3"))

    text = drawn(refusals_of(refusals))

    assert text.count("default/a/c") == 1
    assert "at 1.000 s (the first of 3 times): cpu 99 does not exist" in text
    assert "default/b/c" not in text


def test_a_flood_of_refusals_is_counted() -> None:
    """Memory and paper are bounded."""
    refusals = Refusals()
    for number in range(REFUSALS_MAX + 3):
        refusals.add(Entry(1.0, EntryKind.REFUSAL, f"default/p{number}/c", "no room"))

    text = drawn(refusals_of(refusals))
    assert len(refusals.found) == REFUSALS_MAX
    told = text.count("no room")
    assert 0 < told < REFUSALS_MAX
    assert f"and {REFUSALS_MAX + 3 - told} refusals of other containers" in text


def test_without_refusals_nothing_is_said() -> None:
    """No heading stands alone."""
    assert drawn(refusals_of(Refusals())).strip() == ""
