"""Lines of the timeline."""

import pytest

from nodesim.report import Entry, EntryKind
from nodesim.timeline import STYLES, line_of


@pytest.mark.parametrize("kind", EntryKind)
def test_each_kind_has_a_line_with_everything(kind: EntryKind) -> None:
    """Time, kind, subject and text are there, in this order."""
    line = line_of(Entry(1.05, kind, "default/web/main", "0-7 -> 2-7")).plain

    parts = ["1.050 s", kind.value, "default/web/main", "0-7 -> 2-7"]
    assert [line.index(part) for part in parts] == sorted(line.index(part) for part in parts)
    assert kind in STYLES


def test_lines_are_aligned() -> None:
    """Texts stand below each other as long as subjects are not very long."""
    lines = [
        line_of(Entry(at_s, kind, subject, "text")).plain
        for at_s, kind, subject in (
            (0.0, EntryKind.EVENT, "a"),
            (1234.5, EntryKind.VIOLATION, "default/a-longer-one/container"),
        )
    ]

    assert len({line.index("text") for line in lines}) == 1


def test_a_long_subject_is_not_cut() -> None:
    """Names are evidence."""
    subject = "namespace/" + "x" * 200

    assert subject in line_of(Entry(0.0, EntryKind.CHANGE, subject, "0-1")).plain
