"""The picture of a moment: how the cpus are used, the map, its key, and the containers.

Pure: what is drawn depends on the scene and the width alone. `scene.look` makes scenes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from nodesim import cpumap
from nodesim.boxes import Box, flow
from nodesim.report import Occupant
from nodesim.scene import Mark, Scene
from weka_cpuset.engine import Class, CpuSet

CONTAINERS_MAX = 12
"""How many lines of containers a picture has; the rest are counted."""

_WORDS: Mapping[Mark, str] = {
    Mark.ANNOTATED: "named by a pod",
    Mark.INTEGER: "one container's own",
    Mark.POOL: "pool, shared by the rest",
    Mark.RESERVED: "pool, reserved",
    Mark.OFFLINE: "offline",
    Mark.CLASH: "two owners: a rule is broken",
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
            yield containers_of(self.scene, self.containers_max)


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


def containers_of(scene: Scene, lines_max: int) -> Table:
    """Return the list of a scene's containers; shared ones with the same cpus in one line.

    Args:
        scene: What is shown.
        lines_max: How many lines it may have.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in ("tag", "class", "cpus"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    rows = [*_owners(scene), *_sharers(scene.occupants)]
    for row in rows[:lines_max]:
        table.add_row(*row)
    if len(rows) > lines_max:
        table.add_row("", "", "", f"and {len(rows) - lines_max} more")
    return table


def _owners(scene: Scene) -> Iterable[tuple[Text, str, str, str]]:
    for one in scene.occupants:
        if one.kind is not Class.SHARED:
            tag = scene.tags[one.label]
            style = cpumap.style_of_tag(tag)
            label = one.label if one.running else f"{one.label} (not started)"
            sign = "*" if one.changed else " "
            yield Text.assemble((tag, style), sign), one.kind.value, f"{one.cpus}", label


def _sharers(occupants: Iterable[Occupant]) -> Iterable[tuple[Text, str, str, str]]:
    groups: dict[CpuSet, list[Occupant]] = {}
    for one in occupants:
        if one.kind is Class.SHARED:
            groups.setdefault(one.cpus, []).append(one)
    for cpus, members in groups.items():
        sign = "*" if any(one.changed for one in members) else " "
        names = ", ".join(one.label for one in members)
        tag = Text.assemble((Mark.POOL.value, cpumap.STYLES[Mark.POOL]), sign)
        count = f"{len(members)}: " if len(members) > 1 else ""
        yield tag, Class.SHARED.value, f"{cpus}", f"{count}{names}"
