"""Listens, and keeps the number of connections bounded, however many come."""

import asyncio
import logging

from weka_cpuset.address import Address
from weka_cpuset.web import connection
from weka_cpuset.web.connection import Answer, Disconnected

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 64
"""How many connections are open at most."""

BACKLOG = 16
"""The kernel keeps so many connections for us; they are taken in one go, between two events."""

RETRY_S = 10.0
"""Where the agent cannot listen it tries again after so many seconds."""


class Server:
    """Answers requests at an address.

    A connection without a request, the oldest one, gives way to a new one. So slow clients keep
    nobody out, and cost no more memory than `CONNECTIONS_MAX` connections.

    Args:
        address: Where to listen.
        answer: Answers requests.

    Attributes:
        answer: Answers requests.
    """

    def __init__(self, address: Address, answer: Answer) -> None:
        self._address = address
        self.answer = answer
        self._open: set[asyncio.StreamWriter] = set()
        self._waiting: dict[asyncio.StreamWriter, None] = {}
        self._problem = ""

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                server = await self._listen()
            except OSError as error:
                self._report(error)
                await asyncio.sleep(RETRY_S)
                continue
            self._problem = ""
            log.info("Listening for HTTP at %s", self._address)
            try:
                await server.serve_forever()
            finally:
                for writer in self._open:
                    writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, if there is room for it."""
        if len(self._open) >= CONNECTIONS_MAX and not self._make_room():
            writer.transport.abort()
            return
        # Nothing is left to write where nothing is waited for, so that closing ends it.
        writer.transport.set_write_buffer_limits(high=0)
        self._open.add(writer)
        self._waiting[writer] = None
        try:
            await connection.serve(
                reader, writer, self.answer, lambda: self._waiting.pop(writer, None)
            )
            writer.close()
        except Disconnected:
            writer.transport.abort()
        except Exception:
            log.exception("A request could not be answered")
            writer.transport.abort()
        finally:
            self._waiting.pop(writer, None)
            self._open.discard(writer)

    def _make_room(self) -> bool:
        """Close the connection that waits longest for its request; tell whether there is one."""
        if not self._waiting:
            return False
        oldest = next(iter(self._waiting))
        del self._waiting[oldest]
        self._open.discard(oldest)
        oldest.transport.abort()
        return True

    async def _listen(self) -> asyncio.Server:
        limit = connection.HEAD_MAX
        if self._address.path:
            return await asyncio.start_unix_server(
                self.serve, self._address.path, backlog=BACKLOG, limit=limit
            )
        return await asyncio.start_server(
            self.serve, self._address.host, self._address.port, backlog=BACKLOG, limit=limit
        )

    def _report(self, error: OSError) -> None:
        """Log a problem when it is news."""
        text = error.strerror or str(error)
        if text != self._problem:
            self._problem = text
            log.warning("Cannot listen for HTTP at %s, trying again: %s", self._address, text)
