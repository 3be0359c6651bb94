"""When settling happens, and by which way: one pass after a moment of quiet."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

import nri
from nri import messages
from weka_cpuset import translate
from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import CpusetUpdate, Settle, Step
from weka_cpuset.keeper import GROWTH_PER_REPLY, Keeper
from weka_cpuset.logs import Fields
from weka_cpuset.settings import Way
from weka_cpuset.settle.calm import INSTANT_S, Calm
from weka_cpuset.settle.doubts import doubt
from weka_cpuset.settle.in_flight import InFlight
from weka_cpuset.settle.starting import START_S, Starting
from weka_cpuset.settle.status import SettleStatus
from weka_cpuset.settle.window import StartWindow
from weka_cpuset.settle.writer import Writer

log = logging.getLogger(__name__)

QUIET_S = 0.2
"""A pass begins after this long without an event, in seconds, so that a storm costs one."""

LATEST_S = 1.0
"""A pass begins at the latest this long after the first cause, in seconds."""

RETRY_S = 0.5
"""What failed is tried again after so many seconds; doubled after each failure."""

RETRY_MAX_S = 30.0
"""The longest time before it is tried again, in seconds."""

RETRIES = 8
"""How often it is tried again. After these two minutes only replies and the audit bring it up
again: what has failed so often needs a person."""

_REPAIR = "repair"
"""The reason of updates that let nobody grow."""

UPDATE_TIMEOUT_S = 30.0
"""How long to wait for the runtime's answer to an update, in seconds. It may have to wait for
other plugins, of which each has 2 s for an event."""


class Updater(Protocol):
    """The connection to the runtime, as far as settling needs it."""

    @property
    def runtime(self) -> nri.RuntimeInfo:
        """What the runtime told of itself."""

    async def update_containers(
        self, updates: Sequence[messages.ContainerUpdate], timeout_s: float
    ) -> object:
        """Ask for updates outside of any event; raises NriError or TimeoutError."""


class Settler:
    """Runs passes whenever something is left to settle.

    Args:
        keeper: Whose ledger is settled.
        cpusets: What the kernel enforces.
        in_flight: What the runtime still has to apply.
        way: The way that the settings want.

    Attributes:
        status: How settling is doing.
        read_all: Reads what the kernel enforces for all containers; called after a
            Synchronize, where the ledger is built on the runtime's records alone.
        verify: Compares all containers with the kernel, a few at a time.
        on_settled: Called with the ids of the containers that were told something.
    """

    def __init__(
        self, keeper: Keeper, cpusets: Cpusets, in_flight: InFlight, way: Way = Way.AUTO
    ) -> None:
        self.status = SettleStatus()
        self.read_all: Callable[[], None] = _nobody_reads
        self.verify: Callable[[], Awaitable[None]] = _nothing
        self.on_settled: Callable[[Collection[str]], None] = _ignore
        self._connection: Updater | None = None
        self._keeper = keeper
        self._in_flight = in_flight
        self._writer = Writer(keeper, cpusets, in_flight)
        self._starting = Starting(keeper, cpusets)
        self._window = StartWindow(keeper, cpusets)
        self._setting = way
        self._due = asyncio.Event()
        self._urgent = asyncio.Event()
        self._last_event_s = 0.0
        self._tries = 0
        self._retry: asyncio.TimerHandle | None = None
        self._warned = ""
        self._calm = Calm(in_flight, self._due.set)
        keeper.on_unsettled = self.wake
        keeper.on_urgent = self._urgent.set
        keeper.reads_kernel = way in (Way.AUTO, Way.CGROUP)
        keeper.on_burst = self._calm.note_burst
        keeper.on_overtaken = self._watch_starts
        keeper.growth_per_reply = GROWTH_PER_REPLY if way is Way.REPLY else 0

    def use(self, connection: Updater | None) -> None:
        """Take the connection to the runtime, or take note that there is none.

        With a new one, a cgroup tree that could not be used gets another chance.
        """
        self._connection = connection
        if connection is not None:
            self._writer.try_again()

    def wake(self) -> None:
        """Take note that something is left to settle."""
        self._last_event_s = asyncio.get_running_loop().time()
        self._due.set()

    async def run(self) -> None:
        """Settle, until cancelled."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await self._due.wait()
                cause_s = clock()
                end_s = cause_s + LATEST_S
                # Each event in the meantime puts the beginning off.
                while (begin_s := min(self._last_event_s + QUIET_S, end_s)) > clock() + INSTANT_S:
                    if await _set_by(self._urgent, begin_s):
                        break
                self._due.clear()
                await self._pass()
                self.status.took.note(clock() - cause_s)
        finally:
            self._cancel_retry()
            self._calm.cancel()
            self._window.cancel()

    async def _pass(self) -> None:
        """Settle once; see that what failed is tried again."""
        self._cancel_retry()
        self.status.passes += 1
        try:
            if self._keeper.unverified:
                self._keeper.unverified = False
                await self.verify()
            # Last, because another Synchronize may have come in the meantime.
            if self._keeper.unread:
                self._keeper.unread = False
                self.read_all()
                self._watch_starts()
            failed = await self._settle()
        except Exception as error:
            # A defect of ours must not end the agent; the next reply carries what is due.
            log.exception("Settling failed")
            failed = {"": error}
        self._conclude(failed)

    async def _settle(self) -> dict[str, Exception]:
        """Tell what is due by the first open way; return what could not be told, and why."""
        failed: dict[str, Exception] = {}
        if self._way() is Way.CGROUP:
            failed = self._write()
        self._keeper.reads_kernel = self._way() is Way.CGROUP
        way = self._way()  # the writes may have shown that the tree is closed
        if way is Way.UPDATE and self._connection is not None:
            failed = await self._update(self._connection)
        if way is Way.REPLY and self._calm.is_calm and self._keeper.ledger.spare:
            self._end_burst()
        self.status.way = way
        # What cannot be reached from here grows with replies, a few containers at a time.
        closed = way is Way.REPLY or failed
        self._keeper.growth_per_reply = GROWTH_PER_REPLY if closed else 0
        return failed

    def _way(self) -> Way:
        """Tell which way is open now."""
        connection, setting = self._connection, self._setting
        if setting in (Way.AUTO, Way.CGROUP) and self._writer.is_open:
            return Way.CGROUP
        if connection is not None and (
            setting is Way.UPDATE
            or (setting is Way.AUTO and connection.runtime.unsolicited_updates_are_safe)
        ):
            return Way.UPDATE
        return Way.REPLY

    def _watch_starts(self) -> None:
        """Have containers in their start window narrowed, where files can be written."""
        if self._way() is Way.CGROUP:
            self._window.watch()

    def _end_burst(self) -> None:
        """Where replies carry everything: let them carry what was taken ahead in a burst."""
        before = self._keeper.ledger
        updates = self._keeper.take_due_updates(Settle(calm=True), 0)
        doubt(self._keeper, before, [one.container_id for one in updates])

    def _write(self) -> dict[str, Exception]:
        """Write what is due to the cgroup files; return what could not be written, and why."""
        self._writer.read_back_doubtful()
        before = self._keeper.ledger
        growth = None if self._calm.may_grow else 0
        if self._urgent.is_set():
            # What is urgent does not wait for shared containers to grow: the next pass does it.
            growth = 0
            self._urgent.clear()
            self._come_back()
        settle = Settle(self._calm.is_calm, running_only=True, stalled=self._starting.stalled())
        updates = self._keeper.take_due_updates(settle, growth)
        if not self._keeper.ledger.settled and self._starting.is_awaited:
            self._come_back(START_S)
        done = self._writer.write(updates, before)
        if done.closed is not None:
            self._warn(f"The cgroup tree cannot be used for settling: {done.closed}")
        if done.waiting:
            self._come_back()
        self.status.gone += len(done.gone)
        self._count(Way.CGROUP, done.told, done.failed, updates)
        return done.failed

    def _come_back(self, after_s: float = QUIET_S) -> None:
        """See that another pass follows."""
        asyncio.get_running_loop().call_later(after_s, self._due.set)

    async def _update(self, connection: Updater) -> dict[str, Exception]:
        """Ask the runtime for what is due, one container's growth after the other."""
        failed: dict[str, Exception] = {}
        while not failed:
            before = self._keeper.ledger
            settle = Settle(self._calm.is_calm)
            updates = self._keeper.take_due_updates(settle, int(self._calm.may_grow))
            if not updates:
                break
            ids = [one.container_id for one in updates]
            self._in_flight.note_asked(ids)
            try:
                await connection.update_containers(
                    translate.update_messages(updates, ignore_failure=False), UPDATE_TIMEOUT_S
                )
            except Exception as error:  # noqa: BLE001  # whatever it was, it is told again
                failed = dict.fromkeys(ids, error)
            finally:
                self._in_flight.note_asked(())
            self._tell_again_what_events_changed(updates)
            told = [one for one in ids if one not in failed]
            self._count(Way.UPDATE, told, failed, updates)
            doubt(self._keeper, before, failed)
        return failed

    def _tell_again_what_events_changed(self, updates: Sequence[CpusetUpdate]) -> None:
        """Doubt the containers that a reply told something else while the update waited."""
        told = self._keeper.ledger.told
        stale = {
            one.container_id: one.cpus
            for one in updates
            if told.get(one.container_id, one.cpus) != one.cpus
        }
        if stale:
            self._keeper.doubt(stale, stale)

    def _count(
        self,
        way: Way,
        told: Sequence[str],
        failed: Collection[str],
        updates: Sequence[CpusetUpdate],
    ) -> None:
        """Count what became of updates, and have those that were told read back."""
        self.status.settled_by[way] += len(told)
        self.status.failed_by[way] += len(failed)
        if told:
            reason = self._reason(updates)
            if reason == _REPAIR:
                self.status.repaired_by[way] += len(told)
            log.info("Settled %s", Fields({"updates": len(told), "reason": reason}))
            self.on_settled(told)

    def _reason(self, updates: Sequence[CpusetUpdate]) -> str:
        """Tell operators why containers were told something."""
        if not any(one.step is Step.GROW for one in updates):
            return _REPAIR
        return "container removal" if self._keeper.released else "growth"

    def _conclude(self, failed: dict[str, Exception]) -> None:
        """Try again later what failed, as long as that makes sense."""
        ledger = self._keeper.ledger
        if ledger.settled:
            self._keeper.released = False
        holdings = [ledger.holding(one) for one in failed]
        self.status.unsettled = tuple(one.label for one in holdings if one is not None)
        if not failed:
            self._tries, self.status.problem = 0, ""
            if self.status.way is not Way.REPLY:
                self._warned = ""
            return
        first = next(iter(failed.values()))
        self.status.problem = f"{type(first).__name__}: {first}"
        self._warn(f"{len(failed)} containers could not be settled: {self.status.problem}")
        if self._tries < RETRIES and self._way() is not Way.REPLY:
            delay_s = min(RETRY_S * 2**self._tries, RETRY_MAX_S)
            self._tries += 1
            self.status.retries += 1
            self._retry = asyncio.get_running_loop().call_later(delay_s, self._due.set)

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _warn(self, problem: str) -> None:
        """Log a problem once, until all is settled again."""
        if problem != self._warned:
            self._warned = problem
            log.warning("%s", problem)


async def _set_by(event: asyncio.Event, end_s: float) -> bool:
    """Wait until an event is set, or until a time of the loop's clock; tell whether it is."""
    try:
        async with asyncio.timeout_at(end_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _nothing() -> None:
    """Do nothing: nobody compares."""


def _nobody_reads() -> None:
    """Do nothing: nobody reads."""


def _ignore(ids: Collection[str]) -> None:
    """Do nothing: nobody looks."""
