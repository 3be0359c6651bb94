"""Posting to an API server that may answer anything."""

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.api_server import CLOSE, HANG, ApiServerDouble, answer
from weka_cpuset.kubernetes.account import Account, NoAccount
from weka_cpuset.kubernetes.api import BODY_MAX, HEAD_MAX, MESSAGE_MAX, Answer, ApiServer, BadAnswer
from weka_cpuset.offload import at_once


class Trusting(Account):
    """An account that needs no authority's certificate."""

    def trust(self) -> ssl.SSLContext:
        """Trust nobody: nothing is encrypted here."""
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def double() -> ApiServerDouble:
    """The other end."""
    return ApiServerDouble()


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An account with a token."""
    (tmp_path / "token").write_text("first")
    return Trusting("fd00::1", 6443, tmp_path)


@pytest.fixture
def server(double: ApiServerDouble, account: Account) -> ApiServer:
    """What posts there."""
    return ApiServer(account, at_once, double.connect)


async def post(server: ApiServer) -> Answer:
    """Post something small, and wait for the answer for a while."""
    async with asyncio.timeout(5):
        return await server.post("/apis", b'{"a":1}')


@pytest.mark.asyncio
async def test_request_has_the_token_and_the_json(
    double: ApiServerDouble, server: ApiServer
) -> None:
    assert Answer(201) == await post(server)
    (came,) = double.posts
    assert ("/apis", {"a": 1}) == (came.path, came.body)
    assert "Bearer first" == came.headers["authorization"]
    assert "application/json" == came.headers["content-type"]
    assert "[fd00::1]:6443" == came.headers["host"]
    assert double.trust is not None


@pytest.mark.asyncio
async def test_connection_is_used_again_until_it_is_closed(
    double: ApiServerDouble, server: ApiServer, account: Account
) -> None:
    """A token that was replaced meanwhile is read for the next one."""
    for _ in range(3):
        await post(server)
    assert (1, 0) == (double.connections, double.closed)
    assert server.is_open
    (account.folder / "token").write_text("second")
    server.close()
    server.close()
    await post(server)
    assert (2, 1) == (double.connections, double.closed)
    assert ["first"] * 3 + ["second"] == [
        one.headers["authorization"].removeprefix("Bearer ") for one in double.posts
    ]


@pytest.mark.asyncio
async def test_rejected_token_is_read_anew(double: ApiServerDouble, server: ApiServer) -> None:
    double.answers.append(answer(401, "Unauthorized"))
    assert Answer(401, "Unauthorized") == await post(server)
    assert not server.is_open
    await post(server)
    assert 2 == double.connections


@pytest.mark.asyncio
async def test_refusal_has_its_words_on_one_line_and_short(
    double: ApiServerDouble, server: ApiServer
) -> None:
    double.answers.append(answer(403, 'events is "forbidden"\r\n\x1b[31mno ' + "x" * 1000))
    message = (await post(server)).message
    assert message.startswith('events is "forbidden" [31mno x')
    assert len(message) <= MESSAGE_MAX
    assert server.is_open


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 7\r\n", 7.0),
        ("Retry-After: soon\r\n", 0.0),
        ("Retry-After: -1\r\n", 0.0),
        ("Retry-After: 99999999999\r\n", 0.0),
        ("", 0.0),
    ],
)
async def test_server_says_when_to_ask_again(
    double: ApiServerDouble, server: ApiServer, header: str, seconds: float
) -> None:
    double.answers.append(answer(429, "slow down", header))
    assert Answer(429, "slow down", seconds) == await post(server)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data",
    [
        b'HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{"',
        b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\x01",
        b'HTTP/1.1 500 X\r\nContent-Length: 13\r\n\r\n{"message":1}',
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_refusal_without_words_is_one_all_the_same(
    double: ApiServerDouble, server: ApiServer, data: bytes
) -> None:
    double.answers.append(data)
    assert 500 == (await post(server)).status


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data",
    [
        CLOSE,
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 201 X\r\nX: " + b"a" * (HEAD_MAX * 2),
        b"HTTP/1.1 201 X\r\n\r\n" + b"a" * (BODY_MAX + HEAD_MAX),
        b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 201 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: none\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_answer_ends_the_connection(
    double: ApiServerDouble, server: ApiServer, data: bytes
) -> None:
    double.answers.append(data)
    with pytest.raises(BadAnswer) as bad:
        await post(server)
    assert str(bad.value)
    assert not server.is_open
    assert 1 == double.closed


@pytest.mark.asyncio
async def test_answer_in_tiny_pieces_gives_others_their_turns(
    double: ApiServerDouble, server: ApiServer
) -> None:
    """However it comes, no piece of the loop's time is longer than the reading of a few bytes."""
    turns, pieces = 0, 2000
    double.answers.append(
        b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n" * pieces
        + b"0\r\n\r\n"
    )

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert 201 == (await post(server)).status
    counting.cancel()
    assert turns >= pieces


@pytest.mark.asyncio
async def test_answer_after_early_ones_is_the_answer(
    double: ApiServerDouble, server: ApiServer
) -> None:
    double.answers.append(b"HTTP/1.1 103 Early\r\n\r\n" * 3 + answer(201))
    assert 201 == (await post(server)).status


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_server_that_hangs_is_left(double: ApiServerDouble, server: ApiServer) -> None:
    """Nothing is left of the connection when the caller's patience ends."""
    double.answers.append(HANG)
    with pytest.raises(TimeoutError):
        await post(server)
    assert not server.is_open
    assert 1 == double.closed


@pytest.mark.asyncio
async def test_server_that_says_to_close_is_asked_on_a_new_connection(
    double: ApiServerDouble, server: ApiServer
) -> None:
    double.answers.append(answer(201, headers="Connection: close\r\n"))
    await post(server)
    assert not server.is_open
    await post(server)
    assert 2 == double.connections


@pytest.mark.asyncio
async def test_lost_token_is_an_error_and_no_connection(
    double: ApiServerDouble, server: ApiServer, account: Account
) -> None:
    (account.folder / "token").write_text("")
    with pytest.raises(NoAccount):
        await post(server)
    assert 0 == double.connections
