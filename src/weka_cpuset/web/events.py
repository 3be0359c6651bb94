"""Server-sent events: the whole status first, then what has changed.

Who follows gets an event `status`, which has what `/status.json` has, and after it events `change`
(see `Change`). Each client has a queue of its own, and a bounded one: a client that reads too
slowly loses what is in it, and gets the whole status again. Nothing is made while nobody follows.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator

import msgspec

from weka_cpuset.journal.entry import Line, line_of
from weka_cpuset.journal.memory import Journal
from weka_cpuset.status import schema
from weka_cpuset.status.snapshots import Snapshot, Snapshots

log = logging.getLogger(__name__)

VIEWERS_MAX = 32
"""So many clients can follow at a time."""

TICK_S = 0.25
"""A change is told after so many seconds at most, and all changes of that time together."""

REST = 50
"""After a change that took long to make, so many times as long nobody is told anything: on a large
node in a storm at most a fiftieth of the time is spent, so that few of its events meet that.
What counts is the time of the processor: that others keep it busy makes no change dearer."""

ALIVE_S = 15.0
"""A client that there is nothing to tell is told so after so many seconds: a comment."""

QUEUED_MAX = 16
"""So many events wait for a client before it gets the whole status instead."""


class Change(schema.Summary, frozen=True, kw_only=True):
    """What has changed since the event before."""

    containers: tuple[schema.Container, ...]
    """Containers that are new, or of which anything has changed."""
    gone: tuple[str, ...]
    """Ids of containers that are no longer live."""
    decisions: tuple[Line, ...]
    """New entries of the journal."""


class TooManyViewers(Exception):
    """There are `VIEWERS_MAX` clients already."""


class _Viewer:
    """One client's queue.

    Attributes:
        behind: Whether it needs the whole status next.
        number: The number of the last whole status that it got.
        queue: The events that wait for it.
        wake: Is set when there is something for it.
    """

    def __init__(self) -> None:
        self.behind = True
        self.number = 0
        self.queue: deque[bytes] = deque()
        self.wake = asyncio.Event()

    def put(self, number: int, event: bytes) -> None:
        """Queue a change; if there is no room, have the whole status sent instead.

        Args:
            number: The number of the status that it leads to.
            event: The event.
        """
        if number <= self.number:
            return
        if not self.behind and len(self.queue) < QUEUED_MAX:
            self.queue.append(event)
        else:
            self.fall_behind()
        self.wake.set()

    def fall_behind(self) -> None:
        """Have the whole status sent next, instead of what waits."""
        self.queue.clear()
        self.behind = True
        self.wake.set()


class Events:
    """Tells clients of changes.

    Args:
        snapshots: Makes the status.
        journal: Has the decisions.
    """

    def __init__(self, snapshots: Snapshots, journal: Journal) -> None:
        self._snapshots = snapshots
        self._journal = journal
        self._viewers: dict[_Viewer, None] = {}
        self._told: Snapshot | None = None
        self._telling: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        """How many clients follow."""
        return len(self._viewers)

    def follow(self) -> AsyncGenerator[bytes, None]:
        """Return the events for a client, from when it first asks for one.

        Raises:
            TooManyViewers: There is no room for another one.
        """
        if len(self._viewers) >= VIEWERS_MAX:
            raise TooManyViewers
        return self._events(_Viewer())

    async def _events(self, viewer: _Viewer) -> AsyncGenerator[bytes, None]:
        self._viewers[viewer] = None
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_again_and_again(), name="events")
        try:
            while True:
                if viewer.behind:
                    yield await self._whole_status(viewer)
                elif viewer.queue:
                    yield viewer.queue.popleft()
                elif not await _set_within(viewer.wake, ALIVE_S):
                    yield b": nothing has changed\n\n"
        finally:
            del self._viewers[viewer]
            if not self._viewers:
                self._telling.cancel()
                self._told = self._telling = None

    async def _whole_status(self, viewer: _Viewer) -> bytes:
        """Return the status that all others know, so that the next change fits to it."""
        latest = await self._snapshots.latest()
        if self._told is None:
            self._told = latest
        viewer.behind, viewer.number = False, self._told.status.number
        return _event("status", self._told.status.number, self._told.body)

    async def _tell_again_and_again(self) -> None:
        rest_s = TICK_S
        while True:
            await asyncio.sleep(rest_s)
            began_s = time.thread_time()
            try:
                await self._tell()
            except Exception:
                # A defect of ours must not end the agent; the next change is told again.
                log.exception("Changes could not be told")
            rest_s = max(TICK_S, REST * (time.thread_time() - began_s))

    async def _tell(self) -> None:
        """Tell all who follow what has changed since the last time."""
        before = self._told
        if before is None or self._snapshots.is_current(before):
            return
        after = self._told = await self._snapshots.latest()
        if after.status.machine is not before.status.machine:
            for viewer in self._viewers:
                viewer.fall_behind()
            return
        change = change_between(before, after, self._journal)
        if change is None:
            return
        number = after.status.number
        event = _event("change", number, msgspec.json.encode(change))
        for viewer in tuple(self._viewers):
            viewer.put(number, event)
            await asyncio.sleep(0)  # a turn for the runtime's events between two writes


def change_between(before: Snapshot, after: Snapshot, journal: Journal) -> Change | None:
    """Return what has changed between two moments, or None if nothing has.

    Args:
        before: The earlier moment.
        after: The later one, of the same machine.
        journal: Has the decisions in between, as far as it is large enough.
    """
    rows = before.rows
    containers = tuple(row for one, row in after.rows.items() if rows.get(one) is not row)
    gone = tuple(rows.keys() - after.rows.keys())
    entries = journal.since(before.decisions)
    decisions = tuple(line_of(one) for one in entries if one.number <= after.decisions)
    summary = {name: getattr(after.status, name) for name in schema.Summary.__struct_fields__}
    if not (containers or gone or decisions) and all(
        value == getattr(before.status, name)
        for name, value in summary.items()
        if name not in ("number", "at")
    ):
        return None
    return Change(**summary, containers=containers, gone=gone, decisions=decisions)


def _event(name: str, number: int, data: bytes) -> bytes:
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), number, data)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, and clear it; tell whether it was set in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
