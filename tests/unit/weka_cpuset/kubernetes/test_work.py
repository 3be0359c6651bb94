"""An agent that tells Kubernetes: from the runtime's request to an Event, over TLS."""

import asyncio
import contextlib
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import nri
from tests.agents import agent_of
from tests.api_server import ApiServerDouble
from tests.requests import EIGHT, create, start
from weka_cpuset.engine import CORES_ANNOTATION
from weka_cpuset.kubernetes.backlog import CAPACITY
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.kubernetes.work import Telling, telling_of
from weka_cpuset.settings import KubernetesSettings, Settings

DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's folder, and the key of the server that it trusts."""
    folder = tmp_path_factory.mktemp("account")
    (folder / "token").write_text("token")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=kubernetes"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key", "-out", folder / "ca.crt"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@contextlib.asynccontextmanager
async def api_server(account: Path, double: ApiServerDouble) -> AsyncIterator[dict[str, str]]:
    """Serve with TLS; yields what a pod's environment says of the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, inner = await double.connect("", 0, ssl=None, limit=1 << 16)

        async def reply() -> None:
            while data := await answers.read(1 << 16):
                writer.write(data)

        replying = asyncio.create_task(reply())
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                inner.write(data)
        replying.cancel()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}


async def until_posted(telling: Telling, count: int) -> None:
    """Post until so many Events are taken."""
    posting = asyncio.create_task(telling.run())
    async with asyncio.timeout(DEADLINE_S):
        while telling.backlog.fates[Fate.POSTED] < count:
            await asyncio.sleep(0.001)
    posting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await posting


@pytest.mark.asyncio
async def test_refusal_and_move_become_events(account: Path) -> None:
    """And all others who are told of decisions still are."""
    agent, double = agent_of(EIGHT), ApiServerDouble()
    async with api_server(account, double) as environment:
        telling = telling_of(agent, environment, account)
        assert telling is not None
        cpus = start(agent.handlers, create("own", 2000))
        start(agent.handlers, create("named", 100, {CORES_ANNOTATION: str(cpus)}))
        with pytest.raises(nri.Refusal) as refused:
            agent.handlers.create_container(create("large", 99_000))
        await until_posted(telling, 2)
    moved, large = double.events
    assert ("own", "named") == (moved["regarding"]["name"], moved["related"]["name"])
    assert f"instead of {cpus}: {cpus} now belong to default/named/main" in moved["note"]
    assert f"container main: {refused.value}" == large["note"]
    assert (1, {"NotEnoughCpus": 1}) == (agent.observer.moves, agent.observer.refusals)


@pytest.mark.asyncio
async def test_server_with_another_name_is_told_nothing(
    account: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even the token."""
    agent, double = agent_of(EIGHT), ApiServerDouble()
    async with api_server(account, double) as environment:
        telling = telling_of(agent, environment | {"KUBERNETES_SERVICE_HOST": "localhost"}, account)
        assert telling is not None
        with pytest.raises(nri.Refusal):
            agent.handlers.create_container(create("large", 99_000))
        posting = asyncio.create_task(telling.run())
        async with asyncio.timeout(DEADLINE_S):
            while not any("verify failed" in one for one in caplog.messages):
                await asyncio.sleep(0.001)
        posting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
    assert [] == double.posts
    assert 0 == telling.backlog.fates[Fate.POSTED]


@pytest.mark.asyncio
async def test_server_that_speaks_no_tls_is_in_nobodys_way(
    account: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent answers as if there were none, and what waits is bounded."""

    def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"\x16\x03\x01garbage" * 1000)
        writer.close()

    agent = agent_of(EIGHT)
    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
    telling = telling_of(agent, environment, account)
    assert telling is not None
    posting = asyncio.create_task(telling.run())
    async with server, asyncio.timeout(DEADLINE_S):
        for number in range(CAPACITY + 10):
            with pytest.raises(nri.Refusal):
                agent.handlers.create_container(create(f"large{number}", 99_000))
        assert 2 == len(start(agent.handlers, create("own", 2000)))
        while not any("does not take an Event" in one for one in caplog.messages):
            await asyncio.sleep(0.001)
        assert not posting.done()
    posting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await posting
    assert telling.backlog.waiting <= CAPACITY
    assert 10 == telling.backlog.refused


def test_agent_without_an_account_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line; and what it decides is told as it was before."""
    caplog.set_level(logging.INFO)
    agent = agent_of(EIGHT)
    before = agent.keeper.on_decided
    assert telling_of(agent, {}, tmp_path) is None
    assert ["No Kubernetes Events: the agent does not run in a pod of a cluster"] == caplog.messages
    assert before == agent.keeper.on_decided


def test_dry_run_tells_no_pod_what_has_not_happened(
    account: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = Settings(kubernetes=KubernetesSettings(events=True), dry_run=True)
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert telling_of(agent_of(EIGHT, settings), environment, account) is None
    assert "in a dry run" in caplog.text


def test_agent_that_has_it_off_loads_nothing_of_it() -> None:
    """But for the names of the metric's label."""
    code = (
        "import sys, weka_cpuset.cli, weka_cpuset.daemon, weka_cpuset.web.work\n"
        "print(*sorted(one for one in sys.modules if one.startswith('weka_cpuset.kubernetes.')))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert ["weka_cpuset.kubernetes.fate"] == found.stdout.decode().split()
