"""What is answered to which path."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec

from weka_cpuset.daemon import Agent
from weka_cpuset.explain.view import LedgerPage
from weka_cpuset.fresh import Fresh
from weka_cpuset.journal.entry import line_of
from weka_cpuset.metrics import text as metrics
from weka_cpuset.status.health import health_of
from weka_cpuset.status.schema import SCHEMA
from weka_cpuset.status.snapshots import Snapshots
from weka_cpuset.web import message
from weka_cpuset.web.events import Events, TooManyViewers
from weka_cpuset.web.message import Request, Response, plain
from weka_cpuset.web.page import page


class JournalPage(msgspec.Struct, frozen=True):
    """What `/journal.json` has."""

    schema: int
    """The number of the schema: see docs/reference/status.md."""
    decisions: tuple[msgspec.Raw, ...]
    """The entries in memory, oldest first: see `journal.entry.Line`."""


JOURNAL_FRESH_S = 0.2
"""The journal's page is given out again for so many seconds."""

LEDGER_FRESH_S = 1.0
"""The ledger's page is given out again for so many seconds: it is the dearest one."""

SLICE = 32
"""So many of the journal's entries are written before others get a turn: some tenths of a
millisecond."""


class Site:
    """Answers requests.

    Args:
        agent: The agent.
        snapshots: Makes its status.
        events: Tells of changes.
        exposition: Writes the metrics.
        any_host: Whether a request may name any host. If not, only this one by number, or as
            localhost: no page of another site gets at the agent by a name that leads here.
    """

    def __init__(
        self,
        agent: Agent,
        snapshots: Snapshots,
        events: Events,
        exposition: metrics.Exposition,
        *,
        any_host: bool,
    ) -> None:
        self._agent = agent
        self._snapshots = snapshots
        self._events = events
        self._exposition = exposition
        self._any_host = any_host
        self._journal_page = Fresh(self._write_journal, JOURNAL_FRESH_S)
        self._ledger_page = Fresh(self._write_ledger, LEDGER_FRESH_S)
        self._pages: Mapping[str, Callable[[], Awaitable[Response]]] = {
            "/": self._page,
            "/healthz": self._health,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/status.json": self._status,
            "/journal.json": self._journal,
            "/ledger.json": self._ledger,
            "/events": self._follow,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        if request.method != "GET":
            text = f"{request.method} is not allowed; use GET"
            refused = plain(HTTPStatus.METHOD_NOT_ALLOWED, text)
            return Response(refused.status, refused.body, headers={"Allow": "GET"})
        if not (self._any_host or _is_this_host(request.host)):
            return plain(HTTPStatus.FORBIDDEN, "use localhost or a number as the host's name")
        page = self._pages.get(request.path)
        if page is None:
            return plain(HTTPStatus.NOT_FOUND, "there are " + " ".join(sorted(self._pages)))
        return await page()

    async def _page(self) -> Response:
        shown = page()
        headers = {"Content-Security-Policy": shown.policy, "Referrer-Policy": "no-referrer"}
        return Response(HTTPStatus.OK, shown.body, message.HTML, headers=headers)

    async def _health(self) -> Response:
        if not self._agent.is_alive:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "a part of the agent has ended")
        return plain(HTTPStatus.OK, "alive")

    async def _ready(self) -> Response:
        agent = self._agent
        health = health_of(
            agent.keeper.ledger, agent.uptime, agent.settler.status, agent.auditor.status
        )
        lines = "\n".join(f"{one.code}: {one.text}" for one in health.problems)
        if health.ready:
            return plain(HTTPStatus.OK, f"ready\n{lines}".rstrip())
        return plain(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready\n{lines}")

    async def _metrics(self) -> Response:
        return Response(HTTPStatus.OK, await self._exposition.text(), metrics.CONTENT_TYPE)

    async def _status(self) -> Response:
        snapshot = await self._snapshots.latest()
        return Response(HTTPStatus.OK, snapshot.body, message.JSON)

    async def _journal(self) -> Response:
        return Response(HTTPStatus.OK, await self._journal_page.get(), message.JSON)

    async def _write_journal(self) -> bytes:
        lines = []
        for position, entry in enumerate(self._agent.observer.journal.since(0)):
            if position % SLICE == 0:
                await asyncio.sleep(0)  # a turn for the runtime's events
            lines.append(msgspec.Raw(msgspec.json.encode(line_of(entry))))
        return msgspec.json.encode(JournalPage(SCHEMA, tuple(lines)))

    async def _ledger(self) -> Response:
        return Response(HTTPStatus.OK, await self._ledger_page.get(), message.JSON)

    async def _write_ledger(self) -> bytes:
        """Write the ledger beside the event loop: an immutable value, and some milliseconds."""
        snapshot = await self._snapshots.latest()
        status = snapshot.status
        page = LedgerPage(
            version=status.agent.version,
            node=status.node,
            at=status.at,
            decisions=snapshot.decisions,
            since={one: row.since for one, row in snapshot.rows.items()},
        )
        return await self._agent.host.offload(lambda: page.write(snapshot.ledger))

    async def _follow(self) -> Response:
        try:
            stream = self._events.follow()
        except TooManyViewers:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "too many follow the events already")
        return Response(HTTPStatus.OK, b"", message.EVENTS, stream)


def _is_this_host(name: str) -> bool:
    if name in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
