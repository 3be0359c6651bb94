"""The command `weka-cpuset check`."""

import sys
from pathlib import Path

import click
from rich.console import Console

from weka_cpuset import cli, settings
from weka_cpuset.check import apply, kubelet
from weka_cpuset.check import gather as gathering
from weka_cpuset.check.facts import Facts, NotReadable, RuntimeKind, RuntimeRelease
from weka_cpuset.check.finding import Level
from weka_cpuset.check.fix import CannotFix, Wish, propose
from weka_cpuset.check.judge import judge
from weka_cpuset.check.show import to_console, to_json

EXIT_PROBLEM = 1
"""Exit code if at least one finding is a problem; warnings and unknowns do not count."""

_SETTINGS = ("nri.socket", "nri.name", "nri.index", "cpus.reserved", "sysfs", "cgroups")


class _Release(click.ParamType[RuntimeRelease]):
    """A runtime and its version, such as `containerd 2.1.9`."""

    name = "runtime"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> RuntimeRelease:
        """Return the release, or fail with what would be right."""
        words = str(value).split()
        if len(words) != 2 or words[0] not in set(RuntimeKind):
            self.fail(f"{value!r} is none; use 'containerd 2.1.9' or 'crio 1.34.0'", param, ctx)
        return RuntimeRelease(RuntimeKind(words[0]), words[1])


_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--connect",
    is_flag=True,
    help="Connect to the NRI socket, and close at once. The runtime logs a plugin that did not "
    "register. Without it the kernel's list of sockets is looked at.",
)
@click.option("--runtime", type=_Release(), help="The runtime, such as 'containerd 2.1.9'.")
@click.option("--runtime-config", type=_PATH, help="Its configuration file (TOML).")
@click.option("--kubelet-config", type=_PATH, help="kubelet's configuration file (YAML).")
@click.option(
    "--kubelet-root",
    type=_PATH,
    default=kubelet.DEFAULT_ROOT,
    show_default=True,
    help="kubelet's folder.",
)
@click.option(
    "--proc", type=_PATH, default=Path("/proc"), show_default=True, help="Where procfs is mounted."
)
@click.option("--config", "file", type=_PATH, help="The agent's settings file (YAML).")
@click.option("--fix", "fixes", is_flag=True, help="Show what to change in the runtime's files.")
@click.option("--write", is_flag=True, help="With --fix: change it, and keep a copy.")
@click.option(
    "--fail-closed",
    is_flag=True,
    help="With --fix: let the runtime refuse containers while the agent is away.",
)
@click.option(
    "--tolerate",
    default="",
    metavar="ANNOTATION",
    help="With --fail-closed: the pod annotation that exempts a pod.",
)
def check(
    file: Path | None,
    *,
    as_json: bool,
    connect: bool,
    runtime: RuntimeRelease | None,
    **options: object,
) -> None:
    """Tell whether this node is fit for the agent, and what is to be done if not.

    Nothing is written but with --write. Exit status: 0 no problem (there may be warnings),
    1 at least one problem, or one that --fix cannot fix, 2 an option or a setting is wrong.
    """
    fixes, write = options.pop("fixes"), options.pop("write")
    wish = Wish(bool(options.pop("fail_closed")), str(options.pop("tolerate")))
    if (write or wish.fail_closed) and not fixes:
        raise click.UsageError("--write and --fail-closed go with --fix")
    if wish.tolerate and not wish.fail_closed:
        raise click.UsageError("--tolerate goes with --fail-closed")
    sources = gathering.Sources(
        release=runtime,
        connect=connect,
        **{name: options.pop(name) for name in _PATHS},  # type: ignore[arg-type]  # click made them paths
    )
    try:
        chosen = cli.load_settings(file, options)
    except settings.SettingsError as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(cli.EXIT_CANNOT_WORK)
    facts = gathering.gather(chosen, sources)
    if fixes:
        _fix(facts, wish, write=bool(write))
        return
    findings = judge(facts)
    if as_json:
        click.echo(to_json(findings))
    else:
        to_console(findings, Console(highlight=False))
    if any(finding.level is Level.PROBLEM for finding in findings):
        sys.exit(EXIT_PROBLEM)


def _fix(facts: Facts, wish: Wish, *, write: bool) -> None:
    """Show, or make, the change that the runtime's configuration needs."""
    try:
        change = propose(facts, wish, apply.read_text)
        if change is None:
            click.echo("the runtime's configuration needs no change")
            return
        click.echo(change.diff(), nl=False)
        if not write:
            click.echo("nothing was changed; add --write to do it")
            return
        copy = apply.write(change)
    except (CannotFix, NotReadable) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_PROBLEM)
    except OSError as error:
        click.echo(f"weka-cpuset: {error.filename}: {error.strerror}", err=True)
        sys.exit(EXIT_PROBLEM)
    click.echo(f"written: {change.path}" + (f"; as it was: {copy}" if copy else ""))
    click.echo("next: restart the container runtime; running pods go on")


_PATHS = ("runtime_config", "kubelet_config", "kubelet_root", "proc")

cli.add_setting_options(check, _SETTINGS)
