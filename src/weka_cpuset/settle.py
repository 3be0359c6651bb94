"""Settling: what no reply could carry is brought to the containers outside of any reply.

Some things are left over after a reply. Cpus that became free wait for shared containers. A
container that an update met in the middle of its start may have kept its old cpus, which
the runtime does not tell. The audit finds a container whose cpuset somebody else has
changed. All this is collected, and after a moment of quiet it is told by the first way that
is open:

`cgroup` writes the container's cgroup files. Such a pass runs on the event loop, between two
events, and is short: what the ledger says and what is written cannot come apart, because no
event is answered in between. It leaves out containers that the runtime is still about to give
what the last reply says, and the cpus that these may have: an older update would undo what is
written.

`update` asks the runtime, where that cannot dead-lock it (NRI 0.12.1 and later). The runtime
serves it when no event is under way, so events can be answered while it waits: one that
concerns a container of the update has the last word, and that container is told again.
Hence each request lets one container grow, no more.

`reply` does nothing here: the next replies to the runtime take a bounded number along each.

Whatever fails is told again, later and later, a limited number of times; it is never
forgotten, because the ledger keeps it as doubtful, and every reply takes such things along.
"""

import asyncio
import dataclasses
import errno
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

import nri
from nri import messages
from weka_cpuset import translate
from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import CpuSet, CpusetUpdate, Ledger, Phase
from weka_cpuset.handlers import GROWTH_PER_REPLY, Handlers
from weka_cpuset.logs import Fields
from weka_cpuset.settings import Way
from weka_cpuset.stuck import Stuck

log = logging.getLogger(__name__)

CALM_S = 1.0
"""A burst of creations is over after so many seconds without one. A node creates its pods
within some tenths of a second of each other, and shared containers wait no longer than need be."""

BURST_LATEST_S = 5.0
"""In a burst that lasts longer than so many seconds shared containers grow all the same."""

QUIET_S = 0.2
"""A pass begins after this long without an event, in seconds, so that a storm costs one."""

APPLY_S = 2.5
"""A runtime has taken a reply within so many seconds, or has dropped this plugin (2 s), and..."""

APPLY_EACH_S = 0.02
"""... has applied it after so many seconds for each container in it; 10 ms are usual (runc)."""

LATEST_S = 1.0
"""A pass begins at the latest this long after the first cause, in seconds."""

INSTANT_S = 0.001
"""Less than this is not waited for, in seconds: a loop's timers may fire that early."""

RETRY_S = 0.5
"""What failed is tried again after so many seconds; doubled after each failure."""

RETRY_MAX_S = 30.0
"""The longest time before it is tried again, in seconds."""

RETRIES = 8
"""How often it is tried again. After these two minutes only replies and the audit bring it up
again: what has failed so often needs a person."""

CLOSED_S = 60.0
"""A tree that cannot be written, or shows no container, is tried again after so many seconds."""

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


@dataclasses.dataclass(slots=True)
class SettleStatus:
    """How settling is doing, for people and metrics.

    Attributes:
        way: The way that the last pass went; never AUTO.
        passes: How many passes there were.
        settled: How many container updates succeeded.
        failed: How many failed.
        retries: How many passes repeated what had failed.
        gone: How many updates met a container that had gone.
        unsettled: Labels of the containers that the last pass could not settle.
        problem: Why not; empty when there is nothing.
    """

    way: Way = Way.REPLY
    passes: int = 0
    settled: int = 0
    failed: int = 0
    retries: int = 0
    gone: int = 0
    unsettled: tuple[str, ...] = ()
    problem: str = ""


class TreeUnseen(Exception):
    """No container's cgroup is where the runtime says: the agent sees another tree."""

    def __str__(self) -> str:
        return (
            "no container's cgroup can be seen; the agent needs the host's cgroup tree "
            "(setting cgroups)"
        )


