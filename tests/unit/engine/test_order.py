"""Order: shrink, move, grant, grow, and what has to wait."""

from weka_cpuset.engine import Class, CpuSet, Step
from weka_cpuset.engine.order import Change, order


def _change(name: str, kind: Class, told: str, wants: str, may: str = "") -> Change:
    has = CpuSet.parse(told)
    sure = CpuSet.EMPTY if may else has
    return Change(name, kind, has, sure, has | CpuSet.parse(may), CpuSet.parse(wants))


def _shown(steps: list[tuple[str, CpuSet, Step]]) -> list[tuple[str, str, Step]]:
    return [(name, str(cpus), step) for name, cpus, step in steps]


def test_order_of_the_steps() -> None:
    """Shared containers leave, owners move and gain, shared containers grow."""
    ordered = order(
        [
            _change("grow", Class.SHARED, "6", "6-7"),
            _change("grant", Class.INTEGER, "3", "3-4"),
            _change("move", Class.INTEGER, "1", "2"),
            _change("shrink", Class.SHARED, "2,4,6", "6"),
        ]
    )
    assert _shown(ordered.steps) == [
        ("shrink", "6", Step.SHRINK),
        ("move", "2", Step.MOVE),
        ("grant", "3-4", Step.GRANT),
        ("grow", "6-7", Step.GROW),
    ]
    assert ordered.finished


def test_owners_move_in_a_chain() -> None:
    """An owner moves once the one before it has left."""
    ordered = order([_change("a", Class.INTEGER, "0", "1"), _change("b", Class.INTEGER, "1", "2")])
    assert [name for name, _, _ in ordered.steps] == ["b", "a"]


def test_shared_containers_do_not_get_what_is_left_later() -> None:
    """A shared container that gains and loses gets the gain with a later reply."""
    ordered = order(
        [_change("s", Class.SHARED, "3,5", "1,5"), _change("i", Class.INTEGER, "1", "3")]
    )
    assert _shown(ordered.steps) == [("s", "5", Step.SHRINK), ("i", "3", Step.MOVE)]
    assert not ordered.finished


def test_two_owners_do_not_swap() -> None:
    """Without a third place a swap cannot be done, and nothing is done."""
    ordered = order([_change("a", Class.INTEGER, "0", "1"), _change("b", Class.INTEGER, "1", "0")])
    assert ordered.steps == []
    assert ordered.occupied == CpuSet.of([0, 1])
    assert not ordered.finished


def test_who_is_on_an_owners_cpu_leaves_it_for_what_is_free() -> None:
    """Also while the owner cannot leave it, which may be for a while."""
    ordered = order(
        [
            _change("a", Class.INTEGER, "0", "1"),
            _change("b", Class.INTEGER, "1", "0"),
            _change("s", Class.SHARED, "0", "0,2"),
        ]
    )
    assert _shown(ordered.steps) == [("s", "2", Step.GROW)]
    assert not ordered.finished


def test_a_container_new_to_its_class_makes_room() -> None:
    """One that ran on the pool leaves what others need and gets its own cpus later."""
    ordered = order(
        [_change("a", Class.ANNOTATED, "2-4", "0-1"), _change("i", Class.INTEGER, "1", "2")]
    )
    assert _shown(ordered.steps) == [("a", "3-4", Step.SHRINK), ("i", "2", Step.MOVE)]
    assert not ordered.finished


def test_annotated_containers_may_overlap() -> None:
    """They do not wait for each other, or they would swap for ever."""
    ordered = order(
        [_change("a", Class.ANNOTATED, "0", "1"), _change("b", Class.ANNOTATED, "1", "0")]
    )
    assert ordered.finished


def test_limit_bounds_growth_only() -> None:
    """The limit holds back what may wait, and nothing that safety needs."""
    changes = [
        _change("a", Class.SHARED, "1", "1-2"),
        _change("b", Class.SHARED, "1", "1-2"),
        _change("c", Class.SHARED, "0-1", "1"),
    ]
    ordered = order(changes, limit=1)
    assert [name for name, _, _ in ordered.steps] == ["c", "a"]
    assert not ordered.finished
    assert [name for name, _, _ in order(changes, limit=0).steps] == ["c"]


