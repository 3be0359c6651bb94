"""The bounded queue: nobody waits for what its thread writes."""

import threading

from weka_cpuset.background import Background

DEADLINE_S = 5.0


class Hanging:
    """Writes nothing until it is let go."""

    def __init__(self) -> None:
        self.hangs = threading.Event()
        self.let_go = threading.Event()
        self.written: list[str] = []

    def write(self, item: str) -> None:
        """Wait, then keep an item."""
        self.hangs.set()
        self.let_go.wait()
        self.written.append(item)


def test_items_are_written_in_order() -> None:
    """What is put in is written, in the same order, by the end at the latest."""
    written: list[int] = []
    queue = Background("test", written.append, capacity=100)
    queue.open()
    assert all(queue.put(number) for number in range(50))
    assert queue.close(DEADLINE_S)
    assert list(range(50)) == written


def test_what_does_not_fit_is_refused_at_once() -> None:
    """The weight of all that wait is bounded, also while the output hangs."""
    output = Hanging()
    queue = Background("test", output.write, capacity=10)
    queue.open()
    assert queue.put("first", weight=4)
    assert output.hangs.wait(DEADLINE_S)
    assert queue.put("second", weight=4)
    assert queue.put("third", weight=6)
    refused = queue.put("fourth", weight=1)
    output.let_go.set()
    assert not refused
    assert queue.close(DEADLINE_S)
    assert ["first", "second", "third"] == output.written


def test_a_close_does_not_wait_for_ever() -> None:
    """An output that hangs does not hold up the end of the process."""
    output = Hanging()
    queue = Background("test", output.write, capacity=10)
    queue.open()
    queue.put("first")
    assert output.hangs.wait(DEADLINE_S)
    closed = queue.close(deadline_s=0.0)
    output.let_go.set()
    assert not closed


def test_an_empty_queue_takes_an_item_of_any_weight() -> None:
    """A single item that is heavier than the whole queue is not lost for ever."""
    written: list[str] = []
    queue = Background("test", written.append, capacity=10)
    assert queue.put("heavy", weight=1000)
    assert not queue.put("light", weight=1)
    queue.open()
    assert queue.close(DEADLINE_S)
    assert ["heavy"] == written
