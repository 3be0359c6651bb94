"""`weka-cpuset stress`: the operators' acceptance test as a command.

It is imported when its command is called; what only one kind of node needs is imported when
that kind of node is asked for.
"""

import sys
from pathlib import Path

import click
import msgspec
from rich.table import Table

from nodesim import criteria
from nodesim.acceptance import MACHINE, ROUNDS
from nodesim.fields import InputError
from nodesim.kubernetes import CgroupDriver
from nodesim.plan import DEFAULT_RUNTIME, WrongOptions
from nodesim.runtimes import RUNTIMES, UnknownRuntime
from nodestress import simulated, workload
from nodestress.figures import Result
from nodestress.interrupt import Interrupted
from nodestress.node import NodeFailed
from nodestress.wishes import Wishes
from weka_cpuset.machine_file import MachineFileError
from weka_cpuset.show.terminal import console_of_stdout

EXIT_FAILED = 1
"""At least one criterion is not met."""

EXIT_BAD_INPUT = 2
"""An option, a manifest or the node cannot be used; click's own code for a wrong option."""

EXIT_SIGNAL = 128
"""A program that a signal has ended has this and the signal's number as its exit status."""


@click.command()
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=ROUNDS,
    show_default=True,
    help="How often the pods are deleted by force and created again.",
)
@click.option(
    "--completing",
    metavar="FILE",
    help="Pods that run to their own end [default: the operators' own].",
)
@click.option(
    "--deleted",
    metavar="FILE",
    help="Pods that are deleted by force [default: the operators' own].",
)
@click.option("--machine", default=MACHINE, show_default=True, help="The simulated machine.")
@click.option(
    "--runtime",
    default=DEFAULT_RUNTIME,
    show_default=True,
    help=f"The simulated runtime: {', '.join(RUNTIMES)}.",
)
@click.option(
    "--cri",
    metavar="SOCKET",
    help="Test this node through its runtime's own socket; it must have no running kubelet.",
)
@click.option(
    "--node", metavar="NAME", help="Test a node of the cluster that kubectl is set up for."
)
@click.option(
    "--image",
    default="docker.io/library/busybox:latest",
    show_default=True,
    help="On a real node: an image with `sh` and `sleep`.",
)
@click.option(
    "--agent-namespace",
    default="kube-system",
    show_default=True,
    help="With --node: the namespace of the agent's pods.",
)
@click.option(
    "--agent-selector",
    default="app=weka-nri-cpuset",
    show_default=True,
    help="With --node: the labels of the agent's pods.",
)
@click.option(
    "--cgroup-driver",
    type=click.Choice([one.value for one in CgroupDriver]),
    default=CgroupDriver.CGROUPFS.value,
    show_default=True,
    help="With --cri: how the runtime names cgroups.",
)
@click.option("--cgroup-root", default="", help="With --cri: the cgroup above `kubepods`.")
@click.option("--agent-pid", type=int, help="With --cri: the agent [default: the only one].")
@click.option(
    "--agent-log",
    metavar="FILE",
    help="With --cri: the agent's log [default: where its standard error goes].",
)
@click.option("--json", is_flag=True, help="Print one JSON object.")
def stress(**options: object) -> None:
    """Run the operators' acceptance test, on a simulated node or a real one.

    Pods run to their own end; then others are deleted by force, all at the same instant, and
    created again at once, round after round. The test's success criteria are printed one by
    one, each with what was seen.

    Exit status: 0 all criteria are met; 1 one is not; 2 something in the input is wrong.
    """
    wishes = msgspec.convert(options, Wishes)
    try:
        result = _play(wishes)
    except (InputError, MachineFileError, UnknownRuntime, NodeFailed) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except Interrupted as interrupted:
        click.echo("weka-cpuset: interrupted; the test's pods are removed", err=True)
        sys.exit(EXIT_SIGNAL + interrupted.number)
    _print(result, as_json=wishes.json)
    sys.exit(0 if result.passed else EXIT_FAILED)


def _play(wishes: Wishes) -> Result:
    pods = workload.load(_path(wishes.completing), _path(wishes.deleted))
    if wishes.cri is not None and wishes.node is not None:
        raise WrongOptions("--cri and --node are two ways to a node", "use one of them")
    if wishes.node is not None:
        from nodestress import through_kubectl

        return through_kubectl.play(wishes, pods)
    if wishes.cri is not None:
        return _play_through_cri(wishes, pods)
    return simulated.play(pods, wishes.rounds, wishes.machine, wishes.runtime)


def _play_through_cri(wishes: Wishes, pods: workload.Workload) -> Result:
    try:
        from nodestress import through_cri
    except ImportError as error:
        raise WrongOptions(
            f"--cri needs a library that is missing, {error.name}",
            "install weka-nri-cpuset[stress]",
        ) from error
    return through_cri.play(wishes, pods)


def _path(name: str | None) -> Path | None:
    return Path(name) if name is not None else None


def _print(result: Result, *, as_json: bool) -> None:
    judged = criteria.criteria_of(result.seen)
    if as_json:
        document = {
            "passed": result.passed,
            "criteria": judged,
            "measured": dict(result.measured),
            "unmet": result.seen.unmet,
            "broken_rules": result.seen.broken_rules,
        }
        click.echo(msgspec.json.encode(document, order="deterministic"))
        return
    console = console_of_stdout()
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, figure in result.measured:
        table.add_row(name, figure)
    console.print(table)
    console.print()
    criteria.show(console, judged)
