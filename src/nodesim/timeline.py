"""The timeline of a simulation as lines: when, what kind, whom it concerns, what happened."""

from collections.abc import Mapping

from rich.text import Text

from nodesim.report import Entry, EntryKind

STYLES: Mapping[EntryKind, str] = {
    EntryKind.ACTION: "bold",
    EntryKind.EVENT: "dim",
    EntryKind.CHANGE: "",
    EntryKind.REFUSAL: "yellow",
    EntryKind.AGENT: "cyan",
    EntryKind.RUNTIME: "cyan",
    EntryKind.FAULT: "magenta",
    EntryKind.EXPECT: "green",
    EntryKind.VIOLATION: "bold red",
}

_KIND_WIDTH = max(len(kind) for kind in EntryKind)
_SUBJECT_WIDTH = 32
"""Columns for the subject; a longer one pushes its text to the right."""


def line_of(entry: Entry) -> Text:
    """Return the line of an entry, such as `  1.050 s  change  default/web/main  0-7 -> 2-7`."""
    text = f"{entry.at_s:9.3f} s  {entry.kind.value:<{_KIND_WIDTH}}  "
    subject = f"{entry.subject:<{_SUBJECT_WIDTH}}  " if entry.subject else ""
    return Text(f"{text}{subject}{entry.text}", style=STYLES[entry.kind])
