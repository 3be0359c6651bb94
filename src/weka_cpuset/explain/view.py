"""What is known when somebody asks why: a ledger, and how it came to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from weka_cpuset.engine import Holding, Ledger
from weka_cpuset.journal.entry import Line
from weka_cpuset.record.plain import NotPlain, from_plain, to_plain

SCHEMA = 1
"""The number of the form of `LedgerPage`; another one means that old readers would err."""


@dataclass(frozen=True)
class View:
    """What is known.

    Attributes:
        source: Where it is from, for people.
        at_s: The moment it is of, in seconds since 1970; in a simulation, since its start.
        ledger: The ledger of that moment.
        since_s: Since when containers have their cpus, in the same seconds.
        lines: The journal up to then, oldest first; it may begin anywhere.
    """

    source: str
    at_s: float
    ledger: Ledger
    since_s: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True):
    """What `/ledger.json` has: all that the engine knows, for `weka-cpuset explain`."""

    schema: int = SCHEMA
    """The number of this form: 1."""
    version: str
    """The agent's version; another one may not be able to read the ledger."""
    node: str
    """The host's name."""
    at: float
    """The moment it is of, in seconds since 1970."""
    decisions: int
    """The number of the journal's last entry at that moment."""
    since: dict[str, float]
    """Since when each container has its cpus, in the same seconds."""
    ledger: object = None
    """The ledger as a recording has it."""

    def write(self, ledger: Ledger) -> bytes:
        """Return the page with a ledger, as JSON."""
        return msgspec.json.encode(msgspec.structs.replace(self, ledger=to_plain(ledger)))


class WrongPage(Exception):
    """An agent's ledger cannot be read.

    Attributes:
        problem: What is wrong.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem}; use the program of the agent's own version"


def view_of(page: bytes, lines: tuple[Line, ...]) -> View:
    """Return what an agent's pages say.

    Args:
        page: Its `/ledger.json`.
        lines: Its journal, which may have been asked for later.

    Raises:
        WrongPage: The page is none that this version can read.
    """
    try:
        known = msgspec.json.decode(page, type=LedgerPage)
        if known.schema != SCHEMA:
            raise WrongPage(f"the ledger has the form {known.schema}, and known is {SCHEMA}")
        ledger = from_plain(Ledger, known.ledger)
    except (msgspec.DecodeError, NotPlain) as error:
        raise WrongPage(f"the ledger cannot be read: {error}") from error
    upto = tuple(line for line in lines if line.number <= known.decisions)
    return View(f"agent {known.version} on {known.node}", known.at, ledger, known.since, upto)


class NoSuchContainer(Exception):
    """A name stands for no live container, or for several.

    Attributes:
        name: The name.
        several: The containers that it stands for; empty: none.
        known: All live containers.
    """

    def __init__(self, name: str, several: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(name, several, known)
        self.name = name
        self.several = several
        self.known = known

    def __str__(self) -> str:
        if self.several:
            return f"{self.name!r} stands for {', '.join(self.several)}; name one of them"
        shown = ", ".join(self.known[:_SHOWN_MAX]) or "none"
        more = ", ..." if len(self.known) > _SHOWN_MAX else ""
        return f"no live container is called {self.name!r}; there are: {shown}{more}"


_SHOWN_MAX = 20
"""So many containers are listed in an error."""


def find(ledger: Ledger, name: str) -> Holding:
    """Return the live container that a name stands for.

    Args:
        ledger: The book.
        name: Its id or the beginning of that; `namespace/pod/container`, or a part of that
            which can only mean one: `namespace/pod`, `pod/container`, `pod`.

    Raises:
        NoSuchContainer: There is none, or several.
    """
    live = sorted(ledger.holdings(), key=lambda one: (one.label, one.id))
    found = [one for one in live if one.id == name] or [one for one in live if one.label == name]
    found = found or [
        one for one in live if one.id.startswith(name) or f"/{name}/" in f"/{one.label}/"
    ]
    if not name or len(found) != 1:
        several = tuple(f"{one.label} ({one.id})" for one in found) if name else ()
        raise NoSuchContainer(name, several, tuple(one.label for one in live))
    return found[0]
