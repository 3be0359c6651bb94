"""The command `weka-cpuset journal`: what happened last night?"""

import datetime
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from weka_cpuset.cli import load_settings
from weka_cpuset.client import BadUrl, Client, NoAnswer
from weka_cpuset.engine import CpuSet
from weka_cpuset.journal.entry import Line
from weka_cpuset.journal.file import read
from weka_cpuset.settings import SettingsError

EXIT_USAGE, EXIT_NO_JOURNAL = 2, 3

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_OF_DAY = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


class Moment(click.ParamType[float]):
    """A moment: `02:00` (the last one), `90m` ago, or `2026-01-31T02:00`."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return a moment in seconds since 1970."""
        try:
            return moment_of(str(value), time.time())
        except ValueError:
            self.fail(f"{value!r}; use 02:00, 90m or 2026-01-31T02:00", param, ctx)


def moment_of(text: str, now_s: float) -> float:
    """Return the moment that a text means, in seconds since 1970, by this host's time zone.

    Args:
        text: A time of day (the last one that was), a number of s, m, h or d ago, or date and time.
        now_s: What time it is.

    Raises:
        ValueError: It is none of these.
    """
    now = datetime.datetime.fromtimestamp(now_s, tz=datetime.UTC).astimezone()
    if ago := _AGO.fullmatch(text):
        return now_s - int(ago[1]) * _UNITS_S[ago[2]]
    if of_day := _OF_DAY.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in of_day.groups())
        moment = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return (moment if moment <= now else moment - datetime.timedelta(days=1)).timestamp()
    return datetime.datetime.fromisoformat(text).astimezone().timestamp()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are wanted; None: no matter.

    Attributes:
        since: The earliest time, in seconds since 1970.
        until: The latest one.
        pod: The pod that it is about: `namespace/name`, or `name` alone.
        cpu: The cpu that it has given or taken.
        refused: Whether only refusals are.
    """

    since: float | None = None
    until: float | None = None
    pod: str | None = None
    cpu: int | None = None
    refused: bool = False

    def has(self, line: Line) -> bool:
        """Tell whether an entry is wanted."""
        return (
            (self.since is None or line.at >= self.since)
            and (self.until is None or line.at <= self.until)
            and (self.pod is None or any(_is_of(self.pod, name) for name in _names(line)))
            and (self.cpu is None or any(self.cpu in one for one in _exchanged(line)))
            and (not self.refused or bool(line.refusal))
        )


@click.command()
@click.option("--since", type=Moment(), help="From then on: 02:00, 90m ago, or date and time.")
@click.option("--until", type=Moment(), help="Up to then.")
@click.option("--pod", metavar="NAMESPACE/NAME", help="Only what is about this pod.")
@click.option("--cpu", type=click.IntRange(min=0), help="Only what has given or taken this cpu.")
@click.option("--refused", is_flag=True, help="Only refusals.")
@click.option("--file", type=click.Path(path_type=Path), help="The file  [default: journal.file].")
@click.option("--url", help="Ask an agent instead: http://host:port, host:port or a socket.")
@click.option("--config", type=click.Path(path_type=Path), help="The agent's settings file.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each, one a line.")
def journal(
    file: Path | None, url: str | None, config: Path | None, *, as_json: bool, **wanted: object
) -> None:
    """Show the agent's last decisions: who got which cpus, who was moved or refused, and why.

    It reads the journal's file if there is one, or else asks the agent for what it has in memory.

    Exit status: 0 shown; 2 the options are wrong; 3 there is no journal, and no agent answers.
    """
    is_wanted = Wanted(**wanted).has  # type: ignore[arg-type]  # click has made them so
    try:
        for line in _lines(file, url, config):
            if is_wanted(line):
                click.echo(msgspec.json.encode(line) if as_json else text_of(line))
    except (BadUrl, SettingsError) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except NoAnswer as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_NO_JOURNAL)
    except OSError as error:
        click.echo(f"weka-cpuset: {error.filename}: {error.strerror}", err=True)
        sys.exit(EXIT_NO_JOURNAL)


def _lines(file: Path | None, url: str | None, config: Path | None) -> Iterable[Line]:
    if file is not None:
        return read(file)
    chosen = load_settings(config, {})
    if url is None and chosen.journal.file:
        return read(Path(chosen.journal.file))
    page = Client(url if url is not None else chosen.http.listen).get("/journal.json")
    try:
        return msgspec.json.decode(page, type=_Page).decisions
    except msgspec.DecodeError as error:
        raise NoAnswer("/journal.json", f"it is no journal: {error}") from error


class _Page(msgspec.Struct):
    """What `/journal.json` has, as far as it is read here."""

    decisions: tuple[Line, ...]


def _names(line: Line) -> list[str]:
    return [line.container, *(one.container for one in line.moves)]


def _is_of(pod: str, container: str) -> bool:
    owner, _, _ = container.rpartition("/")
    return pod in (owner, owner.rpartition("/")[2])


def _exchanged(line: Line) -> Iterable[CpuSet]:
    """Return the cpus that an entry's containers have got or given up."""
    pairs = [(line.before, line.after), *((one.before, one.after) for one in line.moves)]
    return [CpuSet.parse(before) ^ CpuSet.parse(after) for before, after in pairs]


def text_of(line: Line) -> str:
    """Return an entry as one line of text."""
    moment = datetime.datetime.fromtimestamp(line.at, tz=datetime.UTC).astimezone()
    parts = [f"{moment:%Y-%m-%d %H:%M:%S} {line.event}: {line.outcome}"]
    if line.container:
        parts[0] += f" {line.container}" + (f" ({line.kind})" if line.kind else "")
    if line.before != line.after:
        parts[0] += f" {line.before or 'none'} to {line.after or 'none'}"
    parts += [f"moved {one.container} {one.before} to {one.after}" for one in line.moves]
    if line.updates:
        parts.append(f"{line.updates} updates")
    parts += [text for text in (line.reason, *line.notices) if text]
    parts.append(f"pool {line.pool or 'empty'}")
    # One entry is one line, also when a name from outside has a line break in it.
    return "; ".join(parts).replace("\r", "\\r").replace("\n", "\\n")
