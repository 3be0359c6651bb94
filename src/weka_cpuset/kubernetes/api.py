"""One HTTP connection to the API server: JSON is posted, and the answer read. The syntax is h11's.

A connection is kept for the next request until somebody closes it. No buffer is larger than was
allowed, whatever the server sends; how long it may take is for the caller to say.
"""

import asyncio
import contextlib
import ssl
from typing import NamedTuple, Protocol

import h11
import msgspec

from weka_cpuset import __version__
from weka_cpuset.kubernetes.account import Account
from weka_cpuset.offload import Offload

HEAD_MAX = 16 << 10
"""The headers of an answer may have so many bytes."""

BODY_MAX = 64 << 10
"""And its body so many: it is the object that was posted, or a reason why not."""

MESSAGE_MAX = 300
"""So many characters of that reason are kept."""


class Answer(NamedTuple):
    """What the API server has answered.

    Attributes:
        status: The HTTP status.
        message: In words, if it has refused something.
        retry_s: After how many seconds to ask again; 0: it does not say.
    """

    status: int
    message: str = ""
    retry_s: float = 0.0


class BadAnswer(Exception):
    """What came is no answer that could be used.

    Args:
        problem: What is wrong with it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class Connect(Protocol):
    """Opens a connection to a server."""

    async def __call__(
        self, host: str, port: int, *, ssl: ssl.SSLContext, limit: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return what the server sends, and where to write to it; as asyncio's does."""


class ApiServer:
    """Posts to the API server, one request at a time.

    Args:
        account: Where it is, and with which rights.
        offload: Reads the account's files where that holds up nobody.
        connect: Opens connections.
    """

    def __init__(
        self, account: Account, offload: Offload, connect: Connect = asyncio.open_connection
    ) -> None:
        self._account = account
        self._offload = offload
        self._connect = connect
        self._link: _Link | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._link is not None

    async def post(self, path: str, body: bytes) -> Answer:
        """Post JSON, on the connection that there is or on a new one.

        The connection is closed if anything is wrong with it, this call's end included.

        Args:
            path: The path; of characters that need no quoting.
            body: The JSON.

        Returns:
            The answer.

        Raises:
            BadAnswer: The answer is none.
            NoAccount: There is no token any more.
            OSError: The server cannot be reached, or trusted.
        """
        link = self._link
        self._link = None
        if link is None:
            link = await self._open()
        with contextlib.ExitStack() as held:
            held.callback(link.close)
            answer, may_stay = await link.post(path, body)
            # The token may be the reason for a 401, and is read for each connection.
            if may_stay and answer.status != 401:
                held.pop_all()
                self._link = link
        return answer

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _open(self) -> "_Link":
        account = self._account
        token, trust = await self._offload(lambda: (account.token(), account.trust()))
        host = f"[{account.host}]" if ":" in account.host else account.host
        headers = (
            ("Host", f"{host}:{account.port}"),
            ("User-Agent", f"weka-nri-cpuset/{__version__}"),
            ("Authorization", f"Bearer {token}"),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        )
        reader, writer = await self._connect(account.host, account.port, ssl=trust, limit=HEAD_MAX)
        return _Link(reader, writer, headers)


class _Link:
    """A connection.

    Args:
        reader: What the server sends.
        writer: Where to write to it.
        headers: The headers of each request, but for the body's length.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: tuple[tuple[str, str], ...],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = headers
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MAX)

    async def post(self, path: str, body: bytes) -> tuple[Answer, bool]:
        """Send a request and read its answer; tell also whether another one may follow."""
        length = ("Content-Length", str(len(body)))
        request = h11.Request(method="POST", target=path, headers=[*self._headers, length])
        parts = (request, h11.Data(body), h11.EndOfMessage())
        self._writer.write(b"".join(self._wire.send(one) or b"" for one in parts))
        await self._writer.drain()
        try:
            answer = await self._answer()
        except h11.RemoteProtocolError as error:
            raise BadAnswer(str(error)) from error
        may_stay = self._wire.our_state is self._wire.their_state is h11.DONE
        if may_stay:
            self._wire.start_next_cycle()
        return answer, may_stay

    def close(self) -> None:
        """Close it; what was not sent is lost."""
        self._writer.transport.abort()

    async def _answer(self) -> Answer:
        head = await self._event()
        while isinstance(head, h11.InformationalResponse):
            head = await self._event()
        if not isinstance(head, h11.Response):
            raise AssertionError("an end before the answer is an error of the protocol")
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > BODY_MAX:
                raise BadAnswer(f"an answer has more than {BODY_MAX} bytes")
        fields = {name: value.decode("latin-1") for name, value in head.headers}
        message = "" if head.status_code < 300 else _message(bytes(body))
        return Answer(head.status_code, message, _seconds(fields.get(b"retry-after", "")))

    async def _event(self) -> h11.Event | None:
        """Return the next part of an answer; None: there is none."""
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            self._wire.receive_data(await self._reader.read(HEAD_MAX))
        # A turn for the runtime's events: what is there already is read without one, and may be
        # thousands of tiny pieces.
        await asyncio.sleep(0)
        return event if isinstance(event, h11.Event) else None


class _Status(msgspec.Struct):
    """An object of kind Status, as far as it is read here."""

    message: str = ""


def _message(body: bytes) -> str:
    """Return the words of a refusal; as the server may send anything, on one line."""
    try:
        text = msgspec.json.decode(body, type=_Status).message
    except (msgspec.DecodeError, ValueError):
        text = body[:MESSAGE_MAX].decode(errors="replace")
    return " ".join(
        "".join(one if one.isprintable() else " " for one in text[:MESSAGE_MAX]).split()
    )


def _seconds(text: str) -> float:
    """Return what `Retry-After` says; a date there is not understood, and nobody sends one."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
