"""How long the runtime waits for answers: a histogram of bounded size, in memory.

Each power of two is cut into eight classes, so a quantile is at most an eighth too high, and
never too low. Noting one costs well under a microsecond and makes nothing that stays.
"""

import itertools
import time

CLASSES_PER_DOUBLING = 8


class Latency:
    """Counts times. Not safe for threads; the event loop writes and reads it.

    Attributes:
        count: How many times were noted.
        sum_s: All of them together, in seconds.
        max_s: The longest, in seconds.
        slow: How many were longer than the caller allows; counted by the caller.
    """

    def __init__(self) -> None:
        self.count = 0
        self.sum_s = 0.0
        self.max_s = 0.0
        self.slow = 0
        self._classes: dict[int, int] = {}

    def note(self, took_s: float) -> None:
        """Count a time, in seconds."""
        self.count += 1
        self.sum_s += took_s
        self.max_s = max(self.max_s, took_s)
        number = _class_of(int(took_s * 1e9))
        self._classes[number] = self._classes.get(number, 0) + 1

    def quantile_s(self, share: float) -> float:
        """Return the time, in seconds, that so large a share of all was not longer than.

        Args:
            share: From 0 to 1, such as 0.999.

        Returns:
            The upper bound of the class that holds it, at most the longest; 0 if there is none.
        """
        left = share * self.count
        for number in sorted(self._classes):
            left -= self._classes[number]
            if left <= 0:
                return min(_bound_ns(number) / 1e9, self.max_s)
        return self.max_s

    def by_doubling(self, first: int, last: int) -> list[int]:
        """Return how many times were shorter than each power of two, in nanoseconds.

        Args:
            first: The exponent of the first one.
            last: The exponent of the last one.

        Returns:
            The counts; each has all the shorter ones too.
        """
        counts = [0] * (last - first + 1)
        for number, count in self._classes.items():
            at = max(0, (_bound_ns(number) - 1).bit_length() - first)
            if at < len(counts):
                counts[at] += count
        return list(itertools.accumulate(counts))


def _class_of(ns: int) -> int:
    """Return the class of a time: its doubling, and its eighth within that."""
    if ns < CLASSES_PER_DOUBLING:
        return ns
    doubling = ns.bit_length() - CLASSES_PER_DOUBLING.bit_length()
    return CLASSES_PER_DOUBLING * doubling + (ns >> doubling)


def _bound_ns(number: int) -> int:
    """Return the first time that lies above a class, in nanoseconds."""
    if number < CLASSES_PER_DOUBLING:
        return number + 1
    doubling, eighth = divmod(number - CLASSES_PER_DOUBLING, CLASSES_PER_DOUBLING)
    return (CLASSES_PER_DOUBLING + eighth + 1) << doubling


def us_since(started_ns: int) -> int:
    """Return the whole microseconds since an instant.

    Args:
        started_ns: The instant, by `time.perf_counter_ns`.
    """
    return (time.perf_counter_ns() - started_ns) // 1000
