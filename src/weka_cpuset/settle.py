"""Settling: what no reply could carry is written to the containers' cgroups.

Some things are left over after a reply. A container that an update met in the middle of
its start may have kept its old cpus, which the runtime does not tell; it is told again once
it has started. Cpus that became free in an event without a reply wait for somebody who may
use them. And after a restart the runtime reports what it has on record, which is compared
with the kernel once. All this is collected, and after a moment of quiet written straight to
the cgroup files: a call of the runtime would do the same, and can dead-lock runtimes older
than NRI 0.12.1. Where the files cannot be written the next reply takes the rest along.

A pass runs on the event loop, between two events, and is short: what the ledger says and
what is written cannot come apart, because no event is answered in between.
"""

import asyncio
import contextlib
import logging
from typing import Protocol

from weka_cpuset.engine import CpuSet, Phase
from weka_cpuset.handlers import GROWTH_PER_REPLY, Handlers
from weka_cpuset.logs import Fields

log = logging.getLogger(__name__)

QUIET_S = 0.2
"""A pass begins after this long without an event, in seconds, so that a storm costs one."""

LATEST_S = 1.0
"""A pass begins at the latest this long after the first cause, in seconds."""


class Cpusets(Protocol):
    """The kernel's cpusets by cgroup path; `cgroups.CpusetTree` is the real one."""

    def read_cpus(self, path: str) -> CpuSet:
        """Return a cgroup's cpus; raises OSError or ValueError."""

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Set a cgroup's cpus, and memory nodes unless empty; raises OSError or ValueError."""


class Settler:
    """Runs passes whenever an event has left something to settle.

    Args:
        handlers: Whose ledger is settled.
        cpusets: What the kernel enforces.
    """

    def __init__(self, handlers: Handlers, cpusets: Cpusets) -> None:
        self._handlers = handlers
        self._cpusets = cpusets
        self._due = asyncio.Event()
        self._last_event_s = 0.0
        handlers.on_unsettled = self.wake
        handlers.growth_per_reply = 0

    def wake(self) -> None:
        """Take note that an event has left something to settle."""
        self._last_event_s = asyncio.get_running_loop().time()
        self._due.set()

    async def run(self) -> None:
        """Settle, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._due.wait()
            latest_s = clock() + LATEST_S
            # Each event in the meantime puts the beginning off.
            while clock() < (begin_s := min(self._last_event_s + QUIET_S, latest_s)):  # noqa: ASYNC110
                await asyncio.sleep(begin_s - clock())
            self._due.clear()
            try:
                self._settle()
            except Exception:
                # A defect of ours must not end the agent; the next reply carries what is due.
                log.exception("Settling failed")

    def _settle(self) -> None:
        """Write what is due; doubt what could not be written, so that a reply carries it."""
        if self._handlers.unverified:
            self._verify()
        failed: dict[str, Exception] = {}
        updates = self._handlers.take_due_updates()
        for position, update in enumerate(updates):
            path = self._handlers.cgroup_of(update.container_id)
            try:
                self._cpusets.write(path, update.cpus, update.mems)
            except Exception as error:  # noqa: BLE001  # whatever it was, a reply carries it
                failed[update.container_id] = error
                if not isinstance(error, FileNotFoundError):
                    # Those that follow may need the cpus that this one could not leave.
                    failed |= {later.container_id: error for later in updates[position + 1 :]}
                    break
        if failed:
            self._handlers.doubt(frozenset(failed))
        # What cannot be reached from here grows with replies, a few containers at a time.
        self._handlers.growth_per_reply = GROWTH_PER_REPLY if failed else 0
        if updates:
            self._report(len(updates), failed)

    def _verify(self) -> None:
        """Doubt the containers for which the kernel has other cpus than the runtime's record."""
        self._handlers.unverified = False
        drifted: set[str] = set()
        ledger = self._handlers.ledger
        for holding in ledger.holdings():
            # What cannot be read cannot be compared; its own events will tell.
            with contextlib.suppress(OSError, ValueError):
                found = self._cpusets.read_cpus(holding.container.cgroup)
                # In version 2 an empty file means that nothing is set: all may be used.
                found = found or ledger.topology.online
                if holding.phase is Phase.RUNNING and found != ledger.told[holding.id]:
                    drifted.add(holding.id)
                    told = ledger.told[holding.id]
                    fields = {"container": holding.label, "kernel": found, "record": told}
                    log.warning("The kernel differs from the runtime's record %s", Fields(fields))
        if drifted:
            self._handlers.doubt(frozenset(drifted))

    def _report(self, count: int, failed: dict[str, Exception]) -> None:
        fields: dict[str, object] = {
            "updates": count - len(failed),
            "failed": len(failed),
            "reason": "container removal, or an update in a start",
        }
        # A missing cgroup is one that has not started, or ended a moment ago.
        serious = [one for one in failed.values() if not isinstance(one, FileNotFoundError)]
        if serious:
            fields["problem"] = serious[0]
        level = logging.WARNING if serious else logging.INFO
        log.log(level, "Settled %s", Fields(fields))
