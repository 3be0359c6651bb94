"""One HTTP connection: one request, one answer, and it is closed. The syntax is h11's.

Every wait has an end, and no buffer is larger than was allowed, whatever the client sends, and
however slowly it reads.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from http import HTTPStatus

import h11

from weka_cpuset.together import end_all
from weka_cpuset.web.message import Request, Response, plain

HEAD_MAX = 8 << 10
"""A request's line and headers may have so many bytes; a browser sends about one thousand."""

HEAD_S = 5.0
"""A request's line and headers must be there after so many seconds."""

WRITE_S = 10.0
"""A client must take a piece of an answer within so many seconds."""

PIECE = 64 << 10
"""An answer is written in pieces of so many bytes, so that no more of it waits for the client."""

Answer = Callable[[Request], Awaitable[Response]]
"""Answers a request."""

_HEADERS = (
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)


class Disconnected(Exception):
    """The client has gone, or is too slow."""


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Answer,
    on_request: Callable[[], None],
) -> None:
    """Serve one connection to its end, and close it.

    Args:
        reader: What the client sends.
        writer: Where to write to it.
        answer: Answers the request.
        on_request: Called when the request is there.

    Raises:
        Disconnected: The client has gone, or is too slow.
    """
    wire = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
    try:
        async with asyncio.timeout(HEAD_S):
            request = await _request(wire, reader)
        on_request()
        response = await answer(request)
        if request.method == "HEAD":
            response = replace(response, body=b"")
    except h11.RemoteProtocolError as error:
        response = plain(HTTPStatus(error.error_status_hint), str(error))
    except TimeoutError:
        response = plain(HTTPStatus.REQUEST_TIMEOUT)
    except OSError as error:
        raise Disconnected from error
    if response.stream is None:
        await _write(wire, writer, response)
    else:
        await _unless_gone(reader, _write(wire, writer, response))


async def _request(wire: h11.Connection, reader: asyncio.StreamReader) -> Request:
    while (event := wire.next_event()) is h11.NEED_DATA:
        data = await reader.read(HEAD_MAX)
        if not data and wire.trailing_data[0] == b"":
            raise Disconnected
        wire.receive_data(data)
    if not isinstance(event, h11.Request):
        raise Disconnected
    path = event.target.decode("ascii").partition("?")[0]
    host = next((value.decode("latin-1") for name, value in event.headers if name == b"host"), "")
    return Request(event.method.decode("ascii"), path, _without_port(host))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


async def _unless_gone(reader: asyncio.StreamReader, writing: Coroutine[None, None, None]) -> None:
    """Write until the client closes its side, or sends what nobody has asked for."""
    tasks = (asyncio.create_task(writing), asyncio.create_task(reader.read(1)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        failed = await end_all(tasks)
    if failed:
        raise failed[0]


async def _write(wire: h11.Connection, writer: asyncio.StreamWriter, response: Response) -> None:
    headers = [*_HEADERS, ("Content-Type", response.kind), *response.headers.items()]
    if response.stream is None:
        headers.append(("Content-Length", str(len(response.body))))
    status = response.status
    head = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
    await _send(wire, writer, head)
    for at in range(0, len(response.body), PIECE):
        await _send(wire, writer, h11.Data(response.body[at : at + PIECE]))
    if response.stream is not None:
        async with contextlib.aclosing(response.stream) as stream:
            async for part in stream:
                for at in range(0, len(part), PIECE):
                    await _send(wire, writer, h11.Data(part[at : at + PIECE]))
    await _send(wire, writer, h11.EndOfMessage())


async def _send(
    wire: h11.Connection,
    writer: asyncio.StreamWriter,
    event: h11.Response | h11.Data | h11.EndOfMessage,
) -> None:
    data = wire.send(event)
    if data:
        writer.write(data)
        try:
            async with asyncio.timeout(WRITE_S):
                await writer.drain()
        except OSError as error:  # TimeoutError is one
            raise Disconnected from error
