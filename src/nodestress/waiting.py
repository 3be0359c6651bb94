"""Waiting for something that another process does."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

POLL_S: Final = 0.01
"""How often is looked, in seconds."""

DEADLINE_S: Final = 10.0
"""How long is waited where nobody says, in seconds."""

ValueT = TypeVar("ValueT")


class DeadlineError(Exception):
    """Something that was expected has not happened before the deadline.

    Args:
        what: What it is.
        last: What was seen last.
    """

    def __init__(self, what: str, last: object) -> None:
        super().__init__(what, last)
        self.what = what
        self.last = last

    def __str__(self) -> str:
        return f"still waiting for {self.what}; last seen: {self.last!r}"


def wait_for(
    what: str, look: Callable[[], ValueT | None], deadline_s: float = DEADLINE_S
) -> ValueT:
    """Look again and again until what is seen is true.

    Args:
        what: What is waited for, for the error.
        look: Returns a true value once it has happened.
        deadline_s: How long to wait, in seconds.

    Returns:
        The first true value.

    Raises:
        DeadlineError: It did not happen in time.
    """
    end = time.monotonic() + deadline_s
    seen = look()
    while not seen:
        if time.monotonic() > end:
            raise DeadlineError(what, seen)
        time.sleep(POLL_S)
        seen = look()
    return seen
