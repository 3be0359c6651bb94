"""A check's result, for people and for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from weka_cpuset.check.finding import Finding, Level

FORMAT = 1
"""The version of the JSON format; it grows when a reader of the last one could break."""

_STYLES: Mapping[Level, str] = {
    Level.OK: "green",
    Level.WARNING: "yellow",
    Level.PROBLEM: "bold red",
    Level.UNKNOWN: "cyan",
}


class Report(msgspec.Struct, frozen=True):
    """The JSON document: the format's version, how many of each level, and the findings."""

    format: int
    counts: dict[str, int]
    findings: tuple[Finding, ...]


def to_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON, the same text for the same findings.

    Args:
        findings: What was found, in the order of the topics.
    """
    report = Report(FORMAT, _count(findings), tuple(findings))
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def to_console(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings, one below the other, each with its remedy, and a line of counts.

    Args:
        findings: What was found.
        console: Where to; its width and colours are those of the terminal.
    """
    table = Table.grid(padding=(0, 2))
    for column in ("level", "topic"):
        table.add_column(column, no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        level = Text(finding.level, style=_STYLES[finding.level])
        table.add_row(level, Text(finding.topic), Text(finding.found))
        if finding.remedy:
            table.add_row("", "", Text(f"remedy: {finding.remedy}", style="dim"))
    console.print(table)
    counts = _count(findings)
    console.print(Text("\n" + ", ".join(f"{level}: {counts[level]}" for level in Level)))


def _count(findings: Sequence[Finding]) -> dict[str, int]:
    counted = Counter(finding.level for finding in findings)
    return {level.value: counted[level] for level in Level}
