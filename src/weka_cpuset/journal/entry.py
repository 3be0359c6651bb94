"""One entry of the journal: in memory as it was decided, and as JSON for everybody else."""

from typing import NamedTuple

import msgspec

from weka_cpuset.decided import Decided


class Entry(NamedTuple):
    """A decision with its number and time.

    Attributes:
        number: Its number since the agent's start, from 1.
        at_s: When, in seconds since 1970.
        decided: The decision.
    """

    number: int
    at_s: float
    decided: Decided


class MoveLine(msgspec.Struct, frozen=True):
    """A container that was given other cpus for the sake of another one."""

    id: str
    """Its id."""
    container: str
    """Its name: namespace/pod/container."""
    before: str
    """Its cpus up to now, as a list such as `0,2-3`."""
    after: str
    """Its cpus from now on."""


class Line(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """An entry as JSON: in `/journal.json`, in `/events` and in the journal's file."""

    number: int
    """Its number since the agent's start, from 1."""
    at: float
    """When, in seconds since 1970."""
    event: str
    """The runtime's event, or Hotplug, Settle or Dead."""
    outcome: str
    """placed, unchanged, released, adopted, refused, or rebuilt (the whole ledger)."""
    id: str = ""
    """The container's id; of the pod, if the whole pod ends."""
    container: str = ""
    """Its name: namespace/pod/container."""
    kind: str = ""
    """Its class: annotated, integer or shared; empty if it was refused before it had one."""
    before: str = ""
    """Its cpus before, as a list such as `0,2-3`; with Hotplug: the machine's."""
    after: str = ""
    """Its cpus after."""
    moves: tuple[MoveLine, ...] = ()
    """Containers that were given other cpus for its sake."""
    updates: int = 0
    """How many containers are told other cpus with it."""
    refusal: str = ""
    """The type of the refusal; empty if there is none."""
    reason: str = ""
    """The refusal in words, or why others are told something."""
    notices: tuple[str, ...] = ()
    """What was odd."""
    pool: str = ""
    """The pool after it."""
    took_us: int = 0
    """How long the decision took, in microseconds."""


def line_of(entry: Entry) -> Line:
    """Return an entry as it is shown."""
    one = entry.decided
    return Line(
        entry.number,
        round(entry.at_s, 6),
        one.event,
        one.outcome,
        one.id,
        one.container,
        one.kind,
        str(one.before),
        str(one.after),
        tuple(
            MoveLine(move.id, move.container, str(move.before), str(move.after))
            for move in one.moves
        ),
        one.updates,
        one.refusal,
        one.reason,
        tuple(map(str, one.notices)),
        str(one.pool),
        one.took_us,
    )
