"""`weka-cpuset simulate`: what the agent does with these pods, on that machine.

The command line of the simulator. It is imported when its command is called, so that the
agent's own start does not wait for it.
"""

import re
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from nodesim import plan, rounds, scenario
from nodesim.fields import InputError
from nodesim.plan import DEFAULT_MACHINE, DEFAULT_RUNTIME, Plan, Wishes, WrongOptions
from nodesim.rounds import Outcome
from nodesim.runtimes import RUNTIMES, UnknownRuntime
from nodesim.stage import PATIENCE_S, LiveStage, PlainStage, Recorder, Stage
from nodesim.verdict import refusals_of, verdict_of
from weka_cpuset.machine_file import MachineFileError
from weka_cpuset.settings import SettingsError
from weka_cpuset.show.terminal import console_of_stdout

EXIT_FAILED = 1
"""A rule of placement was broken or an expectation was not met."""

EXIT_BAD_INPUT = 2
"""A manifest, scenario, machine or option cannot be used; click's own code for a wrong option."""

NOT_THE_SAME = re.compile(r" us=\d+|\S*/nodesim-[^/\s]+/")
"""What is another one each time in the agent's log: how long it took, and the socket's folder."""

_BAD_INPUT = (InputError, MachineFileError, UnknownRuntime, SettingsError)


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say about what is shown.

    Attributes:
        json: Whether one JSON object is printed, instead of text for people.
        timeline: Whether everything that happens is told.
        log: Whether the agent's log is told.
        save: Where a failing scenario is written, shortened; None: `default_file`, and only
            if it had random faults.
    """

    json: bool = False
    timeline: bool = False
    log: bool = False
    save: str | None = None


@click.command()
@click.argument("pods", nargs=-1, metavar="[PODS]...")
@click.option(
    "--machine",
    metavar="NAME|FILE",
    help="The machine: a name, or a file made with `weka-cpuset topology --capture` "
    f"[default: {DEFAULT_MACHINE}].",
)
@click.option(
    "--scenario",
    metavar="FILE",
    help="What is done, step by step [default: apply PODS, let them run, delete them].",
)
@click.option(
    "--runtime",
    metavar="NAME",
    help=f"The simulated runtime: {', '.join(RUNTIMES)} [default: {DEFAULT_RUNTIME}].",
)
@click.option("--seed", type=click.IntRange(0), help="Break things at random, drawn from SEED.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=1,
    help="Run so many times, each with the next seed.",
)
@click.option(
    "--storm", type=click.IntRange(1), metavar="EVENTS", help="Make random pods: so many events."
)
@click.option(
    "--save",
    metavar="FILE",
    help="Where to write a short scenario that fails in the same way [default: "
    "failing-seed-SEED.yaml, if SEED made it fail].",
)
@click.option("--json", is_flag=True, help="Print one JSON object.")
@click.option("--timeline", is_flag=True, help="Tell everything that happens.")
@click.option("--log", is_flag=True, help="Tell what the agent logs.")
def simulate(**options: object) -> None:
    """Show what the agent does with PODS, without a cluster.

    PODS are files of Kubernetes manifests (`-`: standard input). The real agent runs; machine,
    kernel, container runtime and kubelet are simulated, and every change is checked against the
    rules of placement.

    Exit status: 0 passed; 1 a rule was broken, or something was not as the scenario expects;
    2 something in the input is wrong.
    """
    wishes = msgspec.convert(options, Wishes)
    show = msgspec.convert(options, Show)
    try:
        passed = _run(wishes, show)
    except _BAD_INPUT as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    sys.exit(0 if passed else EXIT_FAILED)


def default_file(outcome: Outcome) -> str | None:
    """Return where a failing scenario is written if nobody says; None: nowhere.

    Args:
        outcome: What came out; a round without random faults is in a file already.
    """
    seed = outcome.failed[0].seed if outcome.failed else None
    return None if seed is None else f"failing-seed-{seed}.yaml"


def _run(wishes: Wishes, show: Show) -> bool:
    plan_ = plan.plan_of(wishes)
    for one in plan_.ignored:
        click.echo(f"weka-cpuset: passed over, makes no pods: {one}", err=True)
    console = console_of_stdout()
    stage = _stage_of(console, plan_, show)
    with stage:
        outcome = rounds.play(plan_.rounds, stage, keep_log=show.log)
    saved = _save(outcome, show, console)
    if show.json:
        _print_json(outcome, stage, show, saved)
    else:
        _print(console, outcome, stage, saved)
    return outcome.passed


def _stage_of(console: Console, plan_: Plan, show: Show) -> Stage:
    if show.json:
        return Recorder() if show.timeline else Stage()
    if console.is_terminal and not console.is_dumb_terminal:
        patience_s = PATIENCE_S if plan_.count == 1 else 0.0
        return LiveStage(console, timeline=show.timeline, rounds=plan_.count, patience_s=patience_s)
    return PlainStage(console, timeline=show.timeline)


def _save(outcome: Outcome, show: Show, console: Console) -> str | None:
    """Write a short scenario of what failed, and return its file's name; None: none is due."""
    file = show.save or default_file(outcome)
    if outcome.passed or file is None:
        return None
    if console.is_terminal and not show.json:
        with console.status("It failed. Looking for a shorter scenario that fails as well"):
            short = rounds.shorten(outcome)
    else:
        short = rounds.shorten(outcome)
    assert short is not None, "a round failed"  # noqa: S101  # for the type checker
    try:
        Path(file).write_text(scenario.dump(short))
    except OSError as error:
        raise WrongOptions(
            f"{file} cannot be written: {error.strerror}", "use --save with another file"
        ) from error
    return file


def _print(console: Console, outcome: Outcome, stage: Stage, saved: str | None) -> None:
    for report in outcome.reports:
        for line in report.log:
            console.print(line.strip(), style="dim", soft_wrap=True)
    console.print(refusals_of(stage.refusals))
    console.print(verdict_of(outcome))
    if saved is not None:
        console.print(f"\nA short scenario that fails in the same way is in {saved}. Replay it:")
        console.print(f"  weka-cpuset simulate --scenario {saved}", soft_wrap=True)


def _print_json(outcome: Outcome, stage: Stage, show: Show, saved: str | None) -> None:
    more: dict[str, object] = {"refusals": stage.refusals.found}
    if isinstance(stage, Recorder):
        more["timeline"] = stage.entries
    if show.log:
        more["log"] = [
            NOT_THE_SAME.sub("", line) for report in outcome.reports for line in report.log
        ]
    if saved is not None:
        more["saved"] = saved
    click.echo(outcome.to_json(**more))
