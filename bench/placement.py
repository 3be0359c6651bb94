"""What placing costs: one choice, a joint move plan, and a whole ledger made anew.

The machine has 512 cpus in 2 packages with an LLC for each 8 cores. Its 300 integer
containers have come and gone at random before, so that what is free lies in pieces. Each is
compared with the least that could be done instead, in turn and in one run: the lowest free
ids for a choice, a choice for each victim for itself, a look at each reported container.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from nodesim.machines import MACHINES
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    NO_PREFERENCE,
    ContainerFacts,
    CpuSet,
    Create,
    IntegerDemand,
    Ledger,
    Llc,
    Numa,
    Phase,
    PodFacts,
    Preference,
    Reported,
    Rules,
    Seen,
    Settle,
    Smt,
    Stop,
    Topology,
    decide,
    pick,
    rebuild,
)
from weka_cpuset.engine.ledger import recorded_cpus

MACHINE = MACHINES["2x128-smt2"]
OWNERS = 300
VICTIMS = 8
REPORTED = 2000
STATES = 40
"""How many states of the machine are looked at."""


def pod(name: str, *, guaranteed: bool, cores: str = "") -> PodFacts:
    """Make a pod."""
    annotations = {CORES_ANNOTATION: cores} if cores else {}
    parent = "/kubepods/pod" if guaranteed else "/kubepods/burstable/pod"
    return PodFacts(f"pod-{name}", name, "bench", name, annotations, parent + name)


def container(name: str, whole: int) -> ContainerFacts:
    """Make the container of the pod with the same name; without whole cpus it is shared."""
    return ContainerFacts(
        name, f"pod-{name}", "main", 1024 * whole or 2, 100_000 * whole, 100_000, 1 << 30
    )


def fragmented(topology: Topology, seed: int) -> Ledger:
    """Return a ledger with 300 integer containers of 1 to 2 cpus, after 300 have gone again."""
    chance = random.Random(seed)  # noqa: S311  # a seed, not a secret
    ledger = Ledger.empty(topology)
    living: list[str] = []
    for number in range(2 * OWNERS):
        if len(living) == OWNERS:
            ledger = decide(ledger, Stop(living.pop(chance.randrange(OWNERS)))).ledger
        name = f"c{number}"
        whole = chance.choice((1, 1, 2))
        event = Create(pod(name, guaranteed=True), container(name, whole))
        ledger = decide(ledger, event).ledger
        ledger = decide(ledger, Seen(event.pod, event.container, Phase.RUNNING)).ledger
        living.append(name)
    return decide(ledger, Settle()).ledger


def first_fit(free: CpuSet, count: int) -> CpuSet:
    """Return the lowest free ids."""
    ids = iter(free)
    return CpuSet.of(next(ids) for _ in range(count))


def timed_us(work: Callable[[], object]) -> float:
    """Return how many microseconds of cpu time something takes.

    It never waits for anything, so that is what it takes on a node with a cpu to spare.
    """
    started = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - started) / 1000


def report(out: Callable[[str], None] = print, states: int = STATES) -> None:
    """Measure, and print a line for each figure.

    Args:
        out: Where the lines go.
        states: How many states of the machine are looked at.
    """
    topology = MACHINE.topology()
    ledgers = [fragmented(topology, seed) for seed in range(states)]
    out(f"Placement at {len(topology.online)} cpus and {OWNERS} owners, median of {states}:")
    for count in (2, 16, 64):
        _report_pick(ledgers, count, NO_PREFERENCE, out)
    idle = [Ledger.empty(topology)] * 5
    for count in (100, 290):
        _report_pick(idle, count, NO_PREFERENCE, out)
    _report_pick(idle, 290, Preference(llc=Llc.STRICT), out)
    for preference in (
        Preference(smt=Smt.FULL_CORES),
        Preference(smt=Smt.SPREAD),
        Preference(numa=Numa.SPREAD),
        Preference(llc=Llc.STRICT),
    ):
        _report_pick(ledgers, 16, preference, out)
    _report_moves(ledgers, out)
    _report_rebuild(topology, out)


def _report_pick(
    ledgers: list[Ledger], count: int, preference: Preference, out: Callable[[str], None]
) -> None:
    demand = IntegerDemand(count, preference=preference)
    plain, ours = [], []
    for ledger in ledgers:
        topology, free = ledger.topology, ledger.pool
        plain.append(timed_us(partial(first_fit, free, count)))
        ours.append(timed_us(partial(pick, topology, free, demand)))
    words = "/".join((preference.smt, preference.numa, preference.llc))
    where = "" if ledgers[0].exclusive else ", all free"
    _line(f"pick {count} cpus, {words}{where}", "lowest ids", plain, ours, out)


def _report_moves(ledgers: list[Ledger], out: Callable[[str], None]) -> None:
    plain, ours = [], []
    for seed, ledger in enumerate(ledgers):
        chance = random.Random(seed)  # noqa: S311  # a seed, not a secret
        victims = chance.sample(sorted(ledger.exclusive), VICTIMS)
        cores = str(CpuSet.of(ledger.cpus_of(one).lowest for one in victims))
        event = Create(pod("named", guaranteed=False, cores=cores), container("named", 0))
        if len(decide(ledger, event).moves) != VICTIMS:
            raise AssertionError("the plan has not moved everybody")
        plain.append(timed_us(partial(_alone, ledger)))
        ours.append(timed_us(partial(decide, ledger, event)))
    _line(f"decide with {VICTIMS} victims", "8 picks of 1", plain, ours, out)


def _alone(ledger: Ledger) -> None:
    free = ledger.pool
    for _ in range(VICTIMS):
        best = pick(ledger.topology, free, IntegerDemand(1))
        if best is not None:
            free -= best


def _report_rebuild(topology: Topology, out: Callable[[str], None]) -> None:
    ledger = fragmented(topology, 0)
    for number in range(REPORTED - OWNERS):
        name = f"s{number}"
        event = Seen(pod(name, guaranteed=False), container(name, 0), Phase.RUNNING)
        ledger = decide(ledger, event).ledger
    pods, reported = decide(ledger, Settle()).ledger.reported()
    if len(reported) != REPORTED:
        raise AssertionError("not all containers live")
    wrong = tuple(
        replace(one, container=replace(one.container, cpus="0-7")) if number % 10 == 0 else one
        for number, one in enumerate(reported)
    )
    for title, containers in (("all right", reported), ("every tenth wrong", wrong)):
        plain, ours = [], []
        for _ in range(5):
            plain.append(timed_us(partial(_read, containers, topology)))
            ours.append(timed_us(partial(rebuild, topology, Rules(), pods, containers)))
        _line(f"rebuild of {REPORTED}, {title}", "reading them", plain, ours, out)


def _read(containers: Sequence[Reported], topology: Topology) -> None:
    for one in containers:
        recorded_cpus(one.container, topology)


def _line(
    title: str, other: str, plain: list[float], ours: list[float], out: Callable[[str], None]
) -> None:
    plain_us, ours_us = statistics.median(plain), statistics.median(ours)
    out(
        f"  {title:53} {ours_us:9.0f} us (most {max(ours):9.0f}), "
        f"{other} {plain_us:7.0f} us, ratio {ours_us / plain_us:6.1f}"
    )


if __name__ == "__main__":
    report()
