"""Audit: read back what the kernel really enforces, and have it repaired.

That an update in a reply has succeeded is never reported, a runtime can lose one, and other
programs can write to the same files. So all containers are read back again and again, and
those that were settled right afterwards. What differs is doubted, which makes it due again;
settling does the rest, by whatever way is open.

The files are read on the event loop, a few containers at a time with a turn for others in
between. A thread would compare what it read with a ledger that has moved on meanwhile, and
would hold the interpreter for longer (5 ms at a time) than such a slice takes. A read is of
kernel memory and waits for nothing.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Collection

from weka_cpuset.enforced import Cpusets, Enforced
from weka_cpuset.engine import Class, CpuSet, Holding, Ledger, Phase
from weka_cpuset.keeper import Keeper
from weka_cpuset.logs import Fields
from weka_cpuset.settle.in_flight import InFlight

log = logging.getLogger(__name__)

SLICE = 8
"""How many containers are read before others get a turn: some tenths of a millisecond."""

SOON_S = 0.1
"""What was settled is read back after so many seconds."""

LINES = 5
"""So many findings of one look get a log line each; the rest are counted."""


@dataclasses.dataclass(slots=True)
class AuditStatus:
    """What the audits have found, for people and metrics.

    Attributes:
        looks: How many times all containers were read back.
        reads: How many containers were read.
        differences: How often a container had other cpus or nodes than it was told.
        found: How many containers had so in the last look at all of them.
        overlaps: How often one was found on cpus that another one owns.
        overlap_s: Container-seconds of that; the whole time since the container was last
            looked at counts, so it is an upper bound.
        narrowed: Labels of containers that a parent cgroup keeps from some of their cpus.
        unreadable: How many containers the last whole look could not read.
    """

    looks: int = 0
    reads: int = 0
    differences: int = 0
    found: int = 0
    overlaps: int = 0
    overlap_s: float = 0.0
    narrowed: tuple[str, ...] = ()
    unreadable: int = 0


@dataclasses.dataclass(slots=True)
class _Look:
    """What one look has met so far; another one may begin before it ends.

    Attributes:
        unreadable: How many containers could not be read.
        different: How many had not what they were told.
        early: Those for which the runtime still had to apply something.
    """

    unreadable: int = 0
    different: int = 0
    early: list[str] = dataclasses.field(default_factory=list)


class Auditor:
    """Reads containers back.

    Args:
        keeper: Whose ledger says what should be.
        cpusets: What the kernel enforces.
        in_flight: What the runtime still has to apply. Until it has, a container that has not
            what it was told is no finding.
        interval_s: How often all containers are read back, in seconds.

    Attributes:
        status: What was found so far.
        on_difference: Called with the id of each container that had something else.
    """

    def __init__(
        self, keeper: Keeper, cpusets: Cpusets, in_flight: InFlight, interval_s: float
    ) -> None:
        self.status = AuditStatus()
        self.on_difference: Callable[[str], None] = _ignore
        self._keeper = keeper
        self._cpusets = cpusets
        self._in_flight = in_flight
        self._interval_s = interval_s
        self._soon: dict[str, None] = {}  # a set whose order does not change from run to run
        self._due = asyncio.Event()
        self._looked_s: dict[str, float] = {}
        self._narrowed: dict[str, str] = {}

    def note_settled(self, ids: Collection[str]) -> None:
        """Take note that containers were told something outside of replies: read them back."""
        self._soon |= dict.fromkeys(ids)
        self._due.set()

    async def run(self) -> None:
        """Read back, until cancelled: all containers at intervals, those settled soon."""
        clock = asyncio.get_running_loop().time
        next_s = clock() + self._interval_s
        while True:
            try:
                async with asyncio.timeout_at(next_s):
                    await self._due.wait()
                    await asyncio.sleep(SOON_S)
            except TimeoutError:
                next_s = clock() + self._interval_s
                await self._guard(None)
            else:
                self._due.clear()
                ids, self._soon = self._soon, {}
                await self._guard(ids)

    async def look(self, ids: Collection[str] | None = None) -> None:
        """Read containers back, and doubt those that differ.

        Args:
            ids: Which ones; None: all.
        """
        wanted = [one.id for one in self._keeper.ledger.holdings()] if ids is None else list(ids)
        look = _Look()
        for position, container_id in enumerate(wanted):
            if position and position % SLICE == 0:
                await asyncio.sleep(0)  # a turn for the runtime's events
            self._look_at(container_id, look)
        if ids is None:
            self._finish(look)
        if look.early:
            at_s = self._in_flight.until_s
            asyncio.get_running_loop().call_at(at_s, self.note_settled, tuple(look.early))
        _count_the_rest(look)

    def read_all(self) -> None:
        """Read all running containers at once: until then each may have any cpu.

        Whatever comes in between would be answered with an update of every container. A
        thousand reads take some ten milliseconds.
        """
        keeper, found, mems_differ = self._keeper, {}, []
        ledger, look = keeper.ledger, _Look()
        for holding in ledger.holdings():
            if holding.phase is Phase.CREATED:
                continue
            try:
                enforced = self._cpusets.read(holding.container.cgroup)
            except (OSError, ValueError):
                continue  # stays in doubt
            self.status.reads += 1
            # In version 2 an empty file means that nothing is set: all may be used.
            found[holding.id] = cpus = enforced.cpus or ledger.topology.online
            told, mems = ledger.told[holding.id], ledger.mems_of(holding.id)
            if mems and enforced.mems != mems:
                mems_differ.append(holding.id)
            if cpus != told or holding.id in mems_differ:
                self._report(look, holding, mems, enforced)
        _count_the_rest(look)
        keeper.reread(found)
        keeper.doubt(mems_differ, {})

    async def _guard(self, ids: Collection[str] | None) -> None:
        try:
            await self.look(ids)
        except Exception:
            # A defect of ours must not end the agent.
            log.exception("Reading back failed")

    def _finish(self, look: _Look) -> None:
        """Forget what is no longer live, and count."""
        ledger = self._keeper.ledger
        self._looked_s = {one: at for one, at in self._looked_s.items() if ledger.holding(one)}
        self._narrowed = {one: at for one, at in self._narrowed.items() if ledger.holding(one)}
        self.status.looks += 1
        self.status.unreadable = look.unreadable
        self.status.found = look.different
        self.status.narrowed = tuple(self._narrowed.values())

    def _look_at(self, container_id: str, look: _Look) -> None:
        """Read one container back."""
        ledger = self._keeper.ledger
        holding = ledger.holding(container_id)
        # Before its start a container has no cgroup, or one that the runtime still fills.
        if holding is None or holding.phase is Phase.CREATED:
            return
        try:
            found = self._cpusets.read(holding.container.cgroup)
        except (OSError, ValueError):
            look.unreadable += 1
            return
        self.status.reads += 1
        now_s = asyncio.get_running_loop().time()
        if self._in_flight.has(container_id):
            look.early.append(container_id)
        else:
            self._measure_overlap(ledger, holding, found, now_s)
            self._compare(ledger, holding, found, look)
        self._looked_s[container_id] = now_s

    def _compare(self, ledger: Ledger, holding: Holding, found: Enforced, look: _Look) -> None:
        if holding.id in ledger.doubts:
            return  # it is due already
        told, mems = ledger.told[holding.id], ledger.mems_of(holding.id)
        # In version 2 an empty file means that nothing is set: all may be used.
        cpus = found.cpus or ledger.topology.online
        if cpus != told or (mems and found.mems != mems):
            self._report(look, holding, mems, found)
            self._keeper.found({holding.id: cpus})
            if mems and found.mems != mems:
                self._keeper.doubt([holding.id], {})
            self._keeper.on_unsettled()
            self.on_difference(holding.id)
        elif found.effective is not None:
            self._compare_effective(holding, cpus & ledger.topology.online, found.effective)

    def _compare_effective(self, holding: Holding, cpus: CpuSet, effective: CpuSet) -> None:
        """Say once when a parent cgroup keeps a container from cpus: no write of ours helps."""
        if cpus <= effective:
            self._narrowed.pop(holding.id, None)
        elif holding.id not in self._narrowed:
            self._narrowed[holding.id] = holding.label
            fields = {"container": holding.label, "cpus": cpus, "effective": effective}
            log.warning("A parent cgroup keeps a container from its cpus %s", Fields(fields))

    def _measure_overlap(
        self, ledger: Ledger, holding: Holding, found: Enforced, now_s: float
    ) -> None:
        cpus = found.effective or found.cpus or ledger.topology.online
        if cpus <= ledger.cpus_of(holding.id) or cpus.isdisjoint(_of_others(ledger, holding)):
            return
        self.status.overlaps += 1
        self.status.overlap_s += now_s - self._looked_s.get(holding.id, now_s)

    def _report(self, look: _Look, holding: Holding, mems: CpuSet, found: Enforced) -> None:
        """Count a difference; log it unless it is one of many. The ledger has not heard of it."""
        self.status.differences += 1
        look.different += 1
        if look.different > LINES:
            return
        fields: dict[str, object] = {
            "container": holding.label,
            "kernel": found.cpus,
            "record": self._keeper.ledger.told[holding.id],
        }
        if mems and found.mems != mems:
            fields |= {"kernel_mems": found.mems, "record_mems": mems}
        log.warning("The kernel differs from what the container was told %s", Fields(fields))


def _count_the_rest(look: _Look) -> None:
    """Say how many findings of a look have got no line."""
    if look.different > LINES:
        log.warning("%d more containers had not what they were told", look.different - LINES)


def _of_others(ledger: Ledger, holding: Holding) -> CpuSet:
    """Return the cpus that this container must not be on: those that others own."""
    others = CpuSet.EMPTY
    for one in ledger.exclusive.values():
        if one is holding or one.cpus is None:
            continue
        # Annotated containers may overlap each other.
        if one.kind is Class.INTEGER or holding.kind is not Class.ANNOTATED:
            others |= one.cpus
    return others


def _ignore(container_id: str) -> None:
    """Do nothing: nobody asks whose writes these were."""
