"""The command line: `weka-cpuset run`, and all other commands by their modules.

Only what a command needs is imported, and only when it runs: the agent is started while
a runtime waits for it.
"""

import asyncio
import dataclasses
import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

import nri
from weka_cpuset import __version__, settings
from weka_cpuset.address import Address

if TYPE_CHECKING:
    from weka_cpuset.daemon import Agent
    from weka_cpuset.journal.file import JournalFile
    from weka_cpuset.kubernetes.fate import Fate
    from weka_cpuset.kubernetes.work import Telling
    from weka_cpuset.logs import Log
    from weka_cpuset.metrics.values import Queue
    from weka_cpuset.record.sink import Recording
    from weka_cpuset.systemd import Notifier

EXIT_CANNOT_WORK = 2
"""Exit code for settings, or a machine, with which the agent can never work."""

EXIT_LAUNCHER_GONE = 3
"""Exit code of a plugin whose launching runtime has ended; nobody is left to read it."""

DEFAULT_FILE = Path("/etc/weka-cpuset/config.yaml")
"""Read when no other file is named and this one exists. A plugin that the runtime launches
gets no arguments and no environment, so it needs a file at a fixed place."""

FILE_VARIABLE = "WEKA_CPUSET_CONFIG"


def main() -> None:
    """Run the command line; the entry point of the `weka-cpuset` program."""
    commands.main(args=complete(sys.argv[1:], os.environ), prog_name="weka-cpuset")


