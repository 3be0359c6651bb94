"""A clean run of 1,000,000 events, in which no alert may fire.

    python -m bench.alerts            1,000,000 events: some half an hour
    python -m bench.alerts 20000      fewer

Owners, named cpus and shared pods come and go on a node with 256 cpus, and nothing is broken.
The agent's metrics are scraped as Prometheus does, and promtool evaluates the alert rules in
deploy/prometheus. The exit status is 1 if an alert fired, or a rule was broken.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from nodesim.actions import Apply, Delete, Repeat, Scenario, Wait
from nodesim.workload import ContainerSpec, PodSpec, Resources
from tests.integration.alerts.scrape import Scraped, fired
from weka_cpuset.engine import CORES_ANNOTATION

MACHINE = "2x64-smt2"
EVENTS = 1_000_000
MIB = 1 << 20
OWNERS, SHARED = 30, 60


def pod(name: str, milli: int, *, whole: bool, cores: str = "") -> PodSpec:
    """Return a pod of one container."""
    resources = Resources(milli, milli, MIB, MIB) if whole else Resources(milli, 0, MIB, 0)
    annotations = {CORES_ANNOTATION: cores} if cores else {}
    return PodSpec(name, (ContainerSpec("main", resources),), annotations=annotations)


def scenario(rounds: int) -> Scenario:
    """Return the run: in each round pods come, and go."""
    shared = tuple(pod(f"shared-{number}", 100, whole=False) for number in range(SHARED))
    owners = tuple(
        pod(f"own-{number}", 1000 * (1 + number % 4), whole=True) for number in range(OWNERS)
    )
    named = pod("named", 100, whole=False, cores="0-3,128-131")
    busy = (
        *(Apply(shared), Wait(60), Apply(owners), Wait(60), Apply((named,)), Wait(30)),
        *(Delete(("*",), grace_s=0), Wait(60)),
    )
    return Scenario(MACHINE, (Wait(30), Repeat(rounds, busy)))


def report(events: int = EVENTS, out: Callable[[str], None] = print) -> bool:
    """Play so many events; tell whether all alerts were silent and no rule was broken."""
    once = Scraped().play(scenario(1)).events
    scraped = Scraped()
    played = scraped.play(scenario(-(-events // once)))
    with tempfile.TemporaryDirectory() as folder:
        alerts = fired(scraped, Path(folder))
    out(
        f"{played.events:,} events, {scraped.scrapes:,} scrapes: "
        f"alerts that fired: {', '.join(sorted(alerts)) or 'none'}; "
        f"{len(played.violations)} broken rules"
    )
    return played.passed and not alerts


if __name__ == "__main__":
    sys.exit(0 if report(int(sys.argv[1]) if sys.argv[1:] else EVENTS) else 1)
