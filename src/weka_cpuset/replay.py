"""The command `weka-cpuset replay`: would today's engine answer as it did then?"""

import sys
from pathlib import Path

import click
import msgspec

from weka_cpuset.record.lines import Asked
from weka_cpuset.record.plain import Plain, to_plain
from weka_cpuset.record.repeat import Difference, Outcome, Unreadable, repeat
from weka_cpuset.record.words import describe, differences, summarize

EXIT_SAME, EXIT_DIFFERENT, EXIT_UNREADABLE = 0, 1, 2


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Print a line for each event.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def replay(file: Path, *, show: bool, as_json: bool) -> None:
    """Ask today's engine what the recording FILE asked, and compare the answers.

    Ends with 0 if all are the same, with 1 at the first that is not, and with 2 if FILE
    cannot be read.
    """
    try:
        with file.open("rb") as lines:
            each = (_print_json if as_json else _print_text) if show else _keep_quiet
            outcome = repeat(lines, each)
    except (Unreadable, OSError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        click.echo(f"weka-cpuset: {file}: {problem}", err=True)
        sys.exit(EXIT_UNREADABLE)
    click.echo(_json(outcome) if as_json else "\n".join(_text(outcome)))
    sys.exit(EXIT_SAME if outcome.difference is None else EXIT_DIFFERENT)


def _keep_quiet(asked: Asked) -> None:
    """Print nothing."""


def _print_text(asked: Asked) -> None:
    click.echo(f"{_title(asked)}: {summarize(asked.answer)}")


def _print_json(asked: Asked) -> None:
    click.echo(msgspec.json.encode(_plain(asked)))


def _title(asked: Asked) -> str:
    return f"{asked.number} {asked.at} {describe(asked.question)}"


def _text(outcome: Outcome) -> list[str]:
    lines = [f"recorded by {', '.join(outcome.versions)}"]
    if outcome.lost:
        lines.append(f"{outcome.lost} events are missing; the replay went on behind them")
    lines += [f"line {number} is cut off" for number in outcome.cut_lines]
    if outcome.difference is None:
        return [*lines, f"same: {outcome.questions} events are decided as they were"]
    return [*lines, *_told(outcome.difference, outcome.questions)]


def _told(difference: Difference, questions: int) -> list[str]:
    asked = difference.asked
    return [
        f"different: {questions - 1} events are decided as they were, and then:",
        f"  {_title(asked)}",
        f"    recorded: {summarize(asked.answer)}",
        f"    today:    {summarize(difference.today)}",
        *(f"    {line}" for line in differences(asked.answer, difference.today)),
    ]


def _json(outcome: Outcome) -> str:
    found = outcome.difference
    difference: dict[str, Plain] | None = None
    if found is not None:
        difference = _plain(found.asked) | {"today": dict(found.today)}
    values = {
        "same": found is None,
        "events": outcome.questions,
        "lost": outcome.lost,
        "starts": outcome.starts,
        "cut_lines": outcome.cut_lines,
        "versions": outcome.versions,
        "difference": difference,
    }
    return msgspec.json.encode(values).decode()


def _plain(asked: Asked) -> dict[str, Plain]:
    return {
        "number": asked.number,
        "at": asked.at,
        "what": describe(asked.question),
        "question": to_plain(asked.question),
        "recorded": dict(asked.answer),
    }
