"""`weka-cpuset topology`: how the cpus of a machine are grouped, and its file for elsewhere.

It lives beside the simulator because it shows the simulator's machines too.
"""

import os
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from nodesim import machines
from nodesim.fields import InputError
from nodesim.topology_facts import facts_of, text_of
from weka_cpuset.machine import Machine, MachineInvalid
from weka_cpuset.machine_file import MachineFileError, encode
from weka_cpuset.sysfs import TopologyUnreadable, read_machine

EXIT_BAD_INPUT = 2
"""A machine cannot be read or a file cannot be written; click's own code for a wrong option."""

FILE_MODE = 0o644
"""Permissions of a machine's file: it is made to be passed on, and holds no secret."""

STDOUT = "-"
"""The name that stands for the standard output."""


class NotWritable(Exception):
    """A file cannot be written.

    Attributes:
        file: Its name.
        problem: Why not.
    """

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(file, problem)
        self.file = file
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}; use a file that can be written, or {STDOUT!r}"


@click.command()
@click.option(
    "--sysfs",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the kernel describes the machine [default: /sys].",
)
@click.option(
    "--machine",
    metavar="NAME|FILE",
    help=f"Another machine: a file made with --capture, or one of {', '.join(machines.MACHINES)}.",
)
@click.option(
    "--capture",
    metavar="FILE",
    help="Write the machine to FILE, for `weka-cpuset simulate --machine FILE` anywhere; "
    "an existing file is replaced, - is the standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def topology(
    sysfs: Path | None, machine: str | None, capture: str | None, *, as_json: bool
) -> None:
    """Show packages, nodes, LLC groups and cores, as the agent places by them.

    Exit status: 0 shown or written; 2 something in the input is wrong.
    """
    if sysfs is not None and machine is not None:
        raise click.UsageError("--sysfs and --machine both name a machine; use one of them")
    if as_json and capture is not None:
        raise click.UsageError("--capture writes a file of its own form; use it without --json")
    try:
        shown = (
            read_machine(sysfs or Path("/sys"), _name_for(capture))
            if machine is None
            else machines.find(machine)
        )
        if capture is not None:
            _write(shown, capture)
            return
    except (
        *(InputError, MachineFileError, MachineInvalid),
        *(NotWritable, TopologyUnreadable),
    ) as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    facts = facts_of(shown)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(facts)).decode())
    else:
        click.echo(text_of(facts), nl=False)


def _name_for(capture: str | None) -> str:
    """Return the name of a machine that is read from sysfs: that of its file, if it gets one."""
    return "this machine" if capture in (None, STDOUT) else Path(str(capture)).stem


def _write(machine: Machine, file: str) -> None:
    """Write a machine's file.

    Raises:
        NotWritable: It cannot be written.
    """
    data = encode(machine)
    if file == STDOUT:
        click.echo(data, nl=False)
        return
    try:
        _replace(Path(file).resolve(), data)
    except (OSError, ValueError) as error:
        raise NotWritable(file, getattr(error, "strerror", None) or "no such file") from error
    click.echo(f"{file}: {len(machine.cpus)} cpus written", err=True)


def _replace(path: Path, data: bytes) -> None:
    """Put a file in place whole or not at all.

    Raises:
        OSError: It cannot be written; a device, folder or socket is never replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(0, "not a regular file")
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), FILE_MODE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
