"""The lines of a recording: each question that there is has one."""

import typing

import pytest

from tests.machines import LAPTOP, container, pod
from weka_cpuset.engine import CpuSet, Create, Ledger, Phase, Reported
from weka_cpuset.questions import Enforced, Happened, Machine, Question, Report, ask
from weka_cpuset.record.lines import Asked, Start, parse, plain_answer, render_entry, render_start
from weka_cpuset.record.recorder import Answer, Entry

QUESTIONS: tuple[Question, ...] = (
    Happened(Create(pod("a"), container("a")), 3),
    Report(LAPTOP, (pod("a"),), (Reported(container("a", cpus="1"), Phase.RUNNING),)),
    Machine(LAPTOP),
    Enforced({"a": CpuSet.of([1])}),
)


def test_every_kind_of_question_is_tried() -> None:
    """A new kind of question is missed here before it is missed in a recording."""
    assert {type(one) for one in QUESTIONS} == set(typing.get_args(Question))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: type(one).__name__)
def test_a_question_is_read_as_it_was_asked(question: Question) -> None:
    """Number, time, question and answer come back."""
    answer = Answer.of(ask(Ledger.empty(LAPTOP), question))
    line = render_entry(Entry(7, 1.5, question, answer, None, 0))
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    expected = Asked(7, "1970-01-01T00:00:01.500Z", question, plain_answer(answer))
    assert expected == parse(line)


def test_a_start_is_read_as_it_was_written() -> None:
    """Version, settings, loss and ledger come back."""
    start = Start("1.2", {"cpus.reserved": "0"}, 3, Ledger.empty(LAPTOP))
    assert start == parse(render_start(start))
