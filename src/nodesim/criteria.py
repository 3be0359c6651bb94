"""The operators' acceptance test: its six success criteria, judged on what was seen.

They are the same wherever the test is run: on a simulated host, and on a real node.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen during the test.

    Attributes:
        scope: How long the test was, in words, such as `200 rounds`.
        restarts: How often the agent ended and was started again.
        disconnects: How often it lost its connection to the runtime.
        created: How many pods were created.
        refused: How many creations were refused.
        completed: How many pods ran to their own end.
        looks: How often pods, cpus and the runtime were looked at.
        unmet: What was not as expected, one text for each look.
        broken_rules: Where a rule of placement was broken, one text each.
        failed_updates: How many updates were made to fail on purpose; None: the test cannot
            make any fail.
        changes: Changes of shared containers while they ran, such as `label: 0-7 -> 0-5`.
        log: The agent's log, one line each; None: it cannot be read.
    """

    scope: str
    restarts: int
    disconnects: int
    created: int
    refused: int
    completed: int
    looks: int
    unmet: tuple[str, ...]
    broken_rules: tuple[str, ...]
    failed_updates: int | None
    changes: tuple[str, ...]
    log: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the test's success criteria.

    Attributes:
        title: What is asked for.
        met: Whether it is so.
        evidence: What was seen.
    """

    title: str
    met: bool
    evidence: str


def criteria_of(seen: Evidence) -> tuple[Criterion, ...]:
    """Judge the test by its own six success criteria.

    Args:
        seen: What was seen.
    """
    return (
        Criterion(
            "Plugin stability",
            seen.restarts == 0 and seen.disconnects == 0,
            f"{times(seen.restarts, 'restart')} and "
            f"{times(seen.disconnects, 'lost connection')} in {seen.scope}",
        ),
        Criterion(
            "Container handling",
            not seen.unmet and not seen.refused,
            f"{seen.created} pods created, {seen.refused} refused, "
            f"{seen.completed} ran to their own end; {seen.looks - len(seen.unmet)} of "
            f"{seen.looks} looks at pods and cpus as expected{_first_of(seen.unmet)}",
        ),
        _removal(seen),
        _resilience(seen),
        Criterion(
            "Shared pool updates",
            bool(seen.changes),
            f"{times(len(seen.changes), 'change')} of shared containers while they ran, such as "
            f"{seen.changes[0]}"
            if seen.changes
            else "none",
        ),
        _log_evidence(seen),
    )


def show(console: Console, criteria: Sequence[Criterion]) -> None:
    """Print the criteria one by one, each with its evidence.

    Args:
        console: Where to.
        criteria: The criteria.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    for number, one in enumerate(criteria, start=1):
        word = Text("PASS", "bold green") if one.met else Text("FAIL", "bold red")
        table.add_row(word, f"{number}. {one.title}", one.evidence)
    console.print(table)
    met = sum(one.met for one in criteria)
    style = "bold green" if met == len(criteria) else "bold red"
    console.print(f"\n{met} of {len(criteria)} criteria met", style=style)


def times(count: int, noun: str) -> str:
    """Return a count with its noun, such as `1 restart` and `0 restarts`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _removal(seen: Evidence) -> Criterion:
    removed = _count(seen.log or (), "Removing container")
    return Criterion(
        "Graceful removal",
        not seen.broken_rules and removed >= seen.created,
        f"{removed} containers removed, rules of placement "
        f"broken {times(len(seen.broken_rules), 'time')}{_first_of(seen.broken_rules)}",
    )


def _resilience(seen: Evidence) -> Criterion:
    """Judge whether failing updates are logged and the agent goes on."""
    log = seen.log or ()
    warnings = _count(log, "WARNING") + _count(log, "ERROR")
    lives = seen.restarts == 0 and seen.log is not None and not _count(log, "Traceback")
    if seen.failed_updates is None:
        told = f"{times(warnings, 'warning')} in the log; nothing was made to fail on purpose"
        return Criterion("Error resilience", lives, told)
    return Criterion(
        "Error resilience",
        lives and bool(seen.failed_updates and warnings),
        f"{times(seen.failed_updates, 'update')} of a container made to fail on purpose; "
        f"{times(warnings, 'warning')} in the log, and the agent went on",
    )


def _log_evidence(seen: Evidence) -> Criterion:
    if seen.log is None:
        return Criterion("Log evidence", met=False, evidence="the agent's log cannot be read")
    removed = _count(seen.log, "Removing container")
    released = _count(seen.log, "container removal")
    crashes = _count(seen.log, "Traceback")
    return Criterion(
        "Log evidence",
        bool(removed and released) and not crashes,
        f"{removed} lines with `Removing container`, {released} with `container removal`, "
        f"{crashes} with a crash",
    )


def _first_of(texts: Sequence[str]) -> str:
    return f"; the first: {texts[0]}" if texts else ""


def _count(lines: Iterable[str], text: str) -> int:
    return sum(text in line for line in lines)
