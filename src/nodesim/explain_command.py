"""`weka-cpuset explain`: why a container, a cpu, or a pod to come has the cpus it has.

It lives beside the simulator because it reads manifests, and explains simulations too.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from nodesim import machines, manifest
from nodesim.actions import Apply, Scenario, Wait
from nodesim.fields import InputError
from nodesim.plan import DEFAULT_MACHINE, RUN_S, Wishes, WrongOptions, plan_of, pods_of
from nodesim.planned import planned_of
from nodesim.simulation import Simulation
from weka_cpuset.address import Address
from weka_cpuset.cli import load_settings
from weka_cpuset.engine import MAX_CPU
from weka_cpuset.explain import text
from weka_cpuset.explain.asked import Unanswered, ask_agent
from weka_cpuset.explain.make import container_report, cpu_report, plan_report
from weka_cpuset.explain.recorded import view_of_recording
from weka_cpuset.explain.report import Report
from weka_cpuset.explain.view import NoSuchContainer, View, WrongPage
from weka_cpuset.machine_file import MachineFileError
from weka_cpuset.record.repeat import Unreadable
from weka_cpuset.settings import SettingsError

EXIT_NO = 1
"""There is no such container, or one of the pods would be refused."""

EXIT_BAD_INPUT = 2
"""Nobody answers, or an option or file cannot be used; click's own code for a wrong option."""

RECORD_MAX_BYTES = 1 << 30
"""How long the recording of a simulation may get, in bytes; more than any has."""

_BAD_INPUT = (
    *(InputError, MachineFileError, SettingsError),
    *(Unanswered, Unreadable, WrongPage, OSError),
)


class Source(msgspec.Struct, frozen=True):
    """Where the options say that what is known comes from.

    Attributes:
        agent: The address of a running agent.
        recording: The file of a recording.
        simulate: Files of pods that are created on a simulated machine.
        scenario: The file of a scenario that is simulated.
        machine: The simulated machine.
        config: The agent's settings file, which names its address.
    """

    agent: str | None = None
    recording: Path | None = None
    simulate: tuple[str, ...] = ()
    scenario: Path | None = None
    machine: str | None = None
    config: Path | None = None

    @property
    def is_simulated(self) -> bool:
        """Whether a simulation is asked for."""
        return bool(self.simulate or self.scenario or self.machine)


_OPTIONS = (
    click.option(
        "--agent",
        metavar="ADDRESS",
        help="Where a running agent listens: host:port, or the path of a socket "
        "[default: http.listen of its settings].",
    ),
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The settings file of the running agent.",
    ),
    click.option(
        "--recording",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Take the end of a recording instead of a running agent.",
    ),
    click.option(
        "--simulate",
        metavar="PODS",
        multiple=True,
        help="Take a simulation in which the pods of this file were created; can be repeated.",
    ),
    click.option(
        "--scenario",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Take the end of a simulated scenario.",
    ),
    click.option(
        "--machine",
        metavar="NAME|FILE",
        help=f"The simulated machine [default: {DEFAULT_MACHINE}, or the scenario's].",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


def _with_source(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where what is known comes from."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def explain() -> None:
    """Say why containers have the cpus they have.

    It asks the agent that runs on this node, a recording, or a simulation. Nothing is changed.
    """


@explain.command()
@click.argument("name")
@_with_source
def container(name: str, **options: Any) -> None:
    """Say why the container NAME has its cpus: cost, runner-up, and who was in the way.

    NAME is namespace/pod/container, a part of that such as the pod's name, or the beginning of
    the container's id.

    Exit status: 0 explained; 1 there is no such container; 2 something in the input is wrong.
    """
    _show(options, lambda view: container_report(view, name))


@explain.command()
@click.argument("number", type=click.IntRange(0, MAX_CPU))
@_with_source
def cpu(number: int, **options: Any) -> None:
    """Say who may run on the cpu NUMBER now, since when, and why.

    Exit status: 0 explained; 2 something in the input is wrong.
    """
    _show(options, lambda view: cpu_report(view, number))


@explain.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@_with_source
def pod(files: tuple[str, ...], **options: Any) -> None:
    """Say what would happen if the pods of FILES were created now. Nothing is changed.

    FILES are Kubernetes manifests (`-`: standard input).

    Exit status: 0 all would be created; 1 a container would be refused; 2 something in the input
    is wrong.
    """

    def plan(view: View) -> Report:
        return plan_report(view, list(planned_of(_some_pods(files).pods)))

    _show(options, plan)


def _show(options: dict[str, Any], make: Callable[[View], Report]) -> None:
    """Gather what is known, explain it, and end with the exit status."""
    as_json = options.pop("as_json")
    try:
        shown = make(_view(msgspec.convert(options, Source)))
    except NoSuchContainer as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_NO)
    except _BAD_INPUT as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())
    else:
        click.echo(text.text_of(shown), nl=False)
    if getattr(shown, "refused", 0):
        sys.exit(EXIT_NO)


def _view(source: Source) -> View:
    """Gather what is known."""
    given = (source.agent is not None, source.recording is not None, source.is_simulated)
    if sum(given) > 1:
        raise WrongOptions(
            "an agent, a recording and a simulation are different sources",
            "use --agent, or --recording, or --simulate, --scenario and --machine",
        )
    if source.recording is not None:
        with source.recording.open("rb") as lines:
            return view_of_recording(lines, f"recording {source.recording}")
    if source.is_simulated:
        return _simulated(_scenario(source))
    address = source.agent or load_settings(source.config, {}).http.listen
    try:
        return ask_agent(Address.parse(address))
    except ValueError as error:
        raise WrongOptions(
            f"{address!r} is no address", "use host:port or the path of a socket"
        ) from error


def _scenario(source: Source) -> Scenario:
    """Return what is simulated: a scenario as it is, or pods that have run for a while."""
    if source.scenario is not None:
        wishes = Wishes(pods=source.simulate, machine=source.machine, scenario=str(source.scenario))
        return next(iter(plan_of(wishes).rounds)).scenario
    machine = source.machine or DEFAULT_MACHINE
    machines.find(machine)
    pods = _some_pods(source.simulate).pods if source.simulate else ()
    return Scenario(machine, (Apply(pods), Wait(RUN_S)))


def _some_pods(files: tuple[str, ...]) -> manifest.Manifest:
    found = pods_of(files)
    for one in found.ignored:
        click.echo(f"weka-cpuset: passed over, makes no pods: {one}", err=True)
    if not found.pods:
        raise WrongOptions(
            f"there are no pods in {', '.join(files)}",
            f"use manifests of kind {', '.join(manifest.KINDS)}",
        )
    return found


def _simulated(scenario: Scenario) -> View:
    """Simulate, and take what the agent recorded of it."""
    with tempfile.TemporaryDirectory(prefix="explain-") as folder:
        file = Path(folder) / "recording"
        record = (("record.file", str(file)), ("record.max_bytes", str(RECORD_MAX_BYTES)))
        Simulation(replace(scenario, settings=(*scenario.settings, *record))).run()
        with file.open("rb") as lines:
            return view_of_recording(lines, f"simulation of {scenario.machine}")
