"""The map of a machine: one cell per cpu, in its groups.

Cores stand side by side, the cpus of one core below each other; a bracket joins those of an
LLC group, NUMA nodes and packages have headings. Colours only repeat what the letters say, so
that the map reads the same in a log file. Pure: it depends on the scene and the width alone.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich.text import Text

from weka_cpuset.engine import CpuSet, Topology
from weka_cpuset.show.boxes import Box, flow
from weka_cpuset.show.scene import Cell, Mark, Scene

IDS_UP_TO = 64
"""Up to how many cpus each cell shows the cpu's id; larger machines have it in the margin."""

STYLES: Mapping[Mark, str] = {
    Mark.ANNOTATED: "bold white on dark_magenta",
    Mark.INTEGER: "bold white on dodger_blue3",
    Mark.POOL: "green",
    Mark.RESERVED: "yellow",
    Mark.OFFLINE: "dim",
    Mark.CLASH: "bold white on red3",
}
OTHER_INTEGER = "bold white on dark_cyan"
"""For every second integer container, so that neighbours can be told apart."""

_TAG_WIDTH_MIN = 2
"""So that a picture does not change its shape when the first owner comes."""

_BETWEEN_LLCS = 1
_BETWEEN_NODES = 4


def map_of(scene: Scene, width: int) -> Box:
    """Return the lines of a scene's map.

    Args:
        scene: What is shown.
        width: How many columns there are.
    """
    layout = scene.host.layout
    pen = _Pen.of(scene)
    boxes = [_node(pen, node, width) for node in layout.nodes]
    boxes += [
        [Text(f"node {node.id}: memory only", style="bold")]
        for node in layout.numa.values()
        if node.has_memory and not node.cpus
    ]
    return flow(boxes, width, _BETWEEN_NODES, blank_lines=1)


def style_of(cell: Cell) -> str:
    """Return the colours of a cell."""
    return style_of_tag(cell.tag)


def style_of_tag(tag: str) -> str:
    """Return the colours of a tag."""
    mark = Mark(tag[0])
    if mark is Mark.INTEGER and tag.rstrip("+")[-1] in "02468":
        return OTHER_INTEGER
    return STYLES[mark]


@dataclass(frozen=True, slots=True)
class _Pen:
    """How the cells of one picture are written.

    Attributes:
        cells: What each cpu is used for.
        layout: The groups.
        tag_width: Columns of the widest tag.
        id_width: Columns of an id in a cell; 0: ids stand in the margin.
        margin: Columns of the margin; 0: there is none.
    """

    cells: Mapping[int, Cell]
    layout: Topology
    tag_width: int
    id_width: int
    margin: int

    @classmethod
    def of(cls, scene: Scene) -> "_Pen":
        layout = scene.host.layout
        digits = len(str(max(layout.online, default=0)))
        tag_width = max((len(cell.tag) for cell in scene.cells.values()), default=1)
        tag_width = max(tag_width, _TAG_WIDTH_MIN)
        rows = [row for llc in layout.llcs for row in _rows(_columns(layout, llc))]
        if len(layout.online) <= IDS_UP_TO or not all(_is_even(row) for row in rows):
            return cls(scene.cells, layout, tag_width, digits, 0)
        has_gaps = any(".." in _name_of(row) for row in rows)
        margin = len(",..") + 3 * digits if has_gaps else len("-") + 2 * digits
        return cls(scene.cells, layout, tag_width, 0, margin)

    @property
    def cell_width(self) -> int:
        """Columns of one cell: id and blank, tag, and the sign of a change."""
        return (self.id_width + 1 if self.id_width else 0) + self.tag_width + 1

    def row(self, row: "_Row") -> Text:
        """Return one line of cells."""
        line = Text()
        if self.margin:
            line.append(f"{_name_of(row):>{self.margin}} ", style="dim")
        for cpu in row:
            self._write(line, cpu)
        return line

    def _write(self, line: Text, cpu: int | None) -> None:
        if cpu is None:
            line.append(" " * self.cell_width)
            return
        cell = self.cells[cpu]
        style = style_of(cell)
        if self.id_width:
            line.append(f"{cpu:>{self.id_width}} ", style=style if cell.is_owned else "dim")
        line.append(f"{cell.tag:<{self.tag_width}}", style=style)
        line.append("*" if cell.changed else " ", style="bold")


_Row: TypeAlias = Sequence[int | None]
"""The cpus of one line; None where a core has fewer cpus than others."""


def _node(pen: _Pen, node: CpuSet, width: int) -> Box:
    """Draw one NUMA node: its heading and its LLC groups."""
    groups = [_llc(pen, llc, width) for llc in pen.layout.llcs_in(node)]
    return [_heading(pen.layout, node, width), *flow(groups, width, _BETWEEN_LLCS)]


def _heading(layout: Topology, node: CpuSet, width: int) -> Text:
    names = [f"node {one.id}" for one in layout.numa.values() if not one.cpus.isdisjoint(node)]
    if len(layout.packages) > 1:
        at = next(at for at, package in enumerate(layout.packages) if node <= package)
        names.append(f"package {at}")
    name = ", ".join(names) or "all cpus"
    text = Text.assemble((name, "bold"), (f": {node}", "dim"))
    text.truncate(width, overflow="ellipsis")
    return text


def _llc(pen: _Pen, llc: CpuSet, width: int) -> Box:
    """Draw one LLC group with a bracket at its left."""
    columns = _columns(pen.layout, llc)
    room = max(1, (width - len("[ ") - pen.margin - 1) // pen.cell_width)
    lines: Box = []
    starts = set()
    for part in _parts(columns, room):
        starts.add(len(lines))
        lines += [pen.row(row) for row in _rows(part)]
    return [
        Text.assemble((_bracket(at, len(lines), at in starts), "dim"), " ", line)
        for at, line in enumerate(lines)
    ]


def _bracket(at: int, height: int, is_start: bool) -> str:  # noqa: FBT001  # private
    if height == 1:
        return "["
    if at == 0:
        return "┌"
    if at == height - 1:
        return "└"
    return "├" if is_start else "│"


def _columns(layout: Topology, llc: CpuSet) -> list[tuple[int, ...]]:
    """Return the cpus of each core of an LLC group."""
    return [tuple(core) for core in layout.cores_in(llc)]


def _rows(columns: Sequence[tuple[int, ...]]) -> list[_Row]:
    """Turn cores into lines: the first cpus of all cores, then the second ones, and so on."""
    return list(itertools.zip_longest(*columns))


def _parts(columns: Sequence[tuple[int, ...]], room: int) -> Iterable[Sequence[tuple[int, ...]]]:
    """Cut into as few parts as fit into the room, all about as long."""
    count = -(-len(columns) // room)
    length = -(-len(columns) // count)
    return (columns[at : at + length] for at in range(0, len(columns), length))


def _is_even(row: _Row) -> bool:
    """Tell whether a line's ids have the same distance, so that first and last name them all."""
    ids = [cpu for cpu in row if cpu is not None]
    return len(ids) == len(row) and len({b - a for a, b in itertools.pairwise(ids)}) <= 1


def _name_of(row: _Row) -> str:
    """Name an even line's cpus, such as `8-15`, `0,2` or `0,2..14`."""
    ids = [cpu for cpu in row if cpu is not None]
    if len(ids) < 2 or ids[1] == ids[0] + 1:
        return str(CpuSet.of(ids))
    return f"{ids[0]},{ids[1]}" if len(ids) == 2 else f"{ids[0]},{ids[1]}..{ids[-1]}"
