"""The observer: counts of what the handlers do."""

import pytest

from weka_cpuset import observer
from weka_cpuset.decided import REBUILT, Decided, Moved
from weka_cpuset.engine import CpuSet
from weka_cpuset.journal.memory import Journal
from weka_cpuset.observer import Observer

TWO = CpuSet.parse("0-1")
OTHER = CpuSet.parse("1-2")


class Clock:
    """A time that tests set."""

    now_s = 1.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Observer:
    """An observer on that time."""
    return Observer(Journal(10, clock), clock)


def placed(name: str) -> Decided:
    """Return a decision that gives a new container two cpus."""
    return Decided("CreateContainer", "placed", name, after=TWO)


def test_counts_decisions_refusals_moves_and_updates(watch: Observer) -> None:
    moved = Moved("b", "b", TWO, OTHER)
    watch.decided(placed("a")._replace(moves=(moved,), updates=3))
    watch.decided(Decided("CreateContainer", "refused", "c", refusal="NotEnoughCpus"))
    assert 1 == watch.decisions["CreateContainer", "placed"]
    assert {"NotEnoughCpus": 1} == watch.refusals
    assert (1, 1, 3) == (watch.moves, watch.moved_cpus, watch.updates)


def test_knows_since_when_a_container_has_its_cpus(watch: Observer, clock: Clock) -> None:
    """From its creation, or its last move; not from an event that left its cpus."""
    watch.decided(placed("a"))
    clock.now_s = 2.0
    watch.decided(Decided("UpdateContainer", "unchanged", "a", before=TWO, after=TWO))
    assert 1.0 == watch.since_s("a")
    watch.decided(placed("b")._replace(moves=(Moved("a", "a", TWO, OTHER),)))
    assert 2.0 == watch.since_s("a")


def test_what_was_there_before_counts_from_the_last_synchronisation(
    watch: Observer, clock: Clock
) -> None:
    clock.now_s = 5.0
    watch.decided(Decided("Synchronize", REBUILT))
    assert 5.0 == watch.since_s("found")


def test_memory_is_bounded(watch: Observer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends that are not told by a container's id leave nothing behind for ever."""
    monkeypatch.setattr(observer, "REMEMBERED_MAX", 2)
    for name in "abcd":
        watch.decided(placed(name))
    assert ["c", "d"] == list(watch._since_s)


def test_counts_times_by_request(watch: Observer, clock: Clock) -> None:
    clock.now_s = 9.0
    watch.answered("CreateContainer", 0.001)
    watch.answered("CreateContainer", 0.003)
    watch.answered("StopContainer", 0.002)
    assert 9.0 == watch.last_event_s
    assert {"CreateContainer": 2, "StopContainer": 1} == {
        name: one.count for name, one in watch.latency.items()
    }
