"""What a recording tells: the ledger at its end, and the journal on the way there."""

import datetime
from collections.abc import Iterable, Iterator

from weka_cpuset.decided import Decided, decided_on, placed_late, rebuilt_on, with_asker
from weka_cpuset.engine import (
    Create,
    Dead,
    Decision,
    Doubt,
    Event,
    Found,
    Ledger,
    PodRemove,
    PodStop,
    Rebuilt,
    Remove,
    Seen,
    Settle,
    Stop,
    Update,
)
from weka_cpuset.explain.view import View
from weka_cpuset.journal.entry import line_of
from weka_cpuset.journal.memory import Journal
from weka_cpuset.observer import Observer
from weka_cpuset.questions import Happened, Machine, Question, ask
from weka_cpuset.record.lines import NoLine, Start, parse
from weka_cpuset.record.repeat import Unreadable

LINES_MAX = 100_000
"""So many decisions of a recording are remembered, the last ones: as many as a journal can keep."""


def view_of_recording(lines: Iterable[bytes], source: str) -> View:
    """Ask the engine what a recording asked, and keep what its answers changed.

    Args:
        lines: The lines of the file.
        source: What the view is called.

    Returns:
        The view of the recording's end.

    Raises:
        Unreadable: It is no recording that this version can read.
    """
    at_s = 0.0

    def now_s() -> float:
        return at_s

    observer = Observer(Journal(LINES_MAX, now_s), now_s)
    ledger: Ledger | None = None
    last: Ledger | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            parsed = parse(line)
        except NoLine as error:
            if error.whole or last is None:
                raise Unreadable(number, str(error)) from error
            ledger = None  # cut off: what follows it cannot be asked, up to a start
            continue
        if isinstance(parsed, Start):
            ledger = last = parsed.ledger
            # What was before is another life, or followed by something that is not known.
            observer = Observer(Journal(LINES_MAX, now_s), now_s)
            continue
        if ledger is None:
            raise Unreadable(number, "the ledger that this line follows is not recorded")
        at_s = datetime.datetime.fromisoformat(parsed.at).timestamp()
        answer = ask(ledger, parsed.question)
        for one in _changed(ledger, parsed.question, answer):
            observer.decided(one)
        ledger = last = answer.ledger
    if last is None:
        raise Unreadable(0, "it is no recording of weka-cpuset")
    since_s = {one.id: observer.since_s(one.id) for one in last.holdings()}
    return View(source, at_s, last, since_s, tuple(map(line_of, observer.journal.since(0))))


def _changed(before: Ledger, question: Question, answer: Decision | Rebuilt) -> Iterator[Decided]:
    """Tell what an answer has changed, as the agent told it."""
    if isinstance(answer, Rebuilt):
        of_machine = isinstance(question, Machine)
        event = "Hotplug" if of_machine else "Synchronize"
        yield rebuilt_on(event, before, answer, 0, of_machine=of_machine)
    elif isinstance(question, Happened):
        for name, subject in _subjects(question.event):
            yield with_asker(decided_on(name, subject, before, answer), question.event)
        yield from placed_late(before, answer)


def _subjects(event: Event) -> Iterator[tuple[str, str]]:
    """Yield what the runtime calls an event, and the ids that it is about."""
    match event:
        case Create(_, container):
            yield "CreateContainer", container.id
        case Update(_, container):
            yield "UpdateContainer", container.id
        case Seen(_, container):
            yield "StateChange", container.id
        case Stop(one):
            yield "StopContainer", one
        case Remove(one):
            yield "RemoveContainer", one
        case PodStop(one):
            yield "StopPodSandbox", one
        case PodRemove(one):
            yield "RemovePodSandbox", one
        case Dead(ids):
            yield from (("Dead", one) for one in sorted(ids))
        case Settle() | Doubt() | Found():
            return
