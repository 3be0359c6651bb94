"""Scenes: what each cpu is used for, and which tag its owner has."""

import pytest

from tests.machines import LAPTOP
from weka_cpuset.engine import Class, CpuSet
from weka_cpuset.show.scene import Host, Mark, Occupant, Scene, look

HOST = Host(LAPTOP, LAPTOP.online)


def occupant(label: str, kind: Class, cpus: str, *, running: bool = True) -> Occupant:
    """Make an occupant."""
    return Occupant(label, kind, CpuSet.parse(cpus), running)


def marks(scene: Scene) -> dict[Mark, CpuSet]:
    """Return the cpus of each mark."""
    return {
        mark: CpuSet.of(cpu for cpu, cell in scene.cells.items() if cell.mark is mark)
        for mark in Mark
    }


def test_an_empty_machine_is_all_pool() -> None:
    """Without containers all online cpus are in the pool."""
    assert marks(look(HOST, ()))[Mark.POOL] == LAPTOP.online


def test_each_cpu_shows_its_owner() -> None:
    """Annotated and integer containers own their cpus; a shared one owns none."""
    scene = look(
        HOST,
        (
            occupant("d/a/c", Class.ANNOTATED, "0-1"),
            occupant("d/i/c", Class.INTEGER, "2,6"),
            occupant("d/s/c", Class.SHARED, "3-5,7"),
        ),
    )

    found = marks(scene)
    assert CpuSet.parse("0-1") == found[Mark.ANNOTATED]
    assert CpuSet.parse("2,6") == found[Mark.INTEGER]
    assert CpuSet.parse("3-5,7") == found[Mark.POOL]
    assert {"d/a/c": "A1", "d/i/c": "I1"} == scene.tags


def test_offline_and_reserved_cpus_are_marked() -> None:
    """An offline cpu is offline whatever else it is; a reserved one is still in the pool."""
    host = Host(LAPTOP, LAPTOP.online - CpuSet.parse("7"), CpuSet.parse("0,7"))

    found = marks(look(host, ()))

    assert CpuSet.parse("7") == found[Mark.OFFLINE]
    assert CpuSet.parse("0") == found[Mark.RESERVED]


def test_annotated_containers_may_overlap() -> None:
    """A cpu that two annotated containers name shows one of them and that there are more."""
    scene = look(
        HOST, (occupant("d/a/c", Class.ANNOTATED, "0-1"), occupant("d/b/c", Class.ANNOTATED, "1-2"))
    )

    assert {0: "A1", 1: "A1+", 2: "A2"} == {cpu: scene.cells[cpu].tag for cpu in range(3)}
    assert not marks(scene)[Mark.CLASH]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Class.INTEGER, Class.INTEGER),
        (Class.INTEGER, Class.ANNOTATED),
        (Class.SHARED, Class.INTEGER),
        (Class.SHARED, Class.ANNOTATED),
    ],
)
def test_a_broken_rule_is_seen(one: Class, other: Class) -> None:
    """A cpu on which a stranger runs beside an owner is marked, and only that."""
    scene = look(HOST, (occupant("d/x/c", one, "0-3"), occupant("d/y/c", other, "3-4")))

    assert CpuSet.parse("3") == marks(scene)[Mark.CLASH]


def test_a_container_that_does_not_run_yet_is_in_nobodys_way() -> None:
    """A created container that has no process yet cannot run on another one's cpus."""
    scene = look(
        HOST,
        (
            occupant("d/i/c", Class.INTEGER, "3"),
            occupant("d/s/c", Class.SHARED, "0-7", running=False),
        ),
    )

    assert not marks(scene)[Mark.CLASH]


def test_tags_stay_and_are_used_again() -> None:
    """A container keeps its tag as long as it lives; the next one gets the lowest free."""
    names = [occupant(f"d/{name}/c", Class.INTEGER, str(at)) for at, name in enumerate("abc")]
    first = look(HOST, names)
    second = look(HOST, names[1:], first)
    third = look(HOST, [*names[1:], occupant("d/z/c", Class.INTEGER, "5")], second)

    assert {"d/b/c": "I2", "d/c/c": "I3"} == second.tags
    assert {"d/b/c": "I2", "d/c/c": "I3", "d/z/c": "I1"} == third.tags


def test_a_container_that_changes_its_class_changes_its_tag() -> None:
    """The letter of a tag is always that of the class."""
    before = look(HOST, [occupant("d/a/c", Class.INTEGER, "1")])

    after = look(HOST, [occupant("d/a/c", Class.ANNOTATED, "1")], before)

    assert {"d/a/c": "A1"} == after.tags


def test_exactly_what_differs_is_marked_as_changed() -> None:
    """A cell is changed when its tag is another one than in the scene before."""
    before = look(HOST, [occupant("d/a/c", Class.INTEGER, "1-2")])

    after = look(HOST, [occupant("d/a/c", Class.INTEGER, "2-3")], before)

    assert {1, 3} == {cpu for cpu, cell in after.cells.items() if cell.changed}
    assert not any(cell.changed for cell in before.cells.values())
