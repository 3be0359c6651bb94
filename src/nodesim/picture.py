"""The node as a picture for a terminal: a cell per cpu, grouped by node and core."""

from collections.abc import Iterable, Mapping

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nodesim.machine import Machine
from nodesim.node import Pod
from weka_cpuset.engine import CORES_ANNOTATION, CpuSet

STYLES = {"annotated": "bold white on magenta", "integer": "bold white on blue", "shared": "green"}
LETTERS = {"annotated": "A", "integer": "I", "shared": "·"}


def class_of(pod: Pod) -> str:
    """Return a pod's class in words; the picture's own view, from the manifest."""
    if CORES_ANNOTATION in pod.annotations:
        return "annotated"
    whole = pod.guaranteed and pod.milli_cpus >= 1000 and pod.milli_cpus % 1000 == 0
    return "integer" if whole else "shared"


def node_map(
    machine: Machine, cpusets: Mapping[str, CpuSet], pods: Mapping[str, Pod]
) -> RenderableType:
    """Return the map of a node.

    Args:
        machine: The machine.
        cpusets: The applied cpusets by pod name.
        pods: The pods by name.
    """
    kinds = {name: class_of(pod) for name, pod in pods.items()}
    exclusive = {
        cpu: kinds[name]
        for name, cpus in cpusets.items()
        if kinds[name] != "shared"
        for cpu in cpus
    }
    tables = []
    for node in machine.nodes:
        table = Table(title=f"node {node}", title_justify="left", box=None, padding=(0, 1, 0, 0))
        cores: dict[int, list[int]] = {}
        for cpu in machine.cpus:
            if cpu.node == node:
                cores.setdefault(cpu.core, []).append(cpu.id)
        for core in cores:
            table.add_column(f"{core}", justify="center", style="dim")
        for thread in zip(*cores.values(), strict=True):
            table.add_row(*(_cell(cpu, exclusive.get(cpu, "shared")) for cpu in thread))
        tables.append(table)
    return Group(Columns(tables, padding=(0, 3)), _pods(cpusets, pods, kinds))


def legend() -> Text:
    """Return the meaning of the letters and colours."""
    parts: list[tuple[str, str] | str] = []
    for kind, words in (
        ("annotated", " named by a pod   "),
        ("integer", " one pod's own   "),
        ("shared", " the pool, for everybody else"),
    ):
        parts += [(f" {LETTERS[kind]} ", STYLES[kind]), words]
    return Text.assemble(*parts)


def _cell(cpu: int, kind: str) -> Text:
    return Text(f"{LETTERS[kind]}{cpu:>3}", style=STYLES[kind])


def _pods(
    cpusets: Mapping[str, CpuSet], pods: Mapping[str, Pod], kinds: Mapping[str, str]
) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("pod", "class", "asks for", "may run on"):
        table.add_column(title)
    for name, pod in pods.items():
        cpus = str(cpusets.get(name, "nothing yet"))
        kind = Text(kinds[name], style=STYLES[kinds[name]])
        table.add_row(name, kind, _asks_for(pod), cpus)
    return table


def _asks_for(pod: Pod) -> str:
    wishes: Iterable[str] = (
        f"{name.removeprefix('weka.io/')}: {value}" for name, value in pod.annotations.items()
    )
    return ", ".join([f"{pod.milli_cpus / 1000:g} cpus", *wishes])
