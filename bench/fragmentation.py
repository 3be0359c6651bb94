"""How well cpus lie after a long time, beside what a first-fit allocator makes of the same.

On a machine of 128 cpus integer containers of 1 to 16 cpus come, go and change their size, and
annotated ones that name any cpus come between, so that about 80 % of the cpus are owned. Both
allocators serve the same requests in the same run. The other one gives the lowest free ids,
also in place of cpus that an annotated container names.

Two numberings of the cpus are tried: siblings 64 apart, as on most servers, where the lowest
ids are all on different cores; and siblings side by side, where first fit does best.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bench.placement import container, first_fit, pod
from weka_cpuset.engine import (
    Class,
    Cpu,
    CpuSet,
    Create,
    Ledger,
    Outcome,
    Phase,
    Seen,
    Stop,
    Topology,
    Update,
    decide,
)

STEPS = 100_000
CHECKPOINTS = 10
LOAD = 0.8
"""The part of all cpus that is owned, about."""

SAMPLE_EVERY = 50
"""A sample is taken after so many steps; a checkpoint is the mean of those since the last."""

SIZES = (1, 1, 2, 2, 2, 3, 4, 4, 6, 8, 16)
CORES, PACKAGES, LLC_CORES = 64, 2, 8


@dataclass(frozen=True, slots=True)
class Quality:
    """How cpus lie: fewer is better.

    Attributes:
        shared: Cores of which an integer container has a part, and another owner another one.
        broken: Cores of which an integer container has a part only, whoever has the rest.
        spanning: Integer containers on more nodes than their number of cpus needs.
        caches: The same for LLC groups.
    """

    shared: float
    broken: float
    spanning: float
    caches: float

    def is_below(self, other: "Quality") -> bool:
        """Tell whether this is better by each figure."""
        return (
            self.shared < other.shared
            and self.broken < other.broken
            and self.spanning < other.spanning
            and self.caches < other.caches
        )

    def __str__(self) -> str:
        return (
            f"{self.shared:5.1f} shared, {self.broken:5.1f} broken, "
            f"{self.spanning:5.1f} over nodes, {self.caches:5.1f} over LLCs"
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The mean of both since the last one.

    Attributes:
        step: How many steps have been done.
        ours: What the engine has made of them.
        other: What first fit has made of them.
    """

    step: int
    ours: Quality
    other: Quality


class FirstFit:
    """An allocator that gives the lowest free ids."""

    def __init__(self, online: CpuSet) -> None:
        self.free = online
        self.integer: dict[str, CpuSet] = {}
        self.named: dict[str, CpuSet] = {}

    def give(self, name: str, count: int) -> None:
        """Give a container so many cpus; it keeps the lowest of those it has."""
        has = self.integer.get(name, CpuSet.EMPTY)
        kept = first_fit(has, min(count, len(has)))
        self.free |= has - kept
        new = first_fit(self.free, count - len(kept))
        self.free -= new
        self.integer[name] = kept | new

    def claim(self, name: str, cpus: CpuSet) -> None:
        """Give a container exactly these cpus; who has them gets others."""
        self.named[name] = cpus
        self.free -= cpus
        for victim, has in self.integer.items():
            if not has.isdisjoint(cpus):
                new = first_fit(self.free, len(has & cpus))
                self.free -= new
                self.integer[victim] = has - cpus | new

    def end(self, name: str) -> None:
        """Take a container's cpus back, as far as no other one names them."""
        gone = self.integer.pop(name, CpuSet.EMPTY) | self.named.pop(name, CpuSet.EMPTY)
        for cpus in self.named.values():
            gone -= cpus
        self.free |= gone


