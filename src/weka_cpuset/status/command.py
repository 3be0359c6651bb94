"""The command `weka-cpuset status`: who owns cpu 7, and is all well?"""

import sys
import time
from pathlib import Path

import click
import msgspec
from rich.console import Group
from rich.live import Live
from rich.text import Text

from weka_cpuset.cli import load_settings
from weka_cpuset.client import BadUrl, Client, NoAnswer
from weka_cpuset.engine import CpuSet
from weka_cpuset.settings import SettingsError
from weka_cpuset.show.picture import Picture
from weka_cpuset.show.scene import Scene
from weka_cpuset.show.terminal import console_of_stdout
from weka_cpuset.status import view
from weka_cpuset.status.schema import SCHEMA, Container, Status

EXIT_HEALTHY, EXIT_WRONG, EXIT_USAGE, EXIT_NO_ANSWER, EXIT_NOT_THERE = 0, 1, 2, 3, 4

WATCH_S = 1.0
"""How often a status is shown with --watch, in seconds."""

CONTAINERS_MAX = 40
"""How many lines of containers are shown; --json has all."""


class UnknownSchema(Exception):
    """The agent's status is of another schema.

    Attributes:
        schema: The number of the agent's schema.
    """

    def __init__(self, schema: object) -> None:
        super().__init__(schema)
        self.schema = schema

    def __str__(self) -> str:
        return f"the agent's status has schema {self.schema}, this program reads {SCHEMA}"


@click.command()
@click.option("--url", help="http://host:port, host:port or a socket  [default: http.listen].")
@click.option("--config", type=click.Path(path_type=Path), help="The agent's settings file.")
@click.option("--watch", is_flag=True, help="Show it again and again, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: see docs/reference/status.md.")
@click.option("--cpu", type=click.IntRange(min=0), help="Only who may run on this cpu.")
@click.option("--pod", metavar="NAMESPACE/NAME", help="Only the containers of this pod.")
def status(  # noqa: PLR0913  # one for each option
    url: str | None,
    config: Path | None,
    cpu: int | None,
    pod: str | None,
    *,
    watch: bool,
    as_json: bool,
) -> None:
    """Show the cpus of a node, its containers, and whether all is well.

    Exit status: 0 healthy; 1 something is wrong, and the first lines say what; 2 the options are
    wrong; 3 the agent does not answer; 4 there is no such cpu or pod.
    """
    try:
        client = client_of(url, config)
        if watch:
            _watch(client)
        now = fetch(client)
        if cpu is not None:
            _show_cpu(now, cpu, as_json=as_json)
        elif pod is not None:
            _show_some(view.of_pod(now, pod), f"no container of pod {pod} is live", as_json=as_json)
        elif as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(now)))
        else:
            console_of_stdout().print(_picture(now, view.scene_of(now)))
    except (BadUrl, SettingsError) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except (NoAnswer, UnknownSchema) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_NO_ANSWER)
    sys.exit(EXIT_WRONG if now.health.problems else EXIT_HEALTHY)


def client_of(url: str | None, config: Path | None) -> Client:
    """Return a client of the agent that is meant.

    Args:
        url: Where it listens; None: where the settings say.
        config: The settings file; None: the usual one, if there is one.

    Raises:
        BadUrl: There is no such address, or the settings have none.
        SettingsError: The settings cannot be used.
    """
    return Client(url if url is not None else load_settings(config, {}).http.listen)


def fetch(client: Client) -> Status:
    """Return an agent's status.

    Raises:
        NoAnswer: It does not answer, or what it says is no status.
        UnknownSchema: It is of another schema.
    """
    body = client.get("/status.json")
    try:
        found = msgspec.json.decode(body)
        if isinstance(found, dict) and found.get("schema") != SCHEMA:
            raise UnknownSchema(found.get("schema"))
        return msgspec.convert(found, Status)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise NoAnswer("/status.json", f"it is no status: {error}") from error


def _show_cpu(now: Status, cpu: int, *, as_json: bool) -> None:
    online = CpuSet.parse(now.cpus.online)
    if cpu not in online:
        click.echo(f"cpu {cpu} does not exist or is offline; online are {online}", err=True)
        sys.exit(EXIT_NOT_THERE)
    if as_json:
        _print_json(view.of_cpu(now, cpu))
    else:
        click.echo("\n".join(view.cpu_lines(now, cpu)))


def _show_some(found: list[Container], if_none: str, *, as_json: bool) -> None:
    if not found:
        click.echo(if_none, err=True)
        sys.exit(EXIT_NOT_THERE)
    if as_json:
        _print_json(found)
    else:
        click.echo("\n".join(line for one in found for line in view.container_lines(one)))


def _print_json(found: list[Container]) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode({"containers": found})))


def _picture(now: Status, scene: Scene) -> Group:
    return Group(*view.head_of(now), Text(), Picture(scene, CONTAINERS_MAX))


def _watch(client: Client) -> None:
    """Show a status again and again, until interrupted; what has changed is marked."""
    console = console_of_stdout()
    scene: Scene | None = None
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            try:
                now = fetch(client)
                scene = view.scene_of(now, scene)
                shown = _picture(now, scene)
            except NoAnswer as error:
                shown = Group(Text(str(error), view.WRONG))
            live.update(shown, refresh=True)
            time.sleep(WATCH_S)
