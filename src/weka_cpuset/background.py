"""A bounded queue in memory, and the thread that writes what is in it.

Whoever puts something in never waits: what does not fit is refused at once. So a hanging
output (a full pipe, a dead disk) holds up nobody but this thread.
"""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Hands items over to a thread of its own. Those who put items in take turns.

    Args:
        name: The thread's name.
        write: Is called with each item on the thread; must not raise.
        capacity: The greatest weight of all items that wait; the one being written does not count.

    Attributes:
        refused: How many items there was no room for.
    """

    def __init__(self, name: str, write: Callable[[T], object], capacity: int) -> None:
        self.refused = 0
        self._write = write
        self._capacity = capacity
        self._items: queue.SimpleQueue[tuple[T, int] | None] = queue.SimpleQueue()
        # One is changed by those who put in, one by the thread, so no lock is needed.
        self._put_weight = 0
        self._taken_weight = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def waiting(self) -> int:
        """The weight of all items that wait."""
        return self._put_weight - self._taken_weight

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, item: T, weight: int = 1) -> bool:
        """Hand an item over, without waiting.

        Args:
            item: The item; immutable, as it is used on another thread.
            weight: What it adds to the queue's weight.

        Returns:
            Whether there was room for it. In an empty queue there always is.
        """
        waiting = self.waiting
        if waiting and waiting + weight > self._capacity:
            self.refused += 1
            return False
        self._put_weight += weight
        self._items.put((item, weight))
        return True

    def close(self, deadline_s: float) -> bool:
        """Let the thread write what is queued, for so many seconds at most, and end.

        Returns:
            Whether everything is written.
        """
        self._items.put(None)
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (one := self._items.get()) is not None:
            item, weight = one
            self._taken_weight += weight
            self._write(item)