class Both:
    """The engine and first fit, serving the same requests."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.ledger = Ledger.empty(topology)
        self.other = FirstFit(topology.online)
        self.engine_s = 0.0

    def integer(self, name: str, count: int) -> bool:
        """Create or resize an integer container; False: neither could."""
        its_pod, one = pod(name, guaranteed=True), container(name, count)
        event: Create | Update = (
            Update(its_pod, one) if name in self.other.integer else Create(its_pod, one)
        )
        if self._decide(event) is Outcome.REFUSED:
            return False
        self._decide(Seen(its_pod, one, Phase.RUNNING))
        self.other.give(name, count)
        return True

    def named(self, name: str, cpus: CpuSet) -> bool:
        """Create an annotated container; False: neither could."""
        its_pod, one = pod(name, guaranteed=False, cores=str(cpus)), container(name, 0)
        if self._decide(Create(its_pod, one)) is Outcome.REFUSED:
            return False
        self._decide(Seen(its_pod, one, Phase.RUNNING))
        self.other.claim(name, cpus)
        return True

    def end(self, name: str) -> None:
        """Stop a container."""
        self._decide(Stop(name))
        self.other.end(name)

    def qualities(self) -> tuple[Quality, Quality]:
        """Return how cpus lie with the engine, and with first fit."""
        exclusive = self.ledger.exclusive.values()
        ours = {one.id: one.cpus for one in exclusive if one.kind is Class.INTEGER and one.cpus}
        named = list(self.other.named.values())
        return (
            quality(self.topology, ours.values(), named),
            quality(self.topology, self.other.integer.values(), named),
        )

    def _decide(self, event: Create | Update | Seen | Stop) -> Outcome:
        started = time.perf_counter()
        decision = decide(self.ledger, event)
        self.engine_s += time.perf_counter() - started
        self.ledger = decision.ledger
        return decision.outcome


def machine(*, side_by_side: bool) -> Topology:
    """Build the machine: 2 packages of 32 cores of 2 cpus, an LLC for each 8 cores."""
    return Topology.build(
        Cpu(
            id=2 * core + thread if side_by_side else core + CORES * thread,
            core=core,
            llc=core // LLC_CORES,
            node=core // (CORES // PACKAGES),
            package=core // (CORES // PACKAGES),
        )
        for core in range(CORES)
        for thread in range(2)
    )


def quality(topology: Topology, integer: Iterable[CpuSet], named: list[CpuSet]) -> Quality:
    """Measure how cpus lie.

    Args:
        topology: The machine.
        integer: The cpus of each integer container.
        named: The cpus of each annotated one.
    """
    owners = list(integer)
    shared, broken = set(), set()
    spanning = caches = 0
    taken = CpuSet.EMPTY
    for cpus in (*owners, *named):
        taken |= cpus
    for cpus in owners:
        for core in {topology.core_of(cpu) for cpu in cpus}:
            rest = core - cpus
            if rest:
                broken.add(core)
            if not rest.isdisjoint(taken):
                shared.add(core)
        spanning += _spans_too_much(topology.nodes, cpus)
        caches += _spans_too_much(topology.llcs, cpus)
    return Quality(len(shared), len(broken), spanning, caches)


def _spans_too_much(groups: tuple[CpuSet, ...], cpus: CpuSet) -> bool:
    needed = -(-len(cpus) // len(groups[0]))
    return sum(not group.isdisjoint(cpus) for group in groups) > needed


def run(
    topology: Topology, steps: int, checkpoints: int, seed: int
) -> tuple[list[Checkpoint], float]:
    """Serve random requests.

    Args:
        topology: The machine.
        steps: How many requests.
        checkpoints: How many checkpoints, at equal distances.
        seed: Of the requests.

    Returns:
        The checkpoints, and the seconds that the engine has needed.
    """
    both = Both(topology)
    found, samples = [], []
    requests = _steps(both, random.Random(seed))  # noqa: S311  # a seed, not a secret
    for step, _ in zip(range(1, steps + 1), requests, strict=False):
        if step % SAMPLE_EVERY == 0:
            samples.append(both.qualities())
        if step % (steps // checkpoints) == 0:
            found.append(
                Checkpoint(step, _mean(one for one, _ in samples), _mean(one for _, one in samples))
            )
            samples = []
    return found, both.engine_s


def _steps(both: Both, chance: random.Random) -> Iterator[None]:
    """Do random requests for ever, and yield after each."""
    online = both.topology.online
    ids = list(online)
    number = 0
    while True:
        number += 1
        owned = len(online) - len(both.other.free)
        integer, named = list(both.other.integer), list(both.other.named)
        kind = chance.random()
        if kind < 0.1 and integer:
            both.integer(chance.choice(integer), chance.choice(SIZES))
        elif kind < 0.15 and len(named) < 4:
            both.named(f"n{number}", CpuSet.of(chance.sample(ids, chance.randint(1, 4))))
        elif kind < 0.2 and named:
            both.end(chance.choice(named))
        elif owned < LOAD * len(online):
            both.integer(f"c{number}", chance.choice(SIZES))
        else:
            both.end(chance.choice(integer))
        yield


def _mean(samples: Iterable[Quality]) -> Quality:
    known = list(samples)
    return Quality(
        sum(one.shared for one in known) / len(known),
        sum(one.broken for one in known) / len(known),
        sum(one.spanning for one in known) / len(known),
        sum(one.caches for one in known) / len(known),
    )


def report(out: Callable[[str], None] = print, steps: int = STEPS) -> None:
    """Run both numberings, and print a line for each checkpoint."""
    for side_by_side in (False, True):
        numbering = "side by side" if side_by_side else "64 apart"
        out(f"Fragmentation of 128 cpus, siblings {numbering}, {steps} steps, {LOAD:.0%} owned:")
        found, engine_s = run(machine(side_by_side=side_by_side), steps, CHECKPOINTS, seed=1)
        for one in found:
            verdict = "lower" if one.ours.is_below(one.other) else "NOT LOWER"
            out(f"  {one.step:7} ours      {one.ours}: {verdict}")
            out(f"          first fit {one.other}")
        out(f"  the engine needed {engine_s / steps * 1e6:.0f} us for each step")


if __name__ == "__main__":
    report()
