"""What waits is bounded, said once, and counted."""

from tests.unit.weka_cpuset.kubernetes.decisions import moved, refused
from weka_cpuset.kubernetes.backlog import CAPACITY, REPEAT_S, Backlog
from weka_cpuset.kubernetes.fate import Fate


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.at_s = 1_800_000_000.0

    def __call__(self) -> float:
        """Return it."""
        return self.at_s


def notes(backlog: Backlog, now: float) -> list[str]:
    """Take all that is to be told now; return it in words, with the number of repetitions."""
    found = []
    while (item := backlog.take(now)) is not None:
        found.append(f"{item.series.event.note} x{item.series.times}")
    return found


def test_refusals_and_moves_are_told_in_their_order() -> None:
    backlog = Backlog(Clock())
    backlog.decided(refused("a"))
    backlog.decided(moved("b", "c"))
    assert 3 == backlog.waiting
    pods = [item.series.event.pod.name for _ in range(3) if (item := backlog.take(0.0))]
    assert ["a", "b", "c"] == pods
    assert backlog.take(0.0) is None
    assert 0 == backlog.waiting
    assert backlog.due_s() is None


def test_refusal_repeated_is_told_once_and_then_as_a_series() -> None:
    """Kubelet tries again and again: at once one Event, and after some minutes one more."""
    clock = Clock()
    backlog = Backlog(clock)
    backlog.decided(refused("a", reason="first"))
    assert ["container main: first x1"] == notes(backlog, 100.0)
    for reason in ("second", "third", "last"):
        clock.at_s += 10
        backlog.decided(refused("a", reason=reason))
    assert [] == notes(backlog, 100.0)
    assert 100.0 + REPEAT_S == backlog.due_s()
    item = backlog.take(100.0 + REPEAT_S)
    assert item is not None
    assert ("container main: last", 3) == (item.series.event.note, item.series.times)
    assert (clock.at_s - 20, clock.at_s) == (item.series.first_s, item.series.last_s)
    assert 2 == backlog.fates[Fate.REPEATED]


def test_other_refusals_and_other_moves_are_told_for_themselves() -> None:
    backlog = Backlog(Clock())
    for one in (refused("a"), refused("a", "EmptySharedPool"), refused("b"), moved("a")):
        backlog.decided(one)
    assert 4 == len(notes(backlog, 0.0))
    assert 0 == backlog.fates[Fate.REPEATED]


def test_what_was_told_long_ago_is_forgotten() -> None:
    """The same is then told at once again."""
    backlog = Backlog(Clock())
    backlog.decided(refused("a"))
    assert 1 == len(notes(backlog, 0.0))
    assert [] == notes(backlog, REPEAT_S)
    backlog.decided(refused("a"))
    assert 1 == len(notes(backlog, REPEAT_S + 1))


def test_storm_is_bounded_and_what_is_lost_is_counted() -> None:
    backlog = Backlog(Clock())
    for number in range(CAPACITY + 7):
        backlog.decided(refused(f"a{number}"))
    assert (CAPACITY, 7) == (backlog.waiting, backlog.refused)
    backlog.decided(refused("a0"))  # it has its room already
    assert (7, 1) == (backlog.refused, backlog.fates[Fate.REPEATED])


def test_new_trouble_has_room_where_old_was_told() -> None:
    backlog = Backlog(Clock())
    for number in range(CAPACITY):
        backlog.decided(refused(f"a{number}"))
    notes(backlog, 0.0)
    backlog.decided(refused("new"))
    assert (1, 0) == (backlog.waiting, backlog.refused)


def test_pod_that_the_runtime_has_not_named_is_counted() -> None:
    backlog = Backlog(Clock())
    backlog.decided(refused("a")._replace(pod=None))
    assert (1, 0) == (backlog.fates[Fate.UNNAMED], backlog.waiting)


def test_numbers_rise_also_when_the_clock_is_set_back() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    numbers = []
    for name in "abc":
        backlog.decided(refused(name))
        item = backlog.take(0.0)
        assert item is not None
        numbers.append(item.number)
        clock.at_s -= 100
    assert sorted(set(numbers)) == numbers


def test_news_is_announced_and_only_news() -> None:
    heard: list[int] = []
    backlog = Backlog(Clock())
    backlog.on_put = lambda: heard.append(1)
    backlog.decided(moved())
    assert [] == heard
    backlog.decided(refused("a"))
    assert [1] == heard
