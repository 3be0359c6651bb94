"""Each kind of expectation, met and unmet, and what is said about it."""

import logging
from dataclasses import dataclass, field

import pytest

from nodesim.actions import Expect, Looked
from nodesim.agent import LogLines
from nodesim.expect import evaluate
from nodesim.kubelet import PodPhase
from weka_cpuset.engine import CpuSet


def lines(*texts: str) -> LogLines:
    """Return a log with some lines."""
    log = LogLines(lambda: 0.0)
    for text in texts:
        log.emit(logging.makeLogRecord({"msg": text, "levelname": "INFO"}))
    return log


@dataclass
class Still:
    """A host in which nothing happens."""

    now_s: float = 1.23456789
    pool: CpuSet = field(default_factory=lambda: CpuSet.parse("4-7"))
    agent_restarts: int = 0
    log: LogLines = field(default_factory=lambda: lines("Removing container x", "all is well"))

    def phase(self, key: str) -> PodPhase:
        """Return the phase of the only pod."""
        return PodPhase.RUNNING if key == "default/p" else PodPhase.GONE

    def cpus_of(self, label: str) -> CpuSet | None:
        """Return the cpus of one of two containers."""
        return {"a": CpuSet.parse("0-1"), "b": CpuSet.parse("1-3")}.get(label)


CASES = [
    (Looked.PHASE, "default/p", "Running", ""),
    (Looked.PHASE, "default/p", "Gone", "Running"),
    (Looked.PHASE, "default/other", "Gone", ""),
    (Looked.CPUS, "a", "0-1", ""),
    (Looked.CPUS, "a", "1,0", ""),
    (Looked.CPUS, "a", "0", "0-1"),
    (Looked.CPUS, "a", "b", "0-1"),
    (Looked.CPUS, "a", "a", ""),
    (Looked.CPUS, "nobody", "0", "no such container"),
    (Looked.CPU_COUNT, "a", "2", ""),
    (Looked.CPU_COUNT, "a", "3", "2"),
    (Looked.CPU_COUNT, "nobody", "3", "no such container"),
    (Looked.WITHIN, "a", "0-5", ""),
    (Looked.WITHIN, "a", "1-5", "0-1"),
    (Looked.WITHIN, "a", "b", "0-1"),
    (Looked.APART_FROM, "a", "2-7", ""),
    (Looked.APART_FROM, "a", "b", "cpus 1 in common"),
    (Looked.APART_FROM, "a", "nobody", "nobody is no live container and no cpu list"),
    (Looked.POOL, "", "4", ""),
    (Looked.POOL, "", "8", "4"),
    (Looked.AGENT_RESTARTS, "", "0", ""),
    (Looked.AGENT_RESTARTS, "", "1", "0"),
    (Looked.LOG, "", "Removing", ""),
    (Looked.LOG, "", "removing", "no such line"),
    (Looked.NO_LOG, "", "ERROR", ""),
    (Looked.NO_LOG, "", "all is well", "     0.000 INFO: all is well"),
]


@pytest.mark.parametrize(("looked", "subject", "value", "found"), CASES)
def test_each_kind_says_what_it_found_instead(
    looked: Looked, subject: str, value: str, found: str
) -> None:
    """What was found is empty if and only if the expectation is met."""
    result = evaluate(Expect(looked, subject, value), Still())
    assert result.found == found
    assert result.met is not bool(found)
    assert result.at_s == 1.234568
    assert result.text.endswith(f"{looked.value.replace('_', ' ')} {value}")
    assert result.text.startswith(subject)


def test_each_kind_has_a_case_that_is_met_and_one_that_is_not() -> None:
    """A kind that is added needs both."""
    for met in (True, False):
        assert set(Looked) == {looked for looked, _, _, found in CASES if met is not bool(found)}
