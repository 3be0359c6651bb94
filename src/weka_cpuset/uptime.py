"""Since when the agent is connected, and for how long it was not."""

from collections.abc import Callable

import nri


class Uptime:
    """Counts connections and the time without one.

    Args:
        clock: Returns a time in seconds that only rises.
        now_s: Returns the time of day, in seconds since 1970.

    Attributes:
        runtime: What the connected runtime told of itself; None: there is no connection.
        connects: How often the agent was connected and had the runtime's report.
        since_s: Since when it is as it is, in seconds since 1970.
        problem: Why there is no connection, or why the last attempt failed; may be empty.
    """

    def __init__(self, clock: Callable[[], float], now_s: Callable[[], float]) -> None:
        self.runtime: nri.RuntimeInfo | None = None
        self.connects = 0
        self.problem = ""
        self.since_s = now_s()
        self._now_s = now_s
        self._clock = clock
        self._changed_s = clock()
        self._down_before_s = 0.0

    def up(self, runtime: nri.RuntimeInfo) -> None:
        """Take note of a connection."""
        self._down_before_s = self.down_s
        self.runtime = runtime
        self.connects += 1
        self.problem = ""
        self._note_change()

    def down(self) -> None:
        """Take note of a connection's end."""
        if self.runtime is not None:
            self.runtime = None
            self._note_change()

    @property
    def for_s(self) -> float:
        """For how long it has been as it is, in seconds."""
        return self._clock() - self._changed_s

    @property
    def down_s(self) -> float:
        """How long there was no connection, in seconds, all such times together."""
        return self._down_before_s + (self.for_s if self.runtime is None else 0.0)

    def _note_change(self) -> None:
        self._changed_s = self._clock()
        self.since_s = self._now_s()
