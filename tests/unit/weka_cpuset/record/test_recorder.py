"""The handler's side of a recording: bounded, and it says what is missing."""

from pathlib import Path

import pytest

from tests.machines import SERVER, container, pod
from tests.recordings import SETTINGS, Session
from weka_cpuset.engine import CORES_ANNOTATION, CpuSet, Create, Ledger, Phase, PodFacts, Reported
from weka_cpuset.questions import Happened, Machine, Question, Report, ask
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import TEXT_WEIGHT, Entry, Recorder
from weka_cpuset.record.repeat import repeat


class Shelf:
    """A sink with room for a few entries, which are written when somebody says so."""

    def __init__(self, room: int) -> None:
        self.ledgers_wanted = 1
        self.entries: list[Entry] = []
        self._room = room

    def put(self, entry: Entry) -> bool:
        """Take an entry if there is room."""
        if len(self.entries) == self._room:
            return False
        self.entries.append(entry)
        return True


def recorded(question: Question) -> Entry:
    """Return the entry of a question to the engine of an empty node."""
    shelf, ledger = Shelf(1), Ledger.empty(SERVER)
    Recorder(shelf, lambda: 0.0).record(ledger, question, ask(ledger, question))
    return shelf.entries[0]


def test_the_ledger_is_brought_once_when_it_is_asked_for() -> None:
    """Other entries keep no ledger alive, of which there would soon be thousands."""
    shelf = Shelf(100)
    session = Session(1, shelf)
    session.go_on(10)
    shelf.ledgers_wanted += 1
    session.go_on(10)
    brings = [entry.number for entry in shelf.entries if entry.before is not None]
    assert [1, 11] == brings


def test_lost_entries_are_counted_and_followed_by_the_ledger(tmp_path: Path) -> None:
    """A replay goes on behind a loss, and says how many events are missing."""
    shelf = Shelf(10)
    session = Session(1, shelf)
    file = RecordFile(tmp_path / "recording", 1 << 22, SETTINGS)
    for _ in range(3):
        session.go_on(25)
        for entry in shelf.entries:
            file.write(entry)
        shelf.entries.clear()
    file.close()
    with (tmp_path / "recording").open("rb") as lines:
        found = repeat(lines, lambda _: None)
    assert (found.questions, found.lost, found.starts) == (30, 30, 3)
    assert found.difference is None


def test_a_refusal_keeps_nothing_of_its_making_alive() -> None:
    """A queued refusal has its fields, and no traceback with all that is in its frames."""
    entry = recorded(Happened(Create(pod("a", cores="0-99"), container("a"))))
    assert entry.answer.refusal is not None
    assert entry.answer.refusal.__traceback__ is None
    assert entry.answer.refusal.__cause__ is None


@pytest.mark.parametrize(
    ("question", "weight"),
    [
        (Happened(Create(pod("a"), container("a"))), 1),
        (Happened(Create(None, container("a"))), 1),
        (Happened(Create(pod("a", cores="x" * TEXT_WEIGHT * 8), container("a"))), 9),
        (Machine(SERVER), 1),
        (Report(SERVER, [], [Reported(container("a", cpus="0-31"), Phase.RUNNING)]), 2),
    ],
)
def test_an_entry_weighs_what_it_keeps_alive(question: Question, weight: int) -> None:
    """Long reports and long texts fill the queue sooner than small events."""
    assert recorded(question).weight == weight


def test_annotations_of_a_report_count() -> None:
    """A report with long annotations weighs as much as the events that brought them."""
    long = PodFacts("p", annotations={CORES_ANNOTATION: "0" * TEXT_WEIGHT * 5})
    assert recorded(Report(SERVER, [long], [])).weight == 6


def test_a_move_to_other_cpus_is_recorded() -> None:
    """The machine itself is a part of the question."""
    entry = recorded(Machine(SERVER))
    assert entry.question == Machine(SERVER)
    assert entry.answer.pool == CpuSet.of(range(32))