def test_in_a_storm_of_releases_every_shared_container_has_its_turn() -> None:
    """With a limit those with the fewest cpus grow first, not the same ones each time."""
    changes = [
        _change("a", Class.SHARED, "0-2", "0-3"),
        _change("b", Class.SHARED, "0", "0-3"),
        _change("c", Class.SHARED, "0-1", "0-3"),
    ]
    assert [name for name, _, _ in order(changes, limit=2).steps] == ["b", "c"]


def test_cpus_of_the_container_at_hand_wait() -> None:
    """What it gives up is nobody's yet; what it shares can be shared, not owned."""
    leaving = CpuSet.of([1])
    grow = _change("s", Class.SHARED, "2", "1-3")
    owner = _change("i", Class.INTEGER, "0", "1")
    assert _shown(order([grow], leaving=leaving).steps) == [("s", "2-3", Step.GROW)]
    assert order([owner], keeping=leaving).steps == []


def test_a_doubt_is_told_again() -> None:
    """A container that may have more than it was told is told, even if nothing else changes."""
    ordered = order([_change("s", Class.SHARED, "1-2", "1-2", may="0")])
    assert _shown(ordered.steps) == [("s", "1-2", Step.SHRINK)]
    ordered = order([_change("i", Class.INTEGER, "1", "1", may="0")])
    assert _shown(ordered.steps) == [("i", "1", Step.MOVE)]


def test_owner_in_doubt_gets_its_cpus_again_only_when_others_have_left_them() -> None:
    """What it was told may have been lost: to be told the same once more then gives it cpus."""
    ordered = order(
        [
            _change("doubted", Class.INTEGER, "1", "1", may="0"),
            _change("leaving", Class.INTEGER, "1", "2"),
        ]
    )
    assert [name for name, _, _ in ordered.steps] == ["leaving", "doubted"]
    assert ordered.finished


def test_owner_that_comes_from_the_pool_is_alone_on_its_cpus_from_the_start() -> None:
    """Shared containers leave first; what it leaves itself is given to an owner after that."""
    ordered = order(
        [
            _change("mover", Class.INTEGER, "5", "2"),
            _change("newcomer", Class.INTEGER, "0-3", "0-1"),
            _change("shared", Class.SHARED, "0-3", "3"),
        ]
    )
    assert [name for name, _, _ in ordered.steps] == ["shared", "newcomer", "mover"]
    assert ordered.finished


def test_owner_does_not_move_beside_one_that_still_has_what_it_had_on_the_pool() -> None:
    """The one waits for a shared container, which waits for the other."""
    ordered = order(
        [
            _change("mover", Class.INTEGER, "5", "2"),
            _change("newcomer", Class.INTEGER, "0-3", "0-1"),
            _change("shared", Class.SHARED, "0", "5"),
        ]
    )
    assert [name for name, _, _ in ordered.steps] == ["newcomer"]
    assert not ordered.finished


def test_shared_container_found_on_cpus_of_an_owner_leaves_them_first() -> None:
    """It gets those that the owner leaves with a later reply, though it is on them already."""
    ordered = order(
        [_change("owner", Class.INTEGER, "1", "0"), _change("shared", Class.SHARED, "0-1", "1-2")]
    )
    assert _shown(ordered.steps) == [("shared", "2", Step.SHRINK), ("owner", "0", Step.MOVE)]
    assert not ordered.finished


def test_shared_container_is_not_left_without_any_cpu() -> None:
    """It stays beside an owner on the one cpu that there is for it, and the owner can move."""
    ordered = order(
        [_change("owner", Class.INTEGER, "1", "0"), _change("shared", Class.SHARED, "0-1", "1")]
    )
    assert _shown(ordered.steps) == [("shared", "1", Step.SHRINK), ("owner", "0", Step.MOVE)]
