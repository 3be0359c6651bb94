"""What is answered to which path."""

from collections.abc import Mapping

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.agents import RUNTIME, agent_of
from tests.requests import EIGHT, create, start
from weka_cpuset.address import Address
from weka_cpuset.daemon import Agent
from weka_cpuset.status.schema import Status
from weka_cpuset.web.message import Request, Response
from weka_cpuset.web.work import server_of

pytestmark = pytest.mark.asyncio

LOCAL = Address.parse("127.0.0.1:17099")


class Shown:
    """An agent and its site."""

    def __init__(self, address: Address = LOCAL) -> None:
        self.agent: Agent = agent_of(EIGHT)
        self.server = server_of(self.agent, address, {})

    async def get(self, path: str, method: str = "GET", host: str = "localhost") -> Response:
        """Ask for a path."""
        return await self.server.answer(Request(method, path, host))


async def test_alive_means_that_the_agent_works() -> None:
    """An agent that was never started, or of which a part has ended, is not alive."""
    assert 503 == (await Shown().get("/healthz")).status


async def test_ready_means_connected_and_the_last_audit_clean() -> None:
    shown = Shown()
    answer = await shown.get("/readyz")
    assert (503, True) == (answer.status, b"disconnected" in answer.body)
    shown.agent.uptime.up(RUNTIME)
    assert 200 == (await shown.get("/readyz")).status
    shown.agent.auditor.status.found = 2
    answer = await shown.get("/readyz")
    assert (503, True) == (answer.status, b"2 containers" in answer.body)


async def test_problems_that_do_not_matter_for_readiness_are_told() -> None:
    shown = Shown()
    shown.agent.uptime.up(RUNTIME)
    shown.agent.settler.status.unsettled = ("default/a/main",)
    answer = await shown.get("/readyz")
    assert (200, True) == (answer.status, b"unsettled" in answer.body)


async def test_status_and_journal_are_json() -> None:
    shown = Shown()
    start(shown.agent.handlers, create("own", 2000))
    status = msgspec.json.decode((await shown.get("/status.json")).body, type=Status)
    assert ["own"] == [one.id for one in status.containers]
    journal: Mapping[str, list[Mapping[str, object]]] = msgspec.json.decode(
        (await shown.get("/journal.json")).body
    )
    (entry,) = journal["decisions"]
    assert ("own", "integer", "placed") == (entry["id"], entry["class"], entry["outcome"])


async def test_metrics_can_be_parsed() -> None:
    answer = await Shown().get("/metrics")
    names = {one.name for one in text_string_to_metric_families(answer.body.decode())}
    assert {"weka_cpuset_ready", "process_resident_memory_bytes"} <= names


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"])
async def test_nothing_but_get_is_allowed(method: str) -> None:
    answer = await Shown().get("/status.json", method)
    assert (405, "GET") == (answer.status, answer.headers["Allow"])


@pytest.mark.parametrize(
    "path", ["/index.html", "/status", "//status.json", "/../etc/passwd", "*", "/é"]
)
async def test_other_paths_are_not_there(path: str) -> None:
    assert 404 == (await Shown().get(path)).status


async def test_names_of_other_hosts_are_refused_on_loopback() -> None:
    """A page of another site cannot read the status by a name that leads to loopback."""
    assert 403 == (await Shown().get("/status.json", host="evil.example")).status
    for host in ("localhost", "127.0.0.1", "::1", ""):
        assert 200 == (await Shown().get("/status.json", host=host)).status
    everywhere = Shown(Address.parse("0.0.0.0:17099"))
    assert 200 == (await everywhere.get("/status.json", host="node-1.example")).status
