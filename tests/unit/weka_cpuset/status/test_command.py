"""`weka-cpuset status`: what it prints, and with which status it exits."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.agents import RUNTIME, agent_of
from tests.requests import EIGHT, create, start
from weka_cpuset.address import Address
from weka_cpuset.cli import commands
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import CORES_ANNOTATION
from weka_cpuset.status import command, snapshots
from weka_cpuset.web.work import server_of

HOW_TO = Path(__file__).parents[4] / "docs" / "how-to" / "see-a-node.md"

COMMAND = re.compile(r" {4}weka-cpuset ")


class Node:
    """An agent that listens at a socket, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.agent: Agent = agent_of(EIGHT)
        self.agent.uptime.up(RUNTIME)
        self.path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "Node":
        self._thread.start()
        self._server = server_of(self.agent, Address(path=str(self.path)), {})
        self._serving = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self._serving.result()
        return self

    async def _listen(self) -> None:
        serve = self._server.serve
        over_tcp = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port: int = over_tcp.sockets[0].getsockname()[1]
        self._listening = (await asyncio.start_unix_server(serve, str(self.path)), over_tcp)

    async def _close(self) -> None:
        for one in self._listening:
            one.close()

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, *arguments: str) -> Result:
        """Run the command line against this agent."""
        return CliRunner().invoke(commands, [*arguments, "--url", str(self.path)])


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node with one owner of two cpus, one that names cpu 7, and one on the pool."""
    monkeypatch.setattr(snapshots, "FRESH_S", 0.0)
    with Node(tmp_path / "http.sock") as node:
        start(node.agent.handlers, create("own", 2000))
        start(node.agent.handlers, create("named", 100, {CORES_ANNOTATION: "7"}))
        start(node.agent.handlers, create("shared", 100))
        yield node


def test_healthy_node_is_shown_with_map_pool_and_containers(node: Node) -> None:
    shown = node.run("status")
    assert 0 == shown.exit_code
    for text in ("healthy", "3 containers", "default/own/main", "I1", "A1", "in the pool"):
        assert text in shown.output
    assert "\x1b" not in shown.output


def test_exit_status_tells_what_is_wrong(node: Node) -> None:
    node.agent.uptime.down()
    shown = node.run("status")
    assert 1 == shown.exit_code
    assert "disconnected" in shown.output.splitlines()[1]


def test_cpu_shows_its_owner_and_why(node: Node) -> None:
    shown = node.run("status", "--cpu", "7")
    assert 0 == shown.exit_code
    assert "default/named/main" in shown.output
    assert "names its cpus" in shown.output
    assert "default/own" not in shown.output


def test_cpu_of_the_pool_shows_who_may_run_on_it(node: Node) -> None:
    free = node.agent.keeper.ledger.pool.lowest
    shown = node.run("status", "--cpu", str(free))
    assert "in the pool (1 containers" in shown.output
    assert "default/shared/main" in shown.output


def test_cpu_that_is_not_there_is_told(node: Node) -> None:
    shown = node.run("status", "--cpu", "8")
    assert 4 == shown.exit_code
    assert "online are 0-7" in shown.output


@pytest.mark.parametrize("name", ["default/own", "own"])
def test_pod_shows_its_containers(node: Node, name: str) -> None:
    shown = node.run("status", "--pod", name)
    assert 0 == shown.exit_code
    assert "integer, because" in shown.output


def test_pod_that_is_not_there_is_told(node: Node) -> None:
    assert 4 == node.run("status", "--pod", "default/nobody").exit_code


def test_json_is_the_status(node: Node) -> None:
    whole = json.loads(node.run("status", "--json").output)
    assert (1, 3) == (whole["schema"], len(whole["containers"]))
    (one,) = json.loads(node.run("status", "--json", "--cpu", "7").output)["containers"]
    assert ("annotated", "7") == (one["class"], one["cpus"])


def test_changes_are_marked_while_one_watches(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        """Ends the watching."""

    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        start(node.agent.handlers, create("new", 1000))
        if len(waits) == 2:
            raise Enough

    monkeypatch.setattr(time, "sleep", wait)
    shown = node.run("status", "--watch")
    assert isinstance(shown.exception, Enough)
    assert "just changed" in shown.output


def test_journal_is_asked_for(node: Node) -> None:
    shown = node.run("journal")
    assert 0 == shown.exit_code
    assert 3 == len(shown.output.splitlines())
    assert "placed default/named/main (annotated) none to 7" in shown.output


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_agent_is_asked_over_tcp(node: Node, scheme: str) -> None:
    url = f"{scheme}127.0.0.1:{node.port}"
    shown = CliRunner().invoke(commands, ["status", "--url", url])
    assert (0, True) == (shown.exit_code, "healthy" in shown.output)


def test_agent_that_does_not_answer_is_told(tmp_path: Path) -> None:
    for name in ("status", "journal"):
        shown = CliRunner().invoke(commands, [name, "--url", str(tmp_path / "nobody")])
        assert 3 == shown.exit_code
        assert "no answer" in shown.output


@pytest.mark.parametrize("url", ["ftp://a:1", "http://", "nonsense", "http://a:1/path", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    shown = CliRunner().invoke(commands, ["status", "--url", url])
    assert 2 == shown.exit_code
    assert "use http://host:port" in shown.output


def test_other_schema_is_refused(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SCHEMA", 2)
    shown = node.run("status")
    assert (3, True) == (shown.exit_code, "schema 1" in shown.output)


def test_commands_of_the_how_to_page_work(node: Node) -> None:
    """Each as it is written there; --watch, which does not end, is tested above."""
    lines = [line.split()[1:] for line in HOW_TO.read_text().splitlines() if COMMAND.match(line)]
    assert 6 < len(lines)
    for words in lines:
        if "--watch" not in words:
            assert node.run(*words).exit_code in (0, command.EXIT_NOT_THERE)


def test_shell_completion_works_as_it_is_written() -> None:
    """What the page has a shell evaluate names the program's function."""
    assert '"$(_WEKA_CPUSET_COMPLETE=bash_source weka-cpuset)"' in HOW_TO.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "weka_cpuset.cli"],
        env={**os.environ, "_WEKA_CPUSET_COMPLETE": "bash_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_weka_cpuset_completion" in done.stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_left_out_where_they_are_not_wanted(
    node: Node, monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    """On a terminal; elsewhere there are none in any case."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")  # the runner's output is no terminal
    assert coloured == ("[38;5" in node.run("status").output or "[1;3" in node.run("status").output)