class Settler:
    """Runs passes whenever something is left to settle.

    Args:
        handlers: Whose ledger is settled.
        cpusets: What the kernel enforces.
        way: The way that the settings want.

    Attributes:
        status: How settling is doing.
        read_all: Reads what the kernel enforces for all containers; called after a
            Synchronize, where the ledger is built on the runtime's records alone.
        verify: Compares all containers with the kernel, a few at a time.
        on_settled: Called with the ids of the containers that were told something.
    """

    def __init__(self, handlers: Handlers, cpusets: Cpusets, way: Way = Way.AUTO) -> None:
        self.status = SettleStatus()
        self.read_all: Callable[[], None] = _nobody_reads
        self.verify: Callable[[], Awaitable[None]] = _nothing
        self.on_settled: Callable[[Collection[str]], None] = _ignore
        self._connection: Updater | None = None
        self._handlers = handlers
        self._cpusets = cpusets
        self._setting = way
        self._due = asyncio.Event()
        self._urgent = asyncio.Event()
        self._in_flight: dict[str, Ledger] = {}
        self._applied_s = 0.0
        self._last_event_s = 0.0
        self._tries = 0
        self._retry: asyncio.TimerHandle | None = None
        self._tree_seen = False
        self._closed_until_s = 0.0
        self._warned = ""
        self._last_burst_s = self._burst_began_s = 0.0
        self._calm: asyncio.TimerHandle | None = None
        handlers.on_unsettled = self.wake
        handlers.on_urgent = self._urgent.set
        handlers.on_request = self._in_flight.clear
        handlers.reads_kernel = way in (Way.AUTO, Way.CGROUP)
        handlers.on_burst = self.note_burst
        handlers.growth_per_reply = GROWTH_PER_REPLY if way is Way.REPLY else 0

    def use(self, connection: Updater | None) -> None:
        """Take the connection to the runtime, or take note that there is none.

        With a new one, a cgroup tree that could not be used gets another chance.
        """
        self._connection = connection
        if connection is not None:
            self._closed_until_s, self._tree_seen = 0.0, False

    def wake(self) -> None:
        """Take note that something is left to settle."""
        self._last_event_s = asyncio.get_running_loop().time()
        self._due.set()

    def note_told(self, ids: Collection[str], before: Ledger) -> None:
        """Take note that the runtime will only now give containers their cpusets.

        Args:
            ids: The containers.
            before: The ledger that says what they have until then.
        """
        now_s = asyncio.get_running_loop().time()
        self._applied_s = now_s + APPLY_S + APPLY_EACH_S * len(ids)
        self._in_flight |= dict.fromkeys(ids, before)

    def note_burst(self) -> None:
        """Take note of a creation that took cpus off the pool: others may follow."""
        loop = asyncio.get_running_loop()
        self._last_burst_s = loop.time()
        if self._calm is None:
            self._burst_began_s = self._last_burst_s
            self._calm = loop.call_later(CALM_S, self._look_for_calm)

    def _look_for_calm(self) -> None:
        """Settle once nothing more has come for some time."""
        loop = asyncio.get_running_loop()
        calm_s = self._last_burst_s + CALM_S
        if self._in_flight and self._applied_s > loop.time():
            # The next creation cannot come before the runtime has applied this reply.
            calm_s = min(self._applied_s, loop.time() + CALM_S)
        if calm_s - loop.time() > INSTANT_S:
            self._calm = loop.call_at(calm_s, self._look_for_calm)
        else:
            self._calm = None
            self._due.set()

    @property
    def _is_calm(self) -> bool:
        return self._calm is None

    @property
    def _may_grow(self) -> bool:
        """Tell whether shared containers grow now: in a burst they would soon shrink again."""
        return self._is_calm or self._last_burst_s - self._burst_began_s > BURST_LATEST_S

    async def run(self) -> None:
        """Settle, until cancelled."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await self._due.wait()
                end_s = clock() + LATEST_S
                # Each event in the meantime puts the beginning off.
                while (begin_s := min(self._last_event_s + QUIET_S, end_s)) > clock() + INSTANT_S:
                    if await _set_by(self._urgent, begin_s):
                        break
                self._due.clear()
                await self._pass()
        finally:
            self._cancel_retry()
            if self._calm is not None:
                self._calm.cancel()

    async def _pass(self) -> None:
        """Settle once; see that what failed is tried again."""
        self._cancel_retry()
        self.status.passes += 1
        try:
            if self._handlers.unverified:
                self._handlers.unverified = False
                await self.verify()
            # Last, because another Synchronize may have come in the meantime.
            if self._handlers.unread:
                self._handlers.unread = False
                self.read_all()
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
        self._handlers.reads_kernel = self._way() is Way.CGROUP
        way = self._way()  # the writes may have shown that the tree is closed
        if way is Way.UPDATE and self._connection is not None:
            failed = await self._update(self._connection)
        if way is Way.REPLY and self._is_calm and self._handlers.ledger.spare:
            self._end_burst()
        self.status.way = way
        # What cannot be reached from here grows with replies, a few containers at a time.
        closed = way is Way.REPLY or failed
        self._handlers.growth_per_reply = GROWTH_PER_REPLY if closed else 0
        return failed

    def _way(self) -> Way:
        """Tell which way is open now."""
        connection, setting = self._connection, self._setting
        open_tree = self._closed_until_s <= asyncio.get_running_loop().time()
        if setting in (Way.AUTO, Way.CGROUP) and open_tree:
            return Way.CGROUP
        if connection is not None and (
            setting is Way.UPDATE
            or (setting is Way.AUTO and connection.runtime.unsolicited_updates_are_safe)
        ):
            return Way.UPDATE
        return Way.REPLY

    def _end_burst(self) -> None:
        """Where replies carry everything: let them carry what was taken ahead in a burst."""
        before = self._handlers.ledger
        updates = self._handlers.take_due_updates(0, calm=True)
        self._doubt(before, [one.container_id for one in updates])

    # ---- cgroup ----

    def _write(self) -> dict[str, Exception]:
        """Write what is due to the cgroup files."""
        before = self._handlers.ledger
        growth = None if self._may_grow else 0
        if self._urgent.is_set():
            # What is urgent does not wait for shared containers to grow: the next pass does it.
            growth = 0
            self._urgent.clear()
            asyncio.get_running_loop().call_later(QUIET_S, self._due.set)
        updates = self._handlers.take_due_updates(growth, calm=self._is_calm, running_only=True)
        failed: dict[str, Exception] = {}
        gone: list[str] = []
        after = self._handlers.ledger
        flying, stuck = self._flying(before, after), Stuck(before, after)
        waiting: list[str] = []
        untried: list[str] = []
        reason: Exception = RuntimeError("nothing has failed")
        for position, update in enumerate(updates):
            if update.container_id in self._in_flight or flying.keeps(update):
                waiting.append(update.container_id)
                flying.add(update.container_id)
                continue
            if stuck.keeps(update):
                failed[update.container_id] = reason
                stuck.add(update.container_id)
                untried.append(update.container_id)
                continue
            try:
                self._cpusets.write(
                    self._handlers.cgroup_of(update.container_id), update.cpus, update.mems
                )
                self._tree_seen = True
            except FileNotFoundError:
                gone.append(update.container_id)
            except Exception as error:  # noqa: BLE001  # whatever it was, a reply carries it
                failed[update.container_id] = reason = error
                stuck.add(update.container_id)
                if _is_closed(error):
                    self._close(error)
                    failed |= {later.container_id: error for later in updates[position + 1 :]}
                    break
        if gone and not (self._tree_seen or self._starting(gone) or self._sees_any()):
            unseen = TreeUnseen()
            failed |= dict.fromkeys(gone, unseen)
            gone = []
            self._close(unseen)
        self.status.gone += len(gone)
        left = {*failed, *waiting}
        told = [one.container_id for one in updates if one.container_id not in left]
        self._note(before, told, failed)
        self._take_back(before, (*waiting, *untried))
        self._read_back([one for one in failed if one not in untried])
        if waiting:
            asyncio.get_running_loop().call_later(QUIET_S, self._due.set)
        return failed

    def _flying(self, before: Ledger, after: Ledger) -> Stuck:
        """Return where containers may be that are still to get what the last reply says."""
        if self._applied_s <= asyncio.get_running_loop().time():
            self._in_flight.clear()
        for one in [one for one in self._in_flight if self._has_landed(before, one)]:
            del self._in_flight[one]
        flying = Stuck(before, after, coming=True)
        for one, told_after in self._in_flight.items():
            flying.add(one, told_after)
        return flying

    def _sees_any(self) -> bool:
        """Tell whether the cgroup of any container that runs can be seen."""
        for one in self._handlers.ledger.holdings():
            if one.phase is Phase.RUNNING:
                try:
                    self._cpusets.read(one.container.cgroup)
                except (OSError, ValueError):
                    continue
                self._tree_seen = True
                return True
        return False

    def _starting(self, ids: Collection[str]) -> bool:
        """Tell whether all of these are containers that have no cgroup yet."""
        holdings = [self._handlers.ledger.holding(one) for one in ids]
        return all(one is None or one.phase is Phase.CREATED for one in holdings)

    def _close(self, reason: Exception) -> None:
        self._closed_until_s = asyncio.get_running_loop().time() + CLOSED_S
        self._warn(f"The cgroup tree cannot be used for settling: {reason}")

    def _has_landed(self, ledger: Ledger, one: str) -> bool:
        """Tell whether a container has what the last reply says, or has no cgroup yet."""
        holding = ledger.holding(one)
        if holding is None or holding.phase is Phase.CREATED:
            return True
        try:
            cpus = self._cpusets.read(holding.container.cgroup).cpus
        except (OSError, ValueError):
            return False
        return cpus == ledger.told[one] and one not in ledger.doubts

    # ---- update ----

    async def _update(self, connection: Updater) -> dict[str, Exception]:
        """Ask the runtime for what is due, one container's growth after the other."""
        failed: dict[str, Exception] = {}
        while not failed:
            before = self._handlers.ledger
            updates = self._handlers.take_due_updates(int(self._may_grow), calm=self._is_calm)
            if not updates:
                break
            ids = [one.container_id for one in updates]
            self._handlers.on_told(ids, before)
            try:
                await connection.update_containers(
                    translate.update_messages(updates, ignore_failure=False), UPDATE_TIMEOUT_S
                )
            except Exception as error:  # noqa: BLE001  # whatever it was, it is told again
                failed = dict.fromkeys(ids, error)
            self._tell_again_what_events_changed(updates)
            self._note(before, [one for one in ids if one not in failed], failed)
        return failed

    def _tell_again_what_events_changed(self, updates: Sequence[CpusetUpdate]) -> None:
        """Doubt the containers that a reply told something else while the update waited."""
        told = self._handlers.ledger.told
        stale = {
            one.container_id: one.cpus
            for one in updates
            if told.get(one.container_id, one.cpus) != one.cpus
        }
        if stale:
            self._handlers.doubt(stale, stale)

    # ---- what became of it ----

    def _note(self, before: Ledger, told: Sequence[str], failed: dict[str, Exception]) -> None:
        """Count, and doubt what failed: it may have what it had before."""
        self.status.settled += len(told)
        self.status.failed += len(failed)
        self._doubt(before, failed)
        if told:
            log.info("Settled %s", Fields({"updates": len(told), "reason": "container removal"}))
            self.on_settled(told)

    def _doubt(self, before: Ledger, ids: Collection[str]) -> None:
        """Take note that these containers were not told, and may have what they had before."""
        if ids:
            may = {
                one: before.told[one] | before.doubts.get(one, CpuSet.EMPTY)
                for one in ids
                if one in before.told
            }
            self._handlers.doubt(ids, may)

    def _take_back(self, before: Ledger, ids: Collection[str]) -> None:
        """Take note that these containers have not been told: they have what they had."""
        has = {one: before.told[one] for one in ids if one in before.told}
        self._handlers.found({one: cpus for one, cpus in has.items() if one not in before.doubts})
        self._doubt(before, [one for one in has if one in before.doubts])

    def _read_back(self, ids: Collection[str]) -> None:
        """Look what containers have whose files could not be written, or not all of them."""
        found = {}
        for one in ids:
            try:
                cpus = self._cpusets.read(self._handlers.cgroup_of(one)).cpus
            except (OSError, ValueError):
                continue  # stays in doubt
            found[one] = cpus or self._handlers.ledger.topology.online
        self._handlers.found(found)

    def _conclude(self, failed: dict[str, Exception]) -> None:
        """Try again later what failed, as long as that makes sense."""
        ledger = self._handlers.ledger
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


def _is_closed(error: Exception) -> bool:
    """Tell whether the next write will meet this error as well."""
    return isinstance(error, PermissionError) or (
        isinstance(error, OSError) and error.errno == errno.EROFS
    )


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
