"""How often something may be done: at once for a while, and then at a steady rate."""


class Allowance:
    """A token bucket. Times are in seconds, by a clock that only rises.

    Args:
        burst: How often it may be done at once, when it has not been done for long.
        every_s: How long it takes until it may be done once more.
    """

    def __init__(self, burst: int, every_s: float) -> None:
        self._burst = burst
        self._every_s = every_s
        # When the bucket will be full again: one number says all.
        self._full_s = 0.0

    def free_s(self) -> float:
        """Return from when on it may be done; also the past."""
        return self._full_s - (self._burst - 1) * self._every_s

    def take(self, now: float) -> None:
        """Do it once, at a time not before `free_s`."""
        self._full_s = max(self._full_s, now) + self._every_s
