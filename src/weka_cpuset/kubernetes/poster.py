"""Posts what waits in the backlog, seldom enough, for as long as the agent lives.

It is a task of its own on the event loop. The API server may be away, hang, refuse or answer
anything: each request has its end, attempts follow each other more and more seldom, and what
waits meanwhile is bounded.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Protocol

from weka_cpuset.daemon import backoff
from weka_cpuset.kubernetes.allowance import Allowance
from weka_cpuset.kubernetes.api import Answer
from weka_cpuset.kubernetes.backlog import Backlog, Item
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.kubernetes.pod_event import body_of, name_of

log = logging.getLogger(__name__)

BURST = 20
"""So many Events are posted at once."""

EVERY_S = 3.0
"""And then one each so many seconds: a thousand nodes in trouble post 333 a second together, and
kubelet alone may post 50 a second on each of them (its eventRecordQPS)."""

POST_S = 10.0
"""A request may take so many seconds, connecting included."""

LINGER_S = 5.0
"""A connection without anything to post is closed after so many seconds."""

PAUSE_MIN_S = 1.0
"""The first pause after an attempt that has failed, in seconds; doubled after each one."""

PAUSE_MAX_S = 60.0
"""The longest of these pauses."""

RETRY_MAX_S = 300.0
"""The longest pause that the API server can ask for, in seconds."""

ANSWERS_MAX = 5
"""So often one is posted to a server that answers "later"; then others have their turn, which it
may take: what is wrong may be with this one's namespace alone."""

AGE_MAX_S = 3600.0
"""What is older than so many seconds is not told any more: so long the API server itself keeps
an Event by default."""


class Server(Protocol):
    """Takes what is posted; `api.ApiServer`."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""

    async def post(self, path: str, body: bytes) -> Answer:
        """Post JSON and return the answer; raises whatever is in the way."""

    def close(self) -> None:
        """Close the connection, if there is one."""


class Poster:
    """Posts Events.

    Args:
        backlog: What is to be told.
        server: Who takes it.
        instance: Which agent tells it.
        now_s: Returns the time of day, in seconds since 1970.
        draw: Returns a random number from 0 up to 1, for the spread of pauses.
    """

    def __init__(
        self,
        backlog: Backlog,
        server: Server,
        instance: str,
        now_s: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._backlog = backlog
        self._server = server
        self._instance = instance
        self._now_s = now_s
        self._draw = draw
        self._allowance = Allowance(BURST, EVERY_S)
        self._pauses = self._new_pauses()
        self._problem = ""

    async def run(self) -> None:
        """Post, until cancelled."""
        clock = asyncio.get_running_loop().time
        news = asyncio.Event()
        self._backlog.on_put = news.set
        try:
            while True:
                news.clear()
                now, due_s = clock(), self._backlog.due_s()
                free_s = self._allowance.free_s()
                if due_s is None:
                    await self._pause(news, None)
                elif max(due_s, free_s) > now:
                    await self._pause(news, max(due_s, free_s) - now)
                elif (item := self._backlog.take(now)) is not None:
                    self._allowance.take(now)
                    self._backlog.fates[await self._fate(item)] += 1
        finally:
            self._server.close()

    async def _pause(self, news: asyncio.Event, longest_s: float | None) -> None:
        """Wait for news, or for a time; close a connection that is idle for long."""
        if self._server.is_open:
            linger_s = min(LINGER_S, longest_s) if longest_s is not None else LINGER_S
            if await _heard(news, linger_s) or linger_s == longest_s:
                return
            self._server.close()
            longest_s = longest_s - linger_s if longest_s is not None else None
        await _heard(news, longest_s)

    async def _fate(self, item: Item) -> Fate:
        """Post one until the server has taken it or does not want it; return what became of it."""
        event = item.series.event
        path = f"/apis/events.k8s.io/v1/namespaces/{event.pod.namespace}/events"
        body = body_of(item.series, name_of(event.pod, item.number), self._instance)
        answers = 0
        while self._now_s() - item.series.last_s < AGE_MAX_S:
            pause_s = next(self._pauses)
            try:
                async with asyncio.timeout(POST_S):
                    answer = await self._server.post(path, body)
            except Exception as error:  # noqa: BLE001  # whatever it was, the next attempt follows
                self._report(f"{type(error).__name__}: {error}".removesuffix(": "))
            else:
                fate = self._judge(answer)
                answers += 1
                if fate is not None or answers == ANSWERS_MAX:
                    return fate or Fate.REJECTED
                pause_s = max(pause_s, min(answer.retry_s, RETRY_MAX_S))
            await asyncio.sleep(pause_s)
        return Fate.EXPIRED

    def _judge(self, answer: Answer) -> Fate | None:
        """Return what an answer makes of an Event; None: it is to be posted again."""
        fate = _fate_of(answer.status)
        if fate is not None:
            self._pauses = self._new_pauses()
        taken = fate is Fate.POSTED
        self._report("" if taken else f"{answer.status} {answer.message}".strip())
        return fate

    def _new_pauses(self) -> Iterator[float]:
        return backoff(PAUSE_MIN_S, PAUSE_MAX_S, self._draw)

    def _report(self, problem: str) -> None:
        """Log a problem when it is news."""
        if problem and problem != self._problem:
            log.warning("Kubernetes does not take an Event: %s", problem)
        self._problem = problem


def _fate_of(status: int) -> Fate | None:
    """Return what an HTTP status makes of an Event; None: it is to be posted again."""
    # 409: it was taken at an attempt before, of which the answer was lost.
    if 200 <= status < 300 or status == 409:
        return Fate.POSTED
    # 401: the token is read anew for the next attempt. 408, 429, 5xx: the server says "later".
    return None if status in (401, 408, 429) or status >= 500 else Fate.REJECTED


async def _heard(news: asyncio.Event, longest_s: float | None) -> bool:
    """Wait for news, for so many seconds at most; tell whether there are any."""
    try:
        async with asyncio.timeout(longest_s):
            await news.wait()
    except TimeoutError:
        return False
    return True
