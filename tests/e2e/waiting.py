"""Waiting for something that another process does."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

POLL_S: Final = 0.01
DEADLINE_S: Final = 10.0

ValueT = TypeVar("ValueT")


class DeadlineError(Exception):
    """Something that was expected has not happened before the deadline."""

    def __init__(self, what: str, last: object) -> None:
        super().__init__(what, last)
        self.what = what
        self.last = last

    def __str__(self) -> str:
        return f"still waiting for {self.what}; last seen: {self.last!r}"


def wait_for(
    what: str, look: Callable[[], ValueT | None], deadline_s: float = DEADLINE_S
) -> ValueT:
    """Looks again and again until what is seen is true.

    Args:
        what: what is waited for, for the error.
        look: returns a true value once it has happened.
        deadline_s: how long to wait, in seconds.

    Returns:
        The first true value.

    Raises:
        DeadlineError: it did not happen in time.
    """
    end = time.monotonic() + deadline_s
    seen = look()
    while not seen:
        if time.monotonic() > end:
            raise DeadlineError(what, seen)
        time.sleep(POLL_S)
        seen = look()
    return seen
