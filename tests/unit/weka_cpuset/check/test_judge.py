"""The judgement as a whole: every topic, in one order, whatever is not known."""

from dataclasses import fields

from tests.unit.weka_cpuset.check.nodes import GOOD, unread
from weka_cpuset.check.finding import Level, Topic
from weka_cpuset.check.judge import judge

REASON = "/somewhere: Permission denied"


def test_a_good_node_is_good() -> None:
    """Nothing is to be done where all is as it should be."""
    assert {Level.OK} == {finding.level for finding in judge(GOOD)}
    assert {""} == {finding.remedy for finding in judge(GOOD)}


def test_each_topic_has_one_finding_in_order() -> None:
    """Readers find the topics where they were the last time."""
    assert list(Topic) == [finding.topic for finding in judge(GOOD)]


def test_what_is_not_known_is_said_and_ends_nothing() -> None:
    """Each fact may be unknown: some finding then says so, with the reason."""
    for field in fields(GOOD):
        if field.name in ("wanted", "present"):
            continue
        facts = unread(GOOD, [field.name], REASON)
        unknown = [finding for finding in judge(facts) if finding.level is Level.UNKNOWN]
        assert REASON in {finding.found for finding in unknown}


def test_nothing_known_is_no_problem_and_no_praise() -> None:
    """Where nothing can be read there is nothing good and nothing bad to say."""
    nothing = [field.name for field in fields(GOOD) if field.name != "wanted"]
    levels = {finding.level for finding in judge(unread(GOOD, nothing, REASON))}
    assert {Level.UNKNOWN} == levels
