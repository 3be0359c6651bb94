"""What is to be done to install the agent on a host, and to take it away again.

There are two ways. With systemd the agent is a unit of its own. Launched by the runtime it is
an executable in the runtime's plugin folder, and connected before any pod can be created. A host
has one of them: two connected agents would make each creation of a container fail.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, assert_never

from weka_cpuset import settings
from weka_cpuset.install.steps import Copy, Remove, Run, Step, Write

UNIT: Final = Path("/etc/systemd/system/weka-cpuset.service")
PROGRAM: Final = Path("/usr/local/bin/weka-cpuset")
PLUGIN: Final = Path("/opt/nri/plugins/99-weka-cpuset")
SETTINGS: Final = Path("/etc/weka-cpuset/config.yaml")
LOG: Final = Path("/var/log/weka-cpuset/agent.log")
"""Where a launched agent logs: the runtime gives it no output."""


class Way(enum.StrEnum):
    """How the agent is started on a host."""

    SYSTEMD = "systemd"
    RUNTIME_LAUNCHED = "runtime-launched"


class OtherWay(Exception):
    """The agent is installed in the other way already.

    Args:
        way: The way in which it is installed.
        path: The file that shows it.
    """

    def __init__(self, way: Way, path: Path) -> None:
        super().__init__(way, path)
        self.way = way
        self.path = path

    def __str__(self) -> str:
        return (
            f"{self.path} is there: the agent is installed as {self.way}; two agents would make "
            f"each creation of a container fail. First: weka-cpuset uninstall --{self.way} --write"
        )


class NoExecutable(Exception):
    """The program is not the self-contained executable, and the way needs that.

    Args:
        program: What the program is.
    """

    def __init__(self, program: Path) -> None:
        super().__init__(program)
        self.program = program

    def __str__(self) -> str:
        return (
            f"{self.program} needs the Python that it is installed with; the runtime starts its "
            "plugins without an environment, so use the self-contained executable of the release"
        )


@dataclass(frozen=True, slots=True)
class Program:
    """The program that is being run.

    Attributes:
        path: Where it is.
        is_executable: Whether it is the self-contained executable, which can be copied.
    """

    path: Path
    is_executable: bool


@dataclass(frozen=True, slots=True)
class Host:
    """Where to install.

    Attributes:
        root: The root of the host's files.
        has_systemd: Whether systemd runs here, for this root.
        plugin: The file in the runtime's plugin folder, as the host sees it.
    """

    root: Path
    has_systemd: bool
    plugin: Path = PLUGIN

    def at(self, path: Path) -> Path:
        """Return where a path of the host is from here."""
        return self.root / path.relative_to("/")


def install(way: Way, host: Host, program: Program) -> list[Step]:
    """Return the steps that install the agent, or bring an installed one up to date.

    Args:
        way: How it is to be started.
        host: Where.
        program: What is to be installed.

    Raises:
        OtherWay: It is installed in the other way.
        NoExecutable: This way needs the self-contained executable.
        SettingsError: The host has a settings file with which the agent could not start.
    """
    _refuse_other(way, host)
    found = host.at(SETTINGS)
    steps: list[Step] = []
    if found.exists():
        settings.load(found, {}, {})
    else:
        steps.append(Write(found, _first_settings(way)))
    match way:
        case Way.SYSTEMD:
            return [*steps, *_install_unit(host, program)]
        case Way.RUNTIME_LAUNCHED:
            if not program.is_executable:
                raise NoExecutable(program.path)
            plugin = host.at(host.plugin)
            # Made beside the folder: the runtime does not start with an executable in it that
            # has a name of another form.
            return [
                *steps,
                Write(host.at(LOG), ""),
                Copy(program.path, plugin, plugin.parent.parent),
            ]
        case _ as never:
            assert_never(never)


def uninstall(way: Way, host: Host) -> list[Step]:
    """Return the steps that take the agent away; its settings stay.

    Args:
        way: How it is started.
        host: Where.
    """
    match way:
        case Way.SYSTEMD:
            stop = [Run(("systemctl", "disable", "--now", UNIT.name))] if host.has_systemd else []
            again = [Run(("systemctl", "daemon-reload"))] if host.has_systemd else []
            return [*stop, Remove(host.at(UNIT)), Remove(host.at(PROGRAM)), *again]
        case Way.RUNTIME_LAUNCHED:
            return [Remove(host.at(host.plugin))]
        case _ as never:
            assert_never(never)


def afterwards(way: Way, host: Host) -> Sequence[str]:
    """Return what is left to the person who has installed the agent, one line each."""
    match way:
        case Way.SYSTEMD if host.has_systemd:
            return ("systemctl status weka-cpuset",)
        case Way.SYSTEMD:
            return ("on the host: systemctl daemon-reload && systemctl enable --now weka-cpuset",)
        case Way.RUNTIME_LAUNCHED:
            return ("restart the container runtime: it launches its plugins when it starts",)
        case _ as never:
            assert_never(never)


def unit(program: Path) -> str:
    """Return the text of the unit.

    Args:
        program: What it starts.
    """
    text = files(__package__).joinpath(UNIT.name).read_text()
    return text.replace("@program@", str(program))


def _install_unit(host: Host, program: Program) -> list[Step]:
    started = PROGRAM if program.is_executable else program.path
    steps: list[Step] = []
    if program.is_executable:
        copied = host.at(PROGRAM)
        steps.append(Copy(program.path, copied, copied.parent))
    steps.append(Write(host.at(UNIT), unit(started)))
    if host.has_systemd:
        steps.append(Run(("systemctl", "daemon-reload")))
        steps.append(Run(("systemctl", "enable", UNIT.name)))
        steps.append(Run(("systemctl", "restart", "--no-block", UNIT.name)))
    return steps


def _first_settings(way: Way) -> str:
    text = "# The agent's settings: see docs/reference/settings.md. All have defaults.\n"
    return text + (f"log:\n  file: {LOG}\n" if way is Way.RUNTIME_LAUNCHED else "{}\n")


def _refuse_other(way: Way, host: Host) -> None:
    files_of = {Way.SYSTEMD: UNIT, Way.RUNTIME_LAUNCHED: host.plugin}
    for other, path in files_of.items():
        if other is not way and host.at(path).exists():
            raise OtherWay(other, path)
