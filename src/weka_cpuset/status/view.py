"""The status for people: lines, and a picture. Pure: it depends on the status alone."""

import datetime
from collections.abc import Iterator, Sequence

from rich.text import Text

from weka_cpuset.engine import Class, CpuSet
from weka_cpuset.show.scene import Host, Occupant, Scene, look
from weka_cpuset.status.machine import topology_of
from weka_cpuset.status.schema import Container, Status

OK, WRONG = "bold green", "bold white on red3"
"""Colours of a healthy status, and of what is wrong."""


def scene_of(status: Status, before: Scene | None = None) -> Scene:
    """Return what a picture shows: who shall have which cpus.

    Args:
        status: The status.
        before: The scene that was shown before; what differs from it is marked as changed.
    """
    layout = topology_of(status.machine)
    occupants = [
        Occupant(
            label_of(one), Class(one.kind), CpuSet.parse(one.cpus), running=one.phase == "running"
        )
        for one in status.containers
    ]
    host = Host(layout, layout.online, CpuSet.parse(status.cpus.reserved))
    return look(host, occupants, before)


def head_of(status: Status) -> Iterator[Text]:
    """Yield the lines above a picture: how the agent is doing."""
    problems = status.health.problems
    state = "healthy" if not problems else "ready" if status.health.ready else "not ready"
    link = status.connection
    runtime = f"{link.runtime} {link.version}" if link.connected else "no runtime"
    line = Text.assemble((status.node, "bold"), ": ", (state, WRONG if problems else OK))
    line.append(f", {runtime} since {clock(link.since)}, agent {status.agent.version}")
    if status.agent.dry_run:
        line.append(", dry run: nothing is changed", "bold yellow")
    yield line
    for one in problems:
        yield Text.assemble((f"{one.code}:", "bold red"), f" {one.text}")
    pool = CpuSet.parse(status.cpus.pool)
    counts = ", ".join(f"{_count(status.containers, one)} {one.value}" for one in Class)
    yield Text(
        f"{len(status.containers)} containers: {counts}; {len(pool)} cpus in the pool: {pool}"
    )


def of_cpu(status: Status, cpu: int) -> list[Container]:
    """Return the containers that may run on a cpu, its owners if it has any."""
    return [one for one in status.containers if cpu in CpuSet.parse(one.cpus)]


def of_pod(status: Status, pod: str) -> list[Container]:
    """Return the containers of a pod, which is named `namespace/name`, or `name` alone."""
    return [one for one in status.containers if pod in (f"{one.namespace}/{one.pod}", one.pod)]


def cpu_lines(status: Status, cpu: int) -> Iterator[str]:
    """Yield who may run on a cpu of the machine."""
    found = of_cpu(status, cpu)
    reserved = ", reserved" if cpu in CpuSet.parse(status.cpus.reserved) else ""
    spare = (
        ", kept free for the next integer containers"
        if cpu in CpuSet.parse(status.cpus.spare)
        else ""
    )
    if cpu in CpuSet.parse(status.cpus.pool):
        yield f"cpu {cpu} is in the pool ({len(found)} containers{reserved}{spare})"
        yield from (f"  {label_of(one)}" for one in found)
        return
    yield f"cpu {cpu} is owned{reserved}"
    for one in found:
        yield from container_lines(one)


def container_lines(one: Container) -> Iterator[str]:
    """Yield what there is to know of a container."""
    yield f"{label_of(one)} ({one.id})"
    yield f"  class:  {one.kind}, because {one.why}"
    yield f"  cpus:   {one.cpus or 'none'}"
    if one.mems:
        yield f"  memory: nodes {one.mems}"
    if one.forbidden:
        yield f"  never:  {one.forbidden} (its pod forbids them)"
    yield f"  since:  {clock(one.since)}, {one.phase}"
    if one.due:
        yield "  due:    it is still to be told its cpus"
    if one.trouble:
        yield f"  wrong:  {one.trouble}"


def label_of(one: Container) -> str:
    """Return a container's name: namespace/pod/name."""
    return "/".join(part for part in (one.namespace, one.pod, one.name) if part)


def clock(seconds: float) -> str:
    """Return a time in seconds since 1970 as date and time of this host's time zone."""
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _count(containers: Sequence[Container], kind: Class) -> int:
    return sum(one.kind == kind.value for one in containers)
