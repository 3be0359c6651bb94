"""The lines of a recording: JSON objects, one each, for people and for `replay`.

A start has the ledger that the next question is asked of. It is the first line of a file,
and stands wherever the agent has started anew or something was lost. All other lines are
a question to the engine with its answer. An empty line follows one that could not be
written whole.
"""

import dataclasses
import datetime
from collections.abc import Mapping

import msgspec

from weka_cpuset.engine import Ledger
from weka_cpuset.questions import Enforced, Happened, Machine, Question, Report
from weka_cpuset.record.plain import NotPlain, Plain, from_plain, to_plain
from weka_cpuset.record.recorder import Answer, Entry

FORMAT = 1
"""Raised when a reader of today could no longer read the lines."""

_NAMES: Mapping[type[Question], str] = {
    Happened: "happened",
    Report: "report",
    Machine: "machine",
    Enforced: "enforced",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """Where a replay can begin.

    Attributes:
        version: The agent's version.
        settings: The settings that bear on replies, as texts for people; what the engine
            uses of them is in the ledger too.
        lost: How many questions since the last one in this file are not recorded.
        ledger: The ledger.
    """

    version: str
    settings: Mapping[str, str]
    lost: int
    ledger: Ledger


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A question to the engine, and its answer then.

    Attributes:
        number: Its number since the agent's start.
        at: When it was asked, in UTC.
        question: The question.
        answer: The answer in its plain form.
    """

    number: int
    at: str
    question: Question
    answer: Mapping[str, Plain]


class NoLine(Exception):
    """A line is not one of a recording.

    Args:
        problem: What is wrong with it.
        whole: Whether it is JSON at all; False for one that was cut off.
    """

    def __init__(self, problem: str, *, whole: bool) -> None:
        super().__init__(problem, whole)
        self.problem = problem
        self.whole = whole

    def __str__(self) -> str:
        return self.problem


def render_start(start: Start) -> bytes:
    """Return a start as a line."""
    return _line(
        {
            "recording": FORMAT,
            "version": start.version,
            "settings": start.settings,
            "lost": start.lost,
            "ledger": to_plain(start.ledger),
        }
    )


def render_entry(entry: Entry) -> bytes:
    """Return a question and its answer as a line."""
    return _line(
        {
            "number": entry.number,
            "at": _time(entry.at_s),
            _NAMES[type(entry.question)]: to_plain(entry.question),
            "answer": plain_answer(entry.answer),
        }
    )


def plain_answer(answer: Answer) -> dict[str, Plain]:
    """Return what is recorded of an answer; what is empty in it is left out."""
    values = {name: getattr(answer, name) for name in answer._fields}
    return {name: to_plain(value) for name, value in values.items() if value or name == "pool"}


def parse(line: bytes) -> Start | Asked:
    """Return what a line says.

    Raises:
        NoLine: It is not a line of a recording that this version can read.
    """
    try:
        values = msgspec.json.decode(line, type=dict)
    except msgspec.DecodeError as error:
        raise NoLine(str(error), whole=False) from error
    try:
        return _start(values) if "recording" in values else _asked(values)
    except KeyError as error:
        raise NoLine(f"{error} is missing", whole=True) from error
    except (NotPlain, msgspec.ValidationError) as error:
        raise NoLine(str(error), whole=True) from error


def _start(values: dict[str, Plain]) -> Start:
    if values["recording"] != FORMAT:
        problem = f"has format {values['recording']}; this version reads format {FORMAT}"
        raise NoLine(problem, whole=True)
    return Start(
        msgspec.convert(values["version"], str),
        msgspec.convert(values["settings"], dict[str, str]),
        msgspec.convert(values["lost"], int),
        from_plain(Ledger, values["ledger"]),
    )


def _asked(values: dict[str, Plain]) -> Asked:
    kinds = [kind for kind, name in _NAMES.items() if name in values]
    if not kinds:
        raise NoLine("is no question that this version knows", whole=True)
    return Asked(
        msgspec.convert(values["number"], int),
        msgspec.convert(values["at"], str),
        from_plain(kinds[0], values[_NAMES[kinds[0]]]),
        msgspec.convert(values["answer"], dict),
    )


def _time(at_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(at_s, tz=datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(values: dict[str, object]) -> bytes:
    return msgspec.json.encode(values) + b"\n"
