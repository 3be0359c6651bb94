"""The handler's side of a recording: entries in memory, nothing that waits.

An entry holds references to immutable values of the engine; turning them into text is
the sink's work. It does not hold the ledger that follows, as a queue of these would keep
thousands of them alive. Where a recording must be able to start (at its beginning, in a new
file, after a loss) the sink asks for the ledger, and the next entry brings it along.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, assert_never

from weka_cpuset.engine import (
    Adjustment,
    CpuSet,
    CpusetUpdate,
    Decision,
    Ledger,
    Move,
    Notice,
    Outcome,
    PodFacts,
    Rebuilt,
    Refusal,
)
from weka_cpuset.questions import Enforced, Happened, Machine, Question, Report

TEXT_WEIGHT = 256
"""So many characters of annotations weigh as much as one update."""


class Answer(NamedTuple):
    """What the engine answered: all of a decision that anybody can see.

    Attributes:
        outcome: What became of the event; None after a report.
        adjustment: The container's own cpuset.
        updates: Those of others, in order.
        moves: Integer containers that were given other cpus.
        refusal: Why nothing was done.
        notices: What was odd.
        pool: The pool of the new ledger.
    """

    outcome: Outcome | None
    adjustment: Adjustment | None
    updates: tuple[CpusetUpdate, ...]
    moves: tuple[Move, ...]
    refusal: Refusal | None
    notices: tuple[Notice, ...]
    pool: CpuSet

    @classmethod
    def of(cls, answer: Decision | Rebuilt) -> "Answer":
        """Return the visible part of an engine's answer."""
        if isinstance(answer, Rebuilt):
            return cls(
                None,
                None,
                answer.updates,
                answer.moves,
                None,
                answer.notices,
                answer.ledger.pool,
            )
        return cls(
            answer.outcome,
            answer.adjustment,
            answer.updates,
            answer.moves,
            answer.refusal,
            answer.notices,
            answer.ledger.pool,
        )


class Entry(NamedTuple):
    """One question to the engine, and its answer.

    Attributes:
        number: Its number since the agent's start, from 1.
        at_s: When, in seconds since 1970 (in a simulation: since its start).
        question: The question.
        answer: The answer.
        before: The ledger before it, if the sink has asked for it.
        lost: How many entries before this one were lost on the way to the sink.
    """

    number: int
    at_s: float
    question: Question
    answer: Answer
    before: Ledger | None
    lost: int

    @property
    def weight(self) -> int:
        """About how much memory it keeps alive, in units of one update."""
        weight = 1 + len(self.answer.updates)
        if self.before is not None:
            weight += len(self.before)
        match self.question:
            case Happened(event):
                return weight + _text_weight(getattr(event, "pod", None))
            case Report(_, pods, containers):
                return weight + len(containers) + sum(map(_text_weight, pods))
            case Enforced(cpus):
                return weight + len(cpus)
            case Machine():
                return weight
            case _ as never:
                assert_never(never)


class Sink(Protocol):
    """Where entries go."""

    @property
    def ledgers_wanted(self) -> int:
        """How often it has asked that an entry bring the ledger before it."""

    def put(self, entry: Entry) -> bool:
        """Take an entry without waiting; tell whether there was room for it."""


class Recorder:
    """Makes the entries of a recording. All calls are made on the event loop's thread.

    Args:
        sink: Where entries go.
        now_s: Returns the time, in seconds.
    """

    def __init__(self, sink: Sink, now_s: Callable[[], float]) -> None:
        self._sink = sink
        self._now_s = now_s
        self._number = 0
        self._lost = 0
        self._ledgers_brought = 0

    def record(self, before: Ledger, question: Question, answer: Decision | Rebuilt) -> None:
        """Record a question and its answer.

        Args:
            before: The ledger that it was asked of.
            question: The question.
            answer: The engine's answer.
        """
        self._number += 1
        wanted = self._sink.ledgers_wanted
        brings = self._lost or wanted != self._ledgers_brought
        entry = Entry(
            self._number,
            self._now_s(),
            question,
            _without_traceback(Answer.of(answer)),
            before if brings else None,
            self._lost,
        )
        if self._sink.put(entry):
            self._lost = 0
            self._ledgers_brought = wanted
        else:
            self._lost += 1


def _without_traceback(answer: Answer) -> Answer:
    """Return an answer that keeps nothing of the work alive that has led to a refusal."""
    if answer.refusal is None:
        return answer
    refusal = answer.refusal
    return answer._replace(refusal=type(refusal)(**vars(refusal)))


def _text_weight(pod: PodFacts | None) -> int:
    annotations: Mapping[str, str] = pod.annotations if pod is not None else {}
    return sum(map(len, annotations.values())) // TEXT_WEIGHT
