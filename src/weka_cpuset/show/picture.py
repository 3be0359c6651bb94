"""The picture of a moment: how the cpus are used, the map, its key, and the containers.

Pure: what is drawn depends on the scene and the width alone. `scene.look` makes scenes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from weka_cpuset.engine import Class, CpuSet
from weka_cpuset.show import cpumap
from weka_cpuset.show.boxes import Box, flow
from weka_cpuset.show.scene import Mark, Occupant, Scene

CONTAINERS_MAX = 12
"""How many lines of containers a picture has; the rest are counted."""

CPUS_WIDTH_MAX = 30
"""Columns for a container's cpus; a longer list is cut, the map has them all."""

_CLASS_WIDTH = max(len(kind.value) for kind in Class)

_WORDS: Mapping[Mark, str] = {
    Mark.ANNOTATED: "named by a pod",
    Mark.INTEGER: "one container's own",
    Mark.POOL: "pool, shared by the rest",
    Mark.RESERVED: "pool, reserved",
    Mark.OFFLINE: "offline",
    Mark.CLASH: "an owner's, with a stranger on it",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A renderable for rich, as wide as there is room.

    Attributes:
        scene: What is shown.
        containers_max: How many lines of containers it may have.
    """

    scene: Scene
    containers_max: int = CONTAINERS_MAX

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, none longer than there is room."""
        yield from cpumap.map_of(self.scene, options.max_width)
        yield Text()
        yield from key_of(self.scene, options.max_width)
        if self.scene.occupants:
            yield Text()
            yield from containers_of(self.scene, self.containers_max, options.max_width)


def key_of(scene: Scene, width: int) -> Box:
    """Return what the letters of a scene's map mean, each with its number of cpus.

    Args:
        scene: What is shown.
        width: How many columns there are.
    """
    parts = []
    for mark in Mark:
        count = scene.count(mark)
        if count:
            style = cpumap.STYLES[mark]
            parts.append(Text.assemble((mark.value, style), f" {_WORDS[mark]} ({count})"))
    if any(cell.changed for cell in scene.cells.values()):
        parts.append(Text.assemble(("*", "bold"), " just changed"))
    return flow([[part] for part in parts], width, gap=3)


def containers_of(scene: Scene, lines_max: int, width: int) -> Box:
    """Return the list of a scene's containers; shared ones with the same cpus in one line.

    Args:
        scene: What is shown.
        lines_max: How many lines it may have.
        width: How many columns there are.
    """
    rows = [*_owners(scene), *_sharers(scene.occupants)]
    shown = rows[:lines_max]
    tag_width = max((row.tag.cell_len for row in shown), default=0)
    cpus_width = min(CPUS_WIDTH_MAX, max((len(row.cpus) for row in shown), default=0))
    lines = []
    for row in shown:
        cpus = Text(row.cpus)
        cpus.truncate(cpus_width, overflow="ellipsis", pad=True)
        tag = row.tag.copy()
        tag.pad_right(tag_width - tag.cell_len)
        line = Text.assemble(tag, f" {row.kind.value:<{_CLASS_WIDTH}}  ", cpus, f"  {row.names}")
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    if len(rows) > lines_max:
        lines.append(Text(f"and {len(rows) - lines_max} more"))
    return lines


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the list: one owner, or all shared containers with the same cpus."""

    tag: Text
    kind: Class
    cpus: str
    names: str


def _owners(scene: Scene) -> Iterable[_Row]:
    for one in scene.occupants:
        if one.kind is not Class.SHARED:
            tag = scene.tags[one.label]
            style = cpumap.style_of_tag(tag)
            label = one.label if one.running else f"{one.label} (not started)"
            sign = "*" if one.changed else " "
            yield _Row(Text.assemble((tag, style), sign), one.kind, str(one.cpus), label)


def _sharers(occupants: Iterable[Occupant]) -> Iterable[_Row]:
    groups: dict[CpuSet, list[Occupant]] = {}
    for one in occupants:
        if one.kind is Class.SHARED:
            groups.setdefault(one.cpus, []).append(one)
    for cpus, members in groups.items():
        sign = "*" if any(one.changed for one in members) else " "
        names = ", ".join(one.label for one in members)
        tag = Text.assemble((Mark.POOL.value, cpumap.STYLES[Mark.POOL]), sign)
        count = f"{len(members)}: " if len(members) > 1 else ""
        yield _Row(tag, Class.SHARED, str(cpus), f"{count}{names}")
