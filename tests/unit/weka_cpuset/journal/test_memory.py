"""The journal in memory: the last decisions that changed something."""

from weka_cpuset.decided import Decided, Moved
from weka_cpuset.engine import CpuSet
from weka_cpuset.journal.entry import line_of
from weka_cpuset.journal.memory import Journal

PLACED = Decided("CreateContainer", "placed", "a", after=CpuSet.parse("0-1"))
STARTED = PLACED._replace(outcome="started", before=PLACED.after)


def test_keeps_the_last_entries_in_order() -> None:
    journal = Journal(3, lambda: 7.0)
    for _ in range(5):
        journal.add(PLACED)
    assert [3, 4, 5] == [one.number for one in journal.since(0)]
    assert [5] == [one.number for one in journal.since(4)]
    assert [] == journal.since(5)
    assert {7.0} == {one.at_s for one in journal.since(0)}


def test_keeps_only_what_changed_something() -> None:
    journal = Journal(3, lambda: 0.0)
    journal.add(STARTED)
    assert [] == journal.since(0)


def test_counts_what_the_file_did_not_take() -> None:
    journal = Journal(3, lambda: 0.0)
    journal.put = lambda _: False
    journal.add(PLACED)
    assert 1 == journal.lost
    assert 1 == len(journal.since(0))


def test_entry_is_shown_with_before_and_after() -> None:
    moved = Moved("b", "default/b/main", CpuSet.parse("0-1"), CpuSet.parse("2-3"))
    journal = Journal(1, lambda: 0.0)
    journal.add(PLACED._replace(moves=(moved,), kind="annotated"))
    (entry,) = journal.since(0)
    line = line_of(entry)
    assert ("", "0-1", "annotated") == (line.before, line.after, line.kind)
    assert ("default/b/main", "0-1", "2-3") == (
        line.moves[0].container,
        line.moves[0].before,
        line.moves[0].after,
    )
