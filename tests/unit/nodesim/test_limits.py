"""Limits to how cpus lie, judged without the engine's own words for them."""

import pytest

from nodesim.limits import broken
from nodesim.machines import MACHINES
from weka_cpuset.engine import CpuSet, IntegerDemand, Numa, Preference, Smt

TOPOLOGY = MACHINES["2x8-smt2"].topology()
"""Cpus 0 and 16 are one core, 0-7 and 16-23 one node."""


@pytest.mark.parametrize(
    ("preference", "cpus", "expected"),
    [
        (Preference(), "1,9,18", ""),
        (Preference(smt=Smt.SPREAD, numa=Numa.SPREAD), "1,9", ""),
        (Preference(smt=Smt.FULL_CORES), "1,8,17,24", ""),
        (Preference(smt=Smt.FULL_CORES), "1-2,17", "whole cores"),
        (Preference(numa=Numa.STRICT), "1-2,18", ""),
        (Preference(numa=Numa.STRICT), "1,24", "one node"),
    ],
)
def test_limits(preference: Preference, cpus: str, expected: str) -> None:
    """Only what was asked for is a limit."""
    chosen = CpuSet.parse(cpus)
    assert (
        broken(TOPOLOGY, IntegerDemand(len(chosen), CpuSet.EMPTY, preference), chosen) == expected
    )
