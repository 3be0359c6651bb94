"""The HTTP server against clients that behave, and clients that do not."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest

from weka_cpuset.address import Address
from weka_cpuset.web import connection, server
from weka_cpuset.web.message import Request, Response, plain
from weka_cpuset.web.server import Server

pytestmark = pytest.mark.asyncio

GET = b"GET /x?y=1 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"


async def echo(request: Request) -> Response:
    """Answer with what was asked."""
    return plain(HTTPStatus.OK, f"{request.method} {request.path} {request.host}")


class Client:
    """A connection of a client to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, bytes]:
        """Read to the end; return status and body, or 0 if there is no answer."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while part := await self.reader.read(1 << 16):
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head else 0), body


class Site:
    """A server at a socket, and its clients."""

    def __init__(self, path: Path, answer: connection.Answer = echo) -> None:
        self.server = Server(Address(path=str(path)), answer)
        self.path = path
        self.clients: list[Client] = []

    async def connect(self, data: bytes = b"") -> Client:
        """Connect and send something."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(data)
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Send something; return the answer."""
        return await (await self.connect(data)).answer()

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve for the length of a `with` block."""
        working = asyncio.create_task(self.server.run())
        try:
            while not self.path.exists():
                await asyncio.sleep(0)
            yield
        finally:
            for one in self.clients:
                one.writer.close()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_answers_a_request(tmp_path: Path) -> None:
    site = Site(tmp_path / "http.sock")
    async with site.run():
        assert (200, b"GET /x localhost\n") == await site.ask(GET)


async def test_answers_a_request_that_comes_a_byte_at_a_time(tmp_path: Path) -> None:
    site = Site(tmp_path / "http.sock")
    async with site.run():
        client = await site.connect()
        for at in range(len(GET)):
            client.writer.write(GET[at : at + 1])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert 200 == (await client.answer())[0]


async def test_answer_to_head_has_no_body(tmp_path: Path) -> None:
    site = Site(tmp_path / "http.sock")
    async with site.run():
        assert (200, b"") == await site.ask(GET.replace(b"GET", b"HEAD"))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ],
    ids=["tls", "old", "no-host", "long-path", "many-headers", "two-hosts"],
)
async def test_bad_requests_are_refused(tmp_path: Path, data: bytes, status: int) -> None:
    """With the right status where the client still reads it; never with more than that."""
    site = Site(tmp_path / "http.sock")
    async with site.run():
        assert (await site.ask(data))[0] in (status, 0)
        assert 200 == (await site.ask(GET))[0]


async def test_client_that_says_nothing_and_leaves_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path / "http.sock")
    async with site.run():
        client = await site.connect(b"GET")
        client.writer.close()
        await client.writer.wait_closed()
        assert 200 == (await site.ask(GET))[0]
        assert [] == [one for one in caplog.records if one.levelname != "INFO"]


async def test_slow_ones_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more of them than there may be connections: each request is answered at once."""
    site = Site(tmp_path / "http.sock")
    async with site.run():
        monkeypatch.setattr(server, "CONNECTIONS_MAX", 8)
        for _ in range(10):
            for _ in range(10):
                await site.connect(b"GET /slow")
            assert 200 == (await site.ask(GET))[0]
            assert site.server.connections <= 8


async def test_client_without_a_request_is_told_to_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "http.sock")
    async with site.run():
        monkeypatch.setattr(connection, "HEAD_S", 0.0)
        assert 408 == (await site.ask(b"GET /"))[0]


async def test_client_that_does_not_read_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WRITE_S", 0.05)

    async def much(request: Request) -> Response:
        del request
        return Response(HTTPStatus.OK, b"x" * (8 << 20))

    site = Site(tmp_path / "http.sock", much)
    async with site.run():
        await site.connect(GET)
        while not site.server.connections:
            await asyncio.sleep(0)
        while site.server.connections:
            await asyncio.sleep(0.01)


async def test_stream_ends_when_the_client_goes(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def stream(request: Request) -> Response:
        del request
        return Response(HTTPStatus.OK, b"", stream=pieces())

    site = Site(tmp_path / "http.sock", stream)
    async with site.run():
        client = await site.connect(GET)
        await client.reader.readuntil(b"first")
        client.writer.close()
        await ended.wait()


async def test_defect_in_an_answer_ends_only_its_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> Response:
        if request.path == "/x":
            raise ZeroDivisionError
        return await echo(request)

    site = Site(tmp_path / "http.sock", broken)
    async with site.run():
        assert 0 == (await site.ask(GET))[0]
        assert 200 == (await site.ask(GET.replace(b"/x", b"/y")))[0]
    assert 1 == sum(one.levelname == "ERROR" for one in caplog.records)


async def test_address_in_use_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another program at our address does not keep the agent from its work."""
    path = tmp_path / "folder" / "http.sock"
    monkeypatch.setattr(server, "RETRY_S", 0.01)
    site = Site(path)
    working = asyncio.create_task(site.server.run())
    while not caplog.records:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    path.parent.mkdir()
    while not path.exists():
        await asyncio.sleep(0.01)
    assert 200 == (await site.ask(GET))[0]
    assert 1 == sum(one.levelname == "WARNING" for one in caplog.records)
    site.clients[0].writer.close()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
