"""The picture: the map, its key and the list of containers."""

import pytest

from tests.machines import LAPTOP, SERVER
from tests.unit.nodesim.outcomes import drawn
from weka_cpuset.engine import Class, CpuSet
from weka_cpuset.show.picture import CONTAINERS_MAX, Picture
from weka_cpuset.show.scene import Host, Occupant, look

LIVE = (
    Occupant("default/named/main", Class.ANNOTATED, CpuSet.parse("0,4"), running=True),
    Occupant("default/db/main", Class.INTEGER, CpuSet.parse("1"), running=True),
    Occupant("default/late/main", Class.INTEGER, CpuSet.parse("5"), running=False),
    Occupant("default/web-1/main", Class.SHARED, CpuSet.parse("2-3,6-7"), running=True),
    Occupant("default/web-2/main", Class.SHARED, CpuSet.parse("2-3,6-7"), running=True),
    Occupant("default/narrow/main", Class.SHARED, CpuSet.parse("2"), running=True),
)
HOST = Host(LAPTOP, LAPTOP.online)


def test_the_key_explains_what_is_in_the_map_and_nothing_else() -> None:
    """Each letter is explained with its number of cpus."""
    text = drawn(Picture(look(HOST, LIVE)))

    assert "A named by a pod (2)" in text
    assert "I one container's own (2)" in text
    assert "· pool, shared by the rest (4)" in text
    assert "offline" not in text
    assert "changed" not in text


def test_what_has_changed_is_marked_and_explained() -> None:
    """The sign stands at the cpus and at the containers."""
    text = drawn(Picture(look(HOST, LIVE, look(HOST, LIVE[:1]))))

    assert "* just changed" in text
    assert "I1* integer" in text
    assert "A1  annotated" in text


def test_owners_are_listed_one_by_one_and_sharers_by_their_cpus() -> None:
    """Names and cpus of all are there; who has not started is told."""
    lines = drawn(Picture(look(HOST, LIVE))).splitlines()

    assert "A1  annotated  0,4      default/named/main" in lines
    assert any("default/late/main (not started)" in line for line in lines)
    assert "·   shared     2-3,6-7  2: default/web-1/main, default/web-2/main" in lines
    assert "·   shared     2        default/narrow/main" in lines


def test_a_long_list_is_cut_and_counted() -> None:
    """A picture of a full machine still fits on a screen."""
    several = CONTAINERS_MAX + 5
    live = [
        Occupant(f"default/pod-{at:02}/main", Class.INTEGER, CpuSet.of([at]), running=True)
        for at in range(several)
    ]

    text = drawn(Picture(look(Host(SERVER, SERVER.online), live)))

    assert text.count("default/pod-") == CONTAINERS_MAX
    assert "and 5 more" in text


def test_an_empty_machine_has_no_list() -> None:
    """Map and key only."""
    assert drawn(Picture(look(HOST, ()))).rstrip().endswith("rest (8)")


@pytest.mark.parametrize("width", [30, 80, 200])
def test_no_line_is_longer_than_there_is_room(width: int) -> None:
    """Long names are cut with a sign of it."""
    long = Occupant("default/" + "x" * 100, Class.SHARED, CpuSet.parse("0-7"), running=True)

    text = drawn(Picture(look(HOST, (*LIVE, long))), width)

    assert max(map(len, text.splitlines())) <= width
    assert (width < 110) == ("…" in text)