def complete(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the arguments with `run` put in where a drop-in start left it out.

    A runtime launches its plugins without arguments, and the component that this program
    replaces knew only options.

    Args:
        arguments: The arguments after the program's name.
        environment: The process's environment.
    """
    only_options = bool(arguments) and arguments[0].startswith("--")
    launched = not arguments and bool(environment.get("NRI_PLUGIN_SOCKET"))
    if launched or (only_options and arguments[0] not in {"--help", "--version"}):
        return ["run", *arguments]
    return list(arguments)


COMMANDS: Mapping[str, str] = {
    "check": "weka_cpuset.check.command",
    "install": "weka_cpuset.install.command",
    "uninstall": "weka_cpuset.install.command",
    "release": "weka_cpuset.release.command",
    "explain": "nodesim.explain_command",
    "simulate": "nodesim.simulate",
    "topology": "nodesim.topology_command",
    "replay": "weka_cpuset.replay",
    "status": "weka_cpuset.status.command",
    "journal": "weka_cpuset.journal.command",
    "stress": "nodestress.command",
}
"""The modules of the other commands; each has a click command of the command's name."""


class Commands(click.Group):
    """Commands of which the modules are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in alphabetical order."""
        return sorted([*super().list_commands(ctx), *COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module(module), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{cmd_name} is no command")
        return command


@click.group(cls=Commands)
@click.version_option(__version__, message="%(version)s")
def commands() -> None:
    """Place containers on cpus and NUMA nodes, as a plugin of the container runtime."""


@commands.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def add_setting_options(command: click.Command, keys: Collection[str] = ()) -> None:
    """Add an option for each setting that has a flag.

    Args:
        command: The command; it gets them as keywords and gives them to `load_settings`.
        keys: The dotted keys of the settings that it uses; empty: all.
    """
    for row in settings.TABLE:
        if row.flag is None or (keys and row.key not in keys):
            continue
        if row.key == "dry_run":
            option = click.Option([row.flag, row.key], is_flag=True, default=None)
        else:
            option = click.Option([row.flag, row.key.replace(".", "__")])
        option.help = f"{row.key}: {row.allowed}."
        command.params.append(option)


def load_settings(file: Path | None, options: Mapping[str, object]) -> settings.Settings:
    """Read the settings from all sources.

    Args:
        file: The file that was named, if any.
        options: The values of the options of `add_setting_options`; None: not given.

    Raises:
        settings.SettingsError: They cannot be used.
    """
    flags = {name.replace("__", "."): value for name, value in options.items() if value is not None}
    return settings.load(_settings_file(file, os.environ), os.environ, flags, program=sys.argv[0])


@commands.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="The settings file (YAML).")
def run(file: Path | None, **options: object) -> None:
    """Run the agent until SIGTERM or SIGINT."""
    from weka_cpuset import daemon, launched, sysfs  # imported for `run` only

    try:
        try:
            parts = _parts(load_settings(file, options))
        except settings.SettingsError as error:
            if not launched.is_launched():
                raise
            launched.complain(error)
            parts = _parts(settings.load(None, {}, {}, program=sys.argv[0]))
    except (settings.SettingsError, nri.NriError, sysfs.TopologyUnreadable) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_CANNOT_WORK)
    chosen, notifier, agent = parts.chosen, parts.notifier, parts.agent
    output, recording, journal = parts.output, parts.recording, parts.journal
    output.open()
    queues: dict[str, Queue] = {"log": output.queue}
    if recording is not None:
        recording.open()
        queues["record"] = recording.queue
    if journal is not None:
        journal.open()
        agent.observer.journal.put = journal.put
        queues["journal"] = journal.queue
    beside: list[Callable[[], Awaitable[None]]] = []
    telling = _telling(agent) if chosen.kubernetes.events else None
    if telling is not None:
        beside.append(telling.run)
        queues["kubernetes"] = telling.backlog
    if chosen.http.listen:
        fates = telling.backlog.fates if telling is not None else {}
        beside.append(_http(agent, chosen.http, queues, fates))
    try:
        asyncio.run(daemon.serve(agent, notifier, beside))
    except daemon.LauncherGone:
        sys.exit(EXIT_LAUNCHER_GONE)
    finally:
        if journal is not None:
            journal.close()
        output.close()


add_setting_options(run)


@dataclasses.dataclass(frozen=True, slots=True)
class _Parts:
    """What `run` puts together before it starts anything."""

    chosen: settings.Settings
    notifier: "Notifier"
    agent: "Agent"
    output: "Log"
    recording: "Recording | None"
    journal: "JournalFile | None"


def _parts(chosen: settings.Settings) -> _Parts:
    from weka_cpuset import daemon, logs, systemd  # imported for `run` only

    endpoint = nri.endpoint_from_environment(os.environ, str(chosen.nri.socket))
    notifier = systemd.Notifier(os.environ)
    recording = _recording(chosen)
    recorder = recording.recorder if recording is not None else None
    journal = _journal(chosen)
    agent = daemon.Agent(chosen, endpoint, daemon.Host.real(chosen), notifier, recorder)
    return _Parts(chosen, notifier, agent, logs.Log(chosen.log), recording, journal)


def _recording(chosen: settings.Settings) -> "Recording | None":
    if not chosen.record.file:
        return None
    from weka_cpuset.record import sink  # imported only by an agent that records

    return sink.Recording(sink.open_file(chosen))


def _journal(chosen: settings.Settings) -> "JournalFile | None":
    if not chosen.journal.file:
        return None
    from weka_cpuset.journal.file import JournalFile  # imported only by an agent that writes one

    return JournalFile(chosen.journal)


def _telling(agent: "Agent") -> "Telling | None":
    """Return what tells Kubernetes of refusals and moves, if it can."""
    from weka_cpuset.kubernetes import work  # imported only by an agent that shall tell it

    return work.telling_of(agent, os.environ)


def _http(
    agent: "Agent",
    chosen: settings.HttpSettings,
    queues: "Mapping[str, Queue]",
    fates: "Mapping[Fate, int]",
) -> Callable[[], Awaitable[None]]:
    """Return what shows the agent's state and metrics."""

    async def show() -> None:
        # Imported beside the event loop, as the runtime waits for the agent to start.
        from weka_cpuset.offload import in_thread

        await in_thread(lambda: importlib.import_module("weka_cpuset.web.work"))
        from weka_cpuset.web.work import server_of

        address, names = Address.parse(chosen.listen), chosen.names_in_metrics
        await server_of(agent, address, queues, fates, names=names).run()

    return show


def _settings_file(named: Path | None, environment: Mapping[str, str]) -> Path | None:
    if named is not None:
        return named
    if environment.get(FILE_VARIABLE):
        return Path(environment[FILE_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


if __name__ == "__main__":
    main()
