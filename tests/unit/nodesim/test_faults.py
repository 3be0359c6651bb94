"""Faults wait for their opportunity, strike as often as asked, and are told."""

from nodesim.actions import Fault, FaultKind
from nodesim.faults import Faults


def test_a_fault_strikes_as_often_as_asked() -> None:
    """Each strike uses up one; other kinds and events are left alone."""
    struck: list[tuple[Fault, str]] = []
    faults = Faults(lambda fault, whom: struck.append((fault, whom)))
    fault = Fault(FaultKind.CUT, event="STOP_CONTAINER", count=2)
    faults.arm(fault)
    assert faults.strikes(FaultKind.DELAY, "STOP_CONTAINER", "a") is None
    assert faults.strikes(FaultKind.CUT, "CREATE_CONTAINER", "a") is None
    found = [faults.strikes(FaultKind.CUT, "STOP_CONTAINER", name) for name in "abc"]
    assert [fault, fault, None] == found
    assert [(fault, "a"), (fault, "b")] == struck


def test_a_fault_without_an_event_strikes_anybody() -> None:
    """The first one that could be struck is; others wait behind it."""
    faults = Faults(lambda *_: None)
    first, second = Fault(FaultKind.CUT, event="X"), Fault(FaultKind.CUT)
    faults.arm(first)
    faults.arm(second)
    assert faults.strikes(FaultKind.CUT, "Y", "") is second
    assert faults.strikes(FaultKind.CUT, "X", "") is first


def test_cleared_faults_never_strike() -> None:
    """At the end of a scenario everything must be able to come to rest."""
    faults = Faults(lambda *_: None)
    faults.arm(Fault(FaultKind.LOSE_UPDATE, count=5))
    faults.clear()
    assert faults.strikes(FaultKind.LOSE_UPDATE, "", "") is None
