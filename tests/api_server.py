"""An API server in memory, at the other end of real HTTP bytes, for tests of what is posted."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import h11


class Post(NamedTuple):
    """A request that came.

    Attributes:
        path: Its path.
        headers: Its headers, by their names in small letters.
        body: Its JSON.
    """

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


HANG = b""
"""An answer that never comes."""

CLOSE = b"close"
"""Instead of an answer the connection ends."""


def answer(status: int, message: str = "", headers: str = "") -> bytes:
    """Return the bytes of an answer as the API server writes one."""
    body = json.dumps({"kind": "Status", "message": message}).encode()
    head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class ApiServerDouble:
    """Takes what is posted, unless a test has put other answers in first.

    Attributes:
        posts: The requests that came.
        answers: What to answer to the next ones; an error is raised by the attempt to connect.
        connections: How many there were.
        closed: How many of them have been closed by the client.
        trust: Whom the client trusted, at the last connection.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answers: deque[bytes | OSError] = deque()
        self.connections = 0
        self.closed = 0
        self.trust: ssl.SSLContext | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        """The Events that came."""
        return [one.body for one in self.posts]

    async def connect(
        self, host: str, port: int, *, ssl: ssl.SSLContext | None, limit: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, as `asyncio.open_connection` does."""
        del host, port
        scripted = self.answers[0] if self.answers else None
        if isinstance(scripted, OSError):
            self.answers.popleft()
            raise scripted
        self.connections += 1
        self.trust = ssl
        reader = asyncio.StreamReader(limit=limit)
        return reader, _Writer(self, reader)  # type: ignore[return-value]  # as far as it is used

    def took(self, post: Post) -> bytes:
        """Take a request, and return the answer's bytes."""
        self.posts.append(post)
        scripted = self.answers.popleft() if self.answers else answer(201)
        assert not isinstance(scripted, OSError)
        return scripted


class _Writer:
    """The client's end of a connection, and its transport."""

    def __init__(self, server: ApiServerDouble, reader: asyncio.StreamReader) -> None:
        self.transport = self
        self._server = server
        self._reader = reader
        self._wire = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = b""

    def write(self, data: bytes) -> None:
        """Read requests out of what comes, and answer them."""
        self._wire.receive_data(data)
        while (event := self._wire.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self._request, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._reply(self._server.took(self._post()))

    async def drain(self) -> None:
        """Wait for nothing: it is all in memory."""

    def abort(self) -> None:
        """Close the connection."""
        self._server.closed += 1

    def _post(self) -> Post:
        assert self._request is not None
        headers = {name.decode(): value.decode() for name, value in self._request.headers}
        return Post(self._request.target.decode(), headers, json.loads(self._body))

    def _reply(self, data: bytes) -> None:
        if data == CLOSE:
            self._reader.feed_eof()
            return
        self._reader.feed_data(data)
        # That it has answered is all that the server's state machine has to know.
        self._wire.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        self._wire.send(h11.EndOfMessage())
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
