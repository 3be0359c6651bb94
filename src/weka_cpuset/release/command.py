"""The command `weka-cpuset release`."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

import click

import nri
from weka_cpuset import cli, instance, settings, sysfs
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.release.releaser import Narrow, Releaser, wait_until_wide

EXIT_DONE: Final = 0
"""Exit code if all containers may run everywhere, or it was only told who may not."""

EXIT_HELD: Final = 1
"""Exit code if a container may still not run everywhere, or it is not known."""

SYNCHRONIZE_S: Final = 60.0
"""How long the runtime may take to report its containers, in seconds."""

APPLY_S: Final = 30.0
"""How long the runtime may take to update them, in seconds; one takes some 10 ms."""

_FAILURES = (settings.SettingsError, nri.NriError, sysfs.TopologyUnreadable)


@click.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="The settings file (YAML).")
@click.option("--write", is_flag=True, help="Do it; without this it is only told.")
@click.option(
    "--stay",
    is_flag=True,
    help="With --write: stay until asked to stop, as a pod of a DaemonSet has to.",
)
def release(file: Path | None, *, write: bool, stay: bool, **options: object) -> None:
    """Give every container the whole machine back, after the agent has been taken away.

    Exit status: 0 done, or told; 1 not all of them have it; 2 a setting is wrong.
    """
    if stay and not write:
        raise click.UsageError("--stay goes with --write")
    if stay:
        _end_on_request(EXIT_HELD)
    try:
        chosen = cli.load_settings(file, options)
    except settings.SettingsError as error:
        click.echo(f"weka-cpuset: {error}", err=True)
        sys.exit(cli.EXIT_CANNOT_WORK)
    try:
        narrow, left = asyncio.run(_release(chosen, write=write))
    except instance.AnotherInstance as error:
        click.echo(
            f"weka-cpuset: {error}; take it away first: it would narrow them again", err=True
        )
        sys.exit(EXIT_HELD)
    except (*_FAILURES, OSError, TimeoutError) as error:
        click.echo(f"weka-cpuset: {str(error) or 'the runtime does not report'}", err=True)
        sys.exit(EXIT_HELD)
    for one in narrow:
        state = "still on" if one in left else "freed from" if write else "would be freed from"
        click.echo(f"{one.name}: {state} {one.cpus or 'some memory nodes'}")
    if left:
        sys.exit(EXIT_HELD)
    if stay:
        _end_on_request(EXIT_DONE)
    click.echo(f"{len(narrow)} containers" + ("" if write else "; add --write to do it"))
    while stay:
        signal.pause()


cli.add_setting_options(release, ("nri.socket", "nri.name", "nri.index", "sysfs", "cgroups"))


def _end_on_request(status: int) -> None:
    """From now on end with this status when asked to.

    The first process of a container never sees a signal that it has no handler for
    (pid_namespaces(7)).
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(status))


async def _release(
    chosen: settings.Settings, *, write: bool
) -> tuple[tuple[Narrow, ...], tuple[Narrow, ...]]:
    """Return the containers that had a cpuset, and those that still have."""
    topology = sysfs.read_topology(chosen.sysfs)
    tree = CpusetTree(chosen.cgroups)
    releaser = Releaser(topology, tree, write=write)
    with instance.lock(chosen.nri.socket.parent):
        connection = await nri.connect(
            nri.SocketEndpoint(os.fspath(chosen.nri.socket)),
            nri.Identity(chosen.nri.name, chosen.nri.index),
            releaser,
            timeouts=nri.Timeouts(register_s=chosen.nri.registration_timeout_s),
        )
        try:
            async with asyncio.timeout(SYNCHRONIZE_S):
                await connection.wait_synchronized()
                await releaser.answered_report.wait()
            if not write:
                return releaser.narrow, ()
            left = await wait_until_wide(releaser.narrow, tree, topology.online, APPLY_S)
            return releaser.narrow, left
        finally:
            connection.close()
