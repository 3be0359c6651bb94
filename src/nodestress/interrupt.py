"""Being asked to stop: the test ends at once, and what it has made is still removed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals with which a person, a supervisor or a closed terminal asks a program to stop."""


class Interrupted(BaseException):
    """The test was asked to stop. No `except Exception` is to catch it.

    Args:
        number: The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible(stopping: threading.Event) -> Iterator[None]:
    """Raise `Interrupted` in the main thread at the first signal; ignore the others.

    Args:
        stopping: Set at the first signal, so that other threads stop too. While what was made
            is removed no further signal interrupts that.
    """

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # as signal calls it
        if not stopping.is_set():
            stopping.set()
            raise Interrupted(number)

    # Who started the program may have told it to ignore a signal, as nohup does.
    heeded = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
