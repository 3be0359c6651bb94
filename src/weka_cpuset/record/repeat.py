"""Ask today's engine what a recording asked, and compare the answers."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import msgspec

from weka_cpuset.engine import Ledger
from weka_cpuset.questions import Question, ask
from weka_cpuset.record.lines import Asked, NoLine, Start, parse, plain_answer
from weka_cpuset.record.plain import Plain
from weka_cpuset.record.recorder import Answer


class Unreadable(Exception):
    """A file is no recording, or one that this version cannot read.

    Args:
        line: The number of the line, from 1; 0 for the file as a whole.
        problem: What is wrong.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}" if self.line else self.problem


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A question that is answered differently today.

    Attributes:
        asked: The question and the recorded answer.
        today: Today's answer, in its plain form.
    """

    asked: Asked
    today: Mapping[str, Plain]


@dataclasses.dataclass(slots=True)
class Outcome:
    """What a replay has found.

    Attributes:
        questions: How many questions were asked again.
        lost: How many are missing from the recording.
        starts: How often it begins anew: at its beginning, after an agent's start, after
            a loss.
        cut_lines: The numbers of the lines that were not written to their ends.
        versions: The versions of the agent that recorded, in order.
        difference: The first difference, or None.
    """

    questions: int = 0
    lost: int = 0
    starts: int = 0
    cut_lines: list[int] = dataclasses.field(default_factory=list)
    versions: list[str] = dataclasses.field(default_factory=list)
    difference: Difference | None = None


def repeat(lines: Iterable[bytes], each: Callable[[Asked], None]) -> Outcome:
    """Ask the questions of a recording again, up to the first difference.

    Args:
        lines: The lines of the file.
        each: Is called with each question that was answered as it was then.

    Returns:
        What was found.

    Raises:
        Unreadable: It is no recording that this version can read.
    """
    outcome = Outcome()
    ledger: Ledger | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parsed = _parsed(number, line, outcome)
        match parsed:
            case None:
                # What was cut off cannot be asked, nor what follows it, up to a start.
                ledger = None
            case Start():
                outcome.starts += 1
                outcome.lost += parsed.lost
                if parsed.version not in outcome.versions:
                    outcome.versions.append(parsed.version)
                ledger = parsed.ledger
            case Asked():
                if ledger is None:
                    problem = "the ledger that this line follows is not recorded"
                    raise Unreadable(number, problem)
                ledger, today = _ask(ledger, parsed.question)
                outcome.questions += 1
                if today != parsed.answer:
                    outcome.difference = Difference(parsed, today)
                    return outcome
                each(parsed)
    if not outcome.starts:
        raise Unreadable(0, "it is no recording of weka-cpuset")
    return outcome


def _parsed(number: int, line: bytes, outcome: Outcome) -> Start | Asked | None:
    """Return what a line says, or None for one that was cut off."""
    try:
        return parse(line)
    except NoLine as error:
        if error.whole or not outcome.starts:
            raise Unreadable(number, str(error)) from error
        outcome.cut_lines.append(number)
        return None


def _ask(ledger: Ledger, question: Question) -> tuple[Ledger, Mapping[str, Plain]]:
    """Return the ledger after a question, and the answer as a recording would have it."""
    try:
        answer = ask(ledger, question)
    except Exception as error:  # noqa: BLE001  # a defect of today is a difference, too
        return ledger, {"error": f"{type(error).__name__}: {error}"}
    plain = msgspec.json.decode(msgspec.json.encode(plain_answer(Answer.of(answer))), type=dict)
    return answer.ledger, plain
