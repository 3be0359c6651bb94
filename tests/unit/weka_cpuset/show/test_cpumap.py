"""The map of a machine: every cpu once, in its groups, within the width."""

import re

import pytest

from tests.machines import LAPTOP, SERVER, flat, grid
from weka_cpuset.engine import Class, Cpu, CpuSet, Node, Topology
from weka_cpuset.show.cpumap import map_of
from weka_cpuset.show.scene import Host, Occupant, Scene, look

SPARSE = Topology.build(
    Cpu(id=id_, core=at // 2, node=at // 4, package=0)
    for at, id_ in enumerate((0, 7, 64, 900, 1023, 2048, 4094, 4095))
)
ASYMMETRIC = Topology.build(
    [Cpu(id=at, core=at // 2, llc=0) for at in range(8)]
    + [Cpu(id=at, core=at, llc=1 + (at - 8) // 4) for at in range(8, 16)]
)
MACHINES = {
    "four cpus": flat(4),
    "laptop": LAPTOP,
    "server": SERVER,
    "smt4": grid(1, 2, 1, 12, 4),
    "nothing known": flat(96),
    "siblings adjacent": Topology.build(Cpu(id=at, core=at // 2, node=0) for at in range(128)),
    "many LLCs": grid(2, 1, 16, 8, 2),
    "sparse": SPARSE,
    "asymmetric": ASYMMETRIC,
}


def crowded(layout: Topology) -> Scene:
    """Return a scene in which each cpu has an owner of its own, so that its tag is unique."""
    occupants = [
        Occupant(f"d/{cpu:04}/c", Class.INTEGER, CpuSet.of((cpu,)), running=True)
        for cpu in layout.online
    ]
    return look(Host(layout, layout.online), occupants)


def plain(scene: Scene, width: int) -> list[str]:
    """Return the lines of a map without colours."""
    return [line.plain for line in map_of(scene, width)]


@pytest.mark.parametrize("width", [80, 100, 140, 200])
@pytest.mark.parametrize("name", MACHINES)
def test_every_cpu_is_there_once_and_nothing_is_too_wide(name: str, width: int) -> None:
    """Each cpu has exactly one cell, and no line is longer than the terminal is wide."""
    layout = MACHINES[name]
    scene = crowded(layout)

    lines = plain(scene, width)

    tags = re.findall(r"I\d+", "\n".join(lines))
    assert sorted(scene.tags.values()) == sorted(tags)
    assert width >= max(len(line) for line in lines)


@pytest.mark.parametrize("name", MACHINES)
def test_each_core_stands_in_one_column(name: str) -> None:
    """The cells of one core are below each other, in the order of its cpus."""
    layout = MACHINES[name]
    scene = crowded(layout)
    lines = plain(scene, 140)
    places = {
        found[0]: (row, found.start())
        for row, line in enumerate(lines)
        for found in re.finditer(r"I\d+", line)
    }

    for core in layout.cores:
        its_places = [places[scene.cells[cpu].tag] for cpu in core]
        assert 1 == len({column for _, column in its_places})
        rows = [row for row, _ in its_places]
        assert list(range(rows[0], rows[0] + len(rows))) == rows


def test_small_machines_show_the_id_beside_each_tag() -> None:
    """Up to 64 cpus, and wherever ids are uneven, each cell has its cpu's id."""
    scene = crowded(SPARSE)
    lines = "\n".join(plain(scene, 80))

    for cpu, cell in scene.cells.items():
        assert re.search(rf"\b{cpu} {cell.tag}\b", lines)


def test_large_machines_name_the_cpus_of_a_line() -> None:
    """Beyond 64 cpus the margin says which cpus a line has, and they are all named."""
    layout = grid(2, 1, 16, 8, 2)
    lines = plain(look(Host(layout, layout.online), ()), 80)

    named = [CpuSet.parse(found) for line in lines for found in re.findall(r"(\d+-\d+) [·]", line)]
    assert layout.online == CpuSet.of(cpu for cpus in named for cpu in cpus)
    assert len(layout.online) == sum(len(cpus) for cpus in named)


def test_wide_terminals_have_nodes_side_by_side() -> None:
    """Where there is room two nodes stand beside each other, so the map is lower."""
    scene = look(Host(SERVER, SERVER.online), ())

    assert len(plain(scene, 80)) > len(plain(scene, 140))


def test_headings_name_nodes_and_packages_and_memory_only_nodes() -> None:
    """Each NUMA node has a heading; one without cpus is named with what it has."""
    layout = Topology.build(
        [Cpu(id=at, node=at // 2, package=at // 2) for at in range(4)],
        [Node(0, CpuSet.EMPTY), Node(1, CpuSet.EMPTY), Node(2, CpuSet.EMPTY)],
    )

    text = "\n".join(plain(look(Host(layout, layout.online), ()), 80))

    for expected in ("node 0, package 0: 0-1", "node 1, package 1: 2-3", "node 2: memory only"):
        assert expected in text


def test_a_machine_without_numa_has_one_heading() -> None:
    """Where no node is known, all cpus are one group."""
    assert plain(look(Host(flat(4), flat(4).online), ()), 80)[0] == "all cpus: 0-3"
