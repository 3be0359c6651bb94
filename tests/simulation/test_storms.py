"""Storms with faults on every kind of machine: no rule breaks and nothing is left.

`python -m bench.storms` plays many more, and longer ones.
"""

import pytest

from nodesim.machines import MACHINES
from nodesim.simulation import Simulation
from nodesim.storm import storm

EVENTS = 2000


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("machine", MACHINES)
def test_no_rule_breaks_in_a_storm(machine: str, seed: int) -> None:
    """Pods come and go in crowds while things break, restart and go offline."""
    report = Simulation(storm(machine, 1000 + seed, EVENTS)).run()
    assert report.violations == ()
    assert report.agent_restarts == 0
    assert report.events >= EVENTS / 2
