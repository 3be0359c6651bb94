"""Being asked to stop: once is enough, and the clean-up is not interrupted."""

import signal
import threading

import pytest

from nodestress.interrupt import SIGNALS, Interrupted, interruptible


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_the_test_and_later_ones_do_not(number: signal.Signals) -> None:
    """While what was made is removed, an impatient second signal changes nothing."""
    stopping = threading.Event()
    before = signal.getsignal(number)
    with interruptible(stopping):
        with pytest.raises(Interrupted) as interrupted:
            signal.raise_signal(number)
        signal.raise_signal(number)

    assert interrupted.value.number == number
    assert stopping.is_set()
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so() -> None:
    """A test that was started with nohup outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(threading.Event()):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
