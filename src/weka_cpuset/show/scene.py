"""What a picture of a machine shows: a mark for each cpu, and a short tag for each owner.

Values only; `picture` draws them. In a simulation the containers have what the simulated kernel
enforces, so a picture shows what is, not what the agent believes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from weka_cpuset.engine import Class, CpuSet, Topology


class Mark(Enum):
    """What a cpu is used for. The value is its letter in a picture."""

    ANNOTATED = "A"
    INTEGER = "I"
    POOL = "·"
    RESERVED = "R"
    """In the pool, and never given to an integer container (`cpus.reserved`)."""
    OFFLINE = "x"
    CLASH = "!"
    """Processes of two containers run on it, and one of them owns it. For a moment that can be
    the runtime's doing (it loses updates during a start); if it stays so, rule 1 is broken."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """One live container.

    Attributes:
        label: `namespace/pod/container`.
        kind: Its class.
        cpus: The cpus that it has.
        running: Whether its process runs (created ones do not yet).
        changed: Whether its cpus changed since the last picture.
    """

    label: str
    kind: Class
    cpus: CpuSet
    running: bool
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cpu of a picture.

    Attributes:
        mark: What it is used for.
        tag: Letter and number of its owner, such as `I3`; the letter alone without owner.
        changed: Whether its tag was another one in the picture before.
    """

    mark: Mark
    tag: str
    changed: bool = False

    @property
    def is_owned(self) -> bool:
        """Whether an annotated or integer container has it."""
        return self.mark in (Mark.ANNOTATED, Mark.INTEGER, Mark.CLASH)


@dataclass(frozen=True, slots=True)
class Host:
    """What a scene is made of besides the containers.

    Attributes:
        layout: All cpus of the machine, offline ones too, in their groups.
        online: The cpus that are online.
        reserved: The cpus of the setting `cpus.reserved`.
    """

    layout: Topology
    online: CpuSet
    reserved: CpuSet = CpuSet.EMPTY


@dataclass(frozen=True, slots=True)
class Scene:
    """A machine and its containers at one moment.

    Attributes:
        host: The machine.
        occupants: The live containers, sorted by class and label.
        tags: The tag of each annotated and integer container by its label.
        cells: What each cpu is used for.
    """

    host: Host
    occupants: tuple[Occupant, ...]
    tags: Mapping[str, str]
    cells: Mapping[int, Cell]

    def count(self, mark: Mark) -> int:
        """Return how many cpus have a mark."""
        return sum(cell.mark is mark for cell in self.cells.values())


def look(host: Host, occupants: Iterable[Occupant], before: Scene | None = None) -> Scene:
    """Return the scene of a moment.

    Args:
        host: The machine.
        occupants: The live containers.
        before: The scene that was shown before: containers keep their tags, and what
            differs from it is marked as changed.
    """
    order = list(Class)
    live = tuple(sorted(occupants, key=lambda one: (order.index(one.kind), one.label)))
    tags = _tags(live, before.tags if before else {})
    cells = _cells(host, live, tags)
    if before is None:
        return Scene(host, live, tags, cells)
    old = {one.label: one.cpus for one in before.occupants}
    return Scene(
        host,
        tuple(replace(one, changed=old.get(one.label) != one.cpus) for one in live),
        tags,
        {cpu: _compared(cell, before.cells.get(cpu)) for cpu, cell in cells.items()},
    )


def mark_of(kind: Class) -> Mark:
    """Return the mark of a class's cpus."""
    match kind:
        case Class.ANNOTATED:
            return Mark.ANNOTATED
        case Class.INTEGER:
            return Mark.INTEGER
        case Class.SHARED:
            return Mark.POOL
        case _:
            assert_never(kind)


def _tags(occupants: Iterable[Occupant], before: Mapping[str, str]) -> dict[str, str]:
    """Give each owner a tag: its old one, or the lowest number that is free."""
    letters = {
        one.label: mark_of(one.kind).value for one in occupants if one.kind is not Class.SHARED
    }
    tags = {
        label: before[label]
        for label, letter in letters.items()
        if before.get(label, "").startswith(letter)
    }
    taken = set(tags.values())
    for label, letter in letters.items():
        if label not in tags:
            number = 1
            while f"{letter}{number}" in taken:
                number += 1
            tags[label] = f"{letter}{number}"
            taken.add(tags[label])
    return tags


def _cells(host: Host, occupants: tuple[Occupant, ...], tags: Mapping[str, str]) -> dict[int, Cell]:
    clashes = _clashes(occupants)
    owners: dict[int, Cell] = {}
    for one in occupants:
        if one.kind is not Class.SHARED:
            cell = Cell(mark_of(one.kind), tags[one.label])
            for cpu in one.cpus:
                first = owners.setdefault(cpu, cell)
                if first.tag.rstrip("+") != cell.tag:
                    owners[cpu] = Cell(first.mark, first.tag.rstrip("+") + "+")
    cells = {}
    for cpu in host.layout.online:
        if cpu not in host.online:
            cells[cpu] = Cell(Mark.OFFLINE, Mark.OFFLINE.value)
        elif cpu in clashes:
            cells[cpu] = Cell(Mark.CLASH, Mark.CLASH.value)
        else:
            mark = Mark.RESERVED if cpu in host.reserved else Mark.POOL
            cells[cpu] = owners.get(cpu, Cell(mark, mark.value))
    return cells


def _clashes(occupants: Iterable[Occupant]) -> CpuSet:
    """Return the cpus on which a stranger's process runs beside an integer or annotated one."""
    used = dict.fromkeys(Class, CpuSet.EMPTY)
    twice = CpuSet.EMPTY
    for one in occupants:
        if one.running:
            if one.kind is Class.INTEGER:
                twice |= used[one.kind] & one.cpus
            used[one.kind] |= one.cpus
    owned = used[Class.ANNOTATED] | used[Class.INTEGER]
    both = used[Class.ANNOTATED] & used[Class.INTEGER]
    return twice | both | (owned & used[Class.SHARED])


def _compared(cell: Cell, before: Cell | None) -> Cell:
    if before is None or before.tag == cell.tag:
        return cell
    return Cell(cell.mark, cell.tag, changed=True)
