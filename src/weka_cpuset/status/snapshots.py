"""Who makes the status: on demand, in small steps between the runtime's events.

The ledger is an immutable value, so what is made of it in several steps is of one moment,
whatever happens in between. Whoever asks while a status is made, or soon after, gets the same one:
the cost is bounded, however many ask.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from weka_cpuset import __version__
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import Class, CpuSet, Ledger, Topology
from weka_cpuset.fresh import Fresh
from weka_cpuset.rivals import Rival
from weka_cpuset.status import schema
from weka_cpuset.status.health import health_of
from weka_cpuset.status.machine import machine_of
from weka_cpuset.status.rows import Rows

SLICE = 32
"""So many containers are looked at before others get a turn: some tenths of a millisecond."""

FRESH_S = 0.2
"""A status is given out again for so many seconds."""


@dataclass(frozen=True)
class Snapshot:
    """The status of one moment.

    Attributes:
        ledger: The ledger of that moment.
        marks: What else there was of it: see `Snapshots.is_current`.
        status: The status.
        rows: Its containers by id; the very same values as before where nothing has changed.
        decisions: The number of the journal's last entry at that moment.
    """

    ledger: Ledger
    marks: tuple[object, ...]
    status: schema.Status
    rows: Mapping[str, schema.Container]
    decisions: int

    @cached_property
    def body(self) -> bytes:
        """The status as JSON."""
        return msgspec.json.encode(self.status)


class Snapshots:
    """Makes the status of an agent.

    Args:
        agent: The agent.
        node: The host's name.
    """

    def __init__(self, agent: Agent, node: str) -> None:
        self._agent = agent
        self._node = node
        self._rows = Rows(agent.observer)
        self._number = 0
        self._machine: tuple[Topology, schema.Machine] | None = None
        self._fresh = Fresh(self._make, FRESH_S)

    async def latest(self) -> Snapshot:
        """Return a status that is no older than `FRESH_S`."""
        return await self._fresh.get()

    def is_current(self, snapshot: Snapshot) -> bool:
        """Tell whether nothing can have changed since a status was made."""
        agent = self._agent
        return (
            snapshot.ledger is agent.keeper.ledger
            and snapshot.decisions == agent.observer.journal.number
            and snapshot.marks == self._marks()
        )

    def _marks(self) -> tuple[object, ...]:
        """Return what changes with everything that is in a status and not in the ledger."""
        agent = self._agent
        uptime, settle, audit = agent.uptime, agent.settler.status, agent.auditor.status
        return (
            *(uptime.connects, uptime.runtime is None, uptime.problem),
            *(settle.passes, settle.problem, settle.unsettled),
            *(audit.looks, audit.differences, audit.narrowed),
        )

    async def _make(self) -> Snapshot:
        ledger, decisions = self._agent.keeper.ledger, self._agent.observer.journal.number
        marks = self._marks()
        summary = self._summary(ledger)
        rows = {}
        for position, holding in enumerate(ledger.holdings()):
            if position % SLICE == 0:
                await asyncio.sleep(0)  # a turn for the runtime's events
            rows[holding.id] = self._rows.row(ledger, holding)
        await asyncio.sleep(0)
        self._rows.forget(ledger)
        status = schema.Status(
            **{name: getattr(summary, name) for name in summary.__struct_fields__},
            machine=self._machine_of(ledger.topology),
            containers=tuple(rows.values()),
        )
        return Snapshot(ledger, marks, status, rows, decisions)

    def _summary(self, ledger: Ledger) -> schema.Summary:
        agent = self._agent
        settle, audit = agent.settler.status, agent.auditor.status
        self._number += 1
        return schema.Summary(
            schema=schema.SCHEMA,
            number=self._number,
            at=round(agent.host.now_s(), 3),
            node=self._node,
            agent=schema.Agent(__version__, round(agent.started_s, 3), agent.dry_run),
            health=health_of(ledger, agent.uptime, settle, audit),
            connection=self._connection(),
            cpus=_cpus(ledger),
            settle=schema.Settle(
                settle.way.value, settle.settled, settle.failed, settle.unsettled, settle.problem
            ),
            audit=schema.Audit(
                audit.looks,
                audit.found,
                audit.differences,
                audit.overlaps,
                round(audit.overlap_s, 3),
                audit.unreadable,
                audit.narrowed,
            ),
            rivals=schema.Rivals(**{one.value: agent.handlers.rivals.seen[one] for one in Rival}),
        )

    def _connection(self) -> schema.Connection:
        uptime = self._agent.uptime
        runtime = uptime.runtime
        return schema.Connection(
            runtime is not None,
            round(uptime.since_s, 3),
            runtime.name if runtime is not None else "",
            runtime.version if runtime is not None else "",
            runtime.nri_version if runtime is not None else "",
            uptime.connects,
            int(uptime.down_s),
            uptime.problem,
        )

    def _machine_of(self, topology: Topology) -> schema.Machine:
        if self._machine is None or self._machine[0] is not topology:
            self._machine = (topology, machine_of(topology))
        return self._machine[1]


def _cpus(ledger: Ledger) -> schema.Cpus:
    owned = dict.fromkeys(Class, CpuSet.EMPTY)
    for one in ledger.exclusive.values():
        owned[one.kind] |= one.cpus or CpuSet.EMPTY
    return schema.Cpus(
        str(ledger.topology.online),
        str(owned[Class.ANNOTATED]),
        str(owned[Class.INTEGER]),
        str(ledger.pool),
        str(ledger.spare),
        str(ledger.rules.reserved),
    )
