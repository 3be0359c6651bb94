"""Storms on many machines: whether a rule breaks, how fast they run, whether memory stays flat.

    python -m bench.storms            200 seeds of 10,000 events each, faults included
    python -m bench.storms --long     one storm of 1,000,000 events

The exit status is 1 if a rule was broken or something was left behind.
"""

import argparse
import itertools
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nodesim.report import Report
from nodesim.simulation import Simulation
from nodesim.storm import storm

MACHINES = (
    "1x4",
    "laptop",
    "2x8-smt2",
    "2x16-smt2",
    "4-nodes",
    "llc-8",
    "smt4",
    "hybrid",
    "memoryless",
    "offline",
    "sparse",
    "2x128-smt2",
)
"""From 4 to 512 cpus."""


def reports(seeds: range, events: int) -> Iterator[Report]:
    """Play one storm for each seed, on one machine after the other."""
    for seed, machine in zip(seeds, itertools.cycle(MACHINES), strict=False):
        report = Simulation(storm(machine, seed, events)).run()
        for broken in report.violations[:3]:
            print(f"seed {seed} on {machine}: rule {broken.rule}: {broken.text}", flush=True)
        yield report


def many(seeds: range, events: int) -> bool:
    """Play storms of many seeds; print figures; tell whether all passed."""
    began_s = time.process_time()
    total = failed = handled = restarts = 0
    for report in reports(seeds, events):
        total += 1
        failed += not report.passed
        handled += report.events
        restarts += report.agent_restarts
    took_s = time.process_time() - began_s
    print(
        f"{total} storms, {handled:,} events, {failed} with a broken rule or something left, "
        f"{restarts} ends of the agent; {took_s:.0f} s of one core, "
        f"{took_s / handled * 1e6:.0f} us per event"
    )
    return not failed


def long(machine: str, events: int, parts: int = 10) -> bool:
    """Play one storm of very many events; print memory as it goes; tell whether it passed.

    The list of all actions is made before the storm begins, so it counts from the start.
    """
    marks: list[tuple[int, float]] = []

    class Memory:
        """Notes the memory as the storm goes on."""

        def entry(self, entry: object) -> None:
            """Do nothing: nobody reads the timeline."""

        def progress(self, done: int, total: int) -> None:
            """Note the memory ten times."""
            if done * parts // total != (done - 1) * parts // total:
                marks.append((done * 100 // total, resident_mib()))

    began_s = time.process_time()
    report = Simulation(storm(machine, 1, events), watch=Memory()).run()
    took_s = time.process_time() - began_s
    print(f"{report.events:,} events on {machine} in {took_s:.0f} s; resident memory:")
    for percent, mib in marks:
        print(f"  after {percent:3} %: {mib:.1f} MiB")
    for broken in report.violations[:3]:
        print(f"rule {broken.rule}: {broken.text}")
    return report.passed


def resident_mib() -> float:
    """Return the memory that the process has now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--long", action="store_true")
    wanted = parser.parse_args()
    if wanted.long:
        # Some of what is planned has no effect, so that a storm has fewer events than that.
        passed = long("2x16-smt2", max(wanted.events, 1_100_000))
    else:
        passed = many(range(wanted.first, wanted.first + wanted.seeds), wanted.events)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
