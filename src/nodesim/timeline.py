"""The timeline of a simulation: its lines, and which containers were refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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

REFUSALS_MAX = 20
"""How many refused containers are kept; more are counted."""

_KIND_WIDTH = max(len(kind) for kind in EntryKind)
_SUBJECT_WIDTH = 32
"""Columns for the subject; a longer one pushes its text to the right."""


def line_of(entry: Entry) -> Text:
    """Return the line of an entry, such as `  1.050 s  change  default/web/main  0-7 -> 2-7`."""
    text = f"{entry.at_s:9.3f} s  {entry.kind.value:<{_KIND_WIDTH}}  "
    subject = f"{entry.subject:<{_SUBJECT_WIDTH}}  " if entry.subject else ""
    return Text(f"{text}{subject}{entry.text}", style=STYLES[entry.kind])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A container that the agent refused.

    Attributes:
        subject: The container, `namespace/pod/container`.
        reason: The agent's reason, the first time.
        at_s: When that was, in simulated seconds.
        times: How often it was refused; a kubelet tries again and again.
    """

    subject: str
    reason: str
    at_s: float
    times: int = 1


class Refusals:
    """Collects the refusals of a timeline, one for each container.

    Attributes:
        more: How many containers were refused beyond the first `REFUSALS_MAX`, tries counted.
    """

    def __init__(self) -> None:
        self.more = 0
        self._found: dict[str, Refusal] = {}

    @property
    def found(self) -> tuple[Refusal, ...]:
        """The refused containers, in the order of their first refusal."""
        return tuple(self._found.values())

    def add(self, entry: Entry) -> None:
        """Take note of an entry, if it is a refusal."""
        if entry.kind is not EntryKind.REFUSAL:
            return
        known = self._found.get(entry.subject)
        if known is not None:
            self._found[entry.subject] = replace(known, times=known.times + 1)
        elif len(self._found) < REFUSALS_MAX:
            self._found[entry.subject] = Refusal(entry.subject, entry.text, entry.at_s)
        else:
            self.more += 1
