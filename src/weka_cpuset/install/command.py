"""The commands `weka-cpuset install` and `weka-cpuset uninstall`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from weka_cpuset import settings
from weka_cpuset.install import plan
from weka_cpuset.install.steps import Step, StepFailed, do

EXIT_FAILED: Final = 1
"""Exit code if a step could not be done, or must not be."""

RUNNING_SYSTEMD: Final = Path("/run/systemd/system")
"""There if systemd is the host's init; see sd_booted(3)."""

SELF: Final = Path("/proc/self/exe")

_PATH = click.Path(path_type=Path)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both commands have."""
    for option in (
        click.option("--write", is_flag=True, help="Do it; without this it is only told."),
        click.option(
            "--plugin",
            type=_PATH,
            default=plan.PLUGIN,
            show_default=True,
            help="The file in the runtime's plugin folder: NN-name.",
        ),
        click.option(
            "--root",
            type=_PATH,
            default=Path("/"),
            show_default=True,
            help="The root of the host's files, such as a mounted image.",
        ),
        click.option(
            "--runtime-launched",
            "way",
            flag_value=plan.Way.RUNTIME_LAUNCHED,
            type=plan.Way,
            help="A plugin that the container runtime launches when it starts.",
        ),
        click.option(
            "--systemd",
            "way",
            flag_value=plan.Way.SYSTEMD,
            type=plan.Way,
            help="A unit of systemd.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_options
def install(way: plan.Way | None, root: Path, plugin: Path, *, write: bool) -> None:
    """Install the agent on this host, so that it is there before the first pod.

    Exit status: 0 done, or told; 1 a step failed or is refused; 2 an option is wrong.
    """
    chosen = _chosen(way)
    host = _host(root, plugin)
    _carry_out(lambda: plan.install(chosen, host, _program()), write=write)
    if write:
        for line in plan.afterwards(chosen, host):
            click.echo(f"next: {line}")


@click.command()
@_options
def uninstall(way: plan.Way | None, root: Path, plugin: Path, *, write: bool) -> None:
    """Take the agent away from this host. Containers keep their cpus: see `release`.

    Exit status: 0 done, or told; 1 a step failed; 2 an option is wrong.
    """
    chosen = _chosen(way)
    _carry_out(lambda: plan.uninstall(chosen, _host(root, plugin)), write=write)


def _chosen(way: plan.Way | None) -> plan.Way:
    if way is None:
        raise click.UsageError("say how: --systemd or --runtime-launched")
    return way


def _host(root: Path, plugin: Path) -> plan.Host:
    if not plugin.is_absolute():
        raise click.UsageError("--plugin must be an absolute path")
    return plan.Host(root, root == Path("/") and RUNNING_SYSTEMD.exists(), plugin)


def _program() -> plan.Program:
    """Return what this process runs: the executable, or a program of an installed Python."""
    if sys.executable == str(SELF):
        return plan.Program(SELF.resolve(), is_executable=True)
    return plan.Program(Path(sys.argv[0]).resolve(), is_executable=False)


def _carry_out(make: Callable[[], Sequence[Step]], *, write: bool) -> None:
    refusals: tuple[type[Exception], ...] = (
        plan.OtherWay,
        plan.NoExecutable,
        settings.SettingsError,
        StepFailed,
    )
    try:
        for step in make():
            click.echo(step if write else f"would {step}")
            if write:
                do(step)
    except refusals as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_FAILED)
    if not write:
        click.echo("nothing was changed; add --write to do it")
