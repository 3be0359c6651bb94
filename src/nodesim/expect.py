"""Looks whether something that a scenario expects is so."""

from typing import Protocol, assert_never

from nodesim.actions import Expect, Looked
from nodesim.agent import LogLines
from nodesim.kubelet import PodPhase
from nodesim.report import Expectation
from weka_cpuset.engine import CpuListError, CpuSet


class View(Protocol):
    """What expectations look at."""

    @property
    def now_s(self) -> float:
        """The simulated time in seconds."""

    @property
    def pool(self) -> CpuSet:
        """The online cpus on which no annotated or integer container runs."""

    @property
    def agent_restarts(self) -> int:
        """How often the agent has ended by itself."""

    @property
    def log(self) -> LogLines:
        """The agent's log so far, if it is kept."""

    def phase(self, key: str) -> PodPhase:
        """Tell how a pod is doing."""

    def cpus_of(self, label: str) -> CpuSet | None:
        """Return the cpus of a live container, or None if there is none."""


def evaluate(expect: Expect, view: View) -> Expectation:
    """Look whether something is so.

    Args:
        expect: What is expected.
        view: What is looked at.

    Returns:
        Whether it is so, and what was found instead.
    """
    found = _deviation(expect, view)
    subject = f"{expect.subject} " if expect.subject else ""
    text = f"{subject}{expect.looked.value.replace('_', ' ')} {expect.value}"
    return Expectation(round(view.now_s, 6), text, found is None, found or "")


def _deviation(expect: Expect, view: View) -> str | None:
    """Say what is so instead; None if it is as expected."""
    match expect.looked:
        case Looked.PHASE:
            return _differs(view.phase(expect.subject).value, expect.value)
        case Looked.POOL:
            return _differs(str(len(view.pool)), expect.value)
        case Looked.AGENT_RESTARTS:
            return _differs(str(view.agent_restarts), expect.value)
        case Looked.LOG:
            return None if any(expect.value in line for line in view.log.lines) else "no such line"
        case Looked.NO_LOG:
            return next((line for line in view.log.lines if expect.value in line), None)
        case Looked.CPUS | Looked.CPU_COUNT | Looked.WITHIN | Looked.APART_FROM:
            cpus = view.cpus_of(expect.subject)
            return "no such container" if cpus is None else _cpus_differ(expect, cpus, view)
        case _:
            assert_never(expect.looked)


def _cpus_differ(expect: Expect, cpus: CpuSet, view: View) -> str | None:
    if expect.looked is Looked.CPU_COUNT:
        return _differs(str(len(cpus)), expect.value)
    other = _cpus_named(expect.value, view)
    if other is None:
        return f"{expect.value} is no live container and no cpu list"
    if expect.looked is Looked.WITHIN:
        return None if cpus <= other else str(cpus)
    if expect.looked is Looked.APART_FROM:
        return None if cpus.isdisjoint(other) else f"cpus {cpus & other} in common"
    return _differs(str(cpus), str(other))


def _cpus_named(text: str, view: View) -> CpuSet | None:
    """Read a cpu list, or else take a container's cpus."""
    try:
        return CpuSet.parse(text)
    except CpuListError:
        return view.cpus_of(text)


def _differs(found: str, wanted: str) -> str | None:
    return None if found == wanted else found
