"""Storms with faults on every kind of machine: no rule breaks and nothing is left.

`python -m bench.storms` plays many more, and longer ones.
"""

from dataclasses import replace

import pytest

from nodesim.machines import MACHINES
from nodesim.simulation import Simulation
from nodesim.storm import storm

EVENTS = 2000


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ("2x8-smt2", ("full-cores", "strict", "prefer")),
        ("llc-8", ("full-cores", "pack", "strict")),
        ("hybrid", ("full-cores", "spread", "prefer")),
        ("offline", ("spread", "strict", "strict")),
    ],
)
def test_no_rule_breaks_where_placement_can_be_refused(
    machine: str, words: tuple[str, str, str]
) -> None:
    """Limits on how cpus lie refuse more, and break nothing."""
    names = ("placement.smt", "placement.numa", "placement.llc")
    scenario = storm(machine, 7000, EVENTS)
    settings = (*scenario.settings, *zip(names, words, strict=True))
    report = Simulation(replace(scenario, settings=settings)).run()
    assert report.violations == ()
    assert report.agent_restarts == 0


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("machine", MACHINES)
def test_no_rule_breaks_in_a_storm(machine: str, seed: int) -> None:
    """Pods come and go in crowds while things break, restart and go offline."""
    report = Simulation(storm(machine, 1000 + seed, EVENTS)).run()
    assert report.violations == ()
    assert report.agent_restarts == 0
    assert report.events >= EVENTS / 2
