"""How long the runtime waits for the agent on a large, full node that goes through a storm.

    python -m bench.latency

The simulator plays it: 512 cpus, 900 shared and 100 integer containers, and rounds in which 20
integer pods are deleted by force and created again at once. An integer container takes cpus off all
shared ones, so the longest answers carry 900 updates. The figures are the daemon's own, as in its
metrics: from the read that brings a request to its answer, log line included. The garbage collector
runs between events, as it does in the daemon. Left to itself it would run in the middle of
handlers, through all objects of the simulator.

The exit status is 1 if the bar is missed or a rule was broken.
"""

import random
import sys
from collections.abc import Callable

from nodesim.actions import Action, Apply, Delete, Scenario, Wait
from nodesim.simulation import Simulation
from nodesim.workload import ContainerSpec, PodSpec, Resources
from weka_cpuset import garbage
from weka_cpuset.latency import Latency

MACHINE = "2x128-smt2"
SHARED, INTEGER, AGAIN, ROUNDS = 900, 100, 20, 70
MIB = 1 << 20

P999_S, MAX_S = 0.020, 0.100
"""The bar, in seconds: what 99.9 % of all answers take at most, and the longest one."""


def shared(number: int) -> PodSpec:
    """Return a pod with a tenth of a cpu."""
    return PodSpec(f"shared-{number}", (ContainerSpec("main", Resources(100, 0, MIB, 0)),))


def integer(number: int) -> PodSpec:
    """Return a Guaranteed pod with 1 to 4 whole cpus."""
    milli = 1000 * (1 + number % 4)
    resources = Resources(milli, milli, MIB, MIB)
    return PodSpec(f"integer-{number}", (ContainerSpec("main", resources),))


def scenario(rounds: int) -> Scenario:
    """Return the storm."""
    draw = random.Random(1)  # noqa: S311  # the same pods in every run
    owners = tuple(map(integer, range(INTEGER)))
    # Each wait is long enough for containerd to come to an end: 900 updates take it 9 s.
    actions: list[Action] = [
        Apply(tuple(map(shared, range(SHARED)))),
        Wait(120),
        Apply(owners),
        Wait(1200),
    ]
    for _ in range(rounds):
        some = tuple(draw.sample(owners, AGAIN))
        keys = tuple(one.key for one in some)
        actions += [Delete(keys, grace_s=0, force=True), Apply(some), Wait(400)]
    return Scenario(MACHINE, tuple(actions))


class Metric:
    """Keeps the daemon's metric, which ends with the daemon, and collects between events."""

    def __init__(self) -> None:
        self.simulation: Simulation | None = None
        self.latency = Latency()
        self._collector = garbage.Collector(lambda: self.latency.count)

    def entry(self, entry: object) -> None:
        """Do nothing: nobody reads the timeline."""

    def progress(self, done: int, total: int) -> None:
        """Keep the metric of the daemon that runs now."""
        del done, total
        agent = self.simulation.host.agent.agent if self.simulation is not None else None
        if agent is not None:
            self.latency = agent.handlers.latency
        self._collector.look()


def report(rounds: int = ROUNDS, out: Callable[[str], None] = print) -> bool:
    """Play the storm and print the figures; tell whether the bar is met and no rule was broken."""
    metric = Metric()
    metric.simulation = Simulation(scenario(rounds), watch=metric, keep_log=True)
    with garbage.off():
        played = metric.simulation.run()
    latency = metric.latency
    p50_s, p99_s, p999_s = (latency.quantile_s(share) for share in (0.5, 0.99, 0.999))
    out(
        f"{latency.count:,} answers of {played.events:,} events, 512 cpus, "
        f"{SHARED + INTEGER:,} containers: p50 {p50_s * 1000:.2f} ms, p99 {p99_s * 1000:.1f}, "
        f"p99.9 {p999_s * 1000:.1f}, longest {latency.max_s * 1000:.1f}; "
        f"{len(played.violations)} broken rules"
    )
    return played.passed and p999_s <= P999_S and latency.max_s <= MAX_S


if __name__ == "__main__":
    sys.exit(0 if report() else 1)
