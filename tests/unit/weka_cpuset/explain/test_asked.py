"""Asking a running agent, over a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.agents import agent_of
from tests.requests import EIGHT, create, start
from weka_cpuset.address import Address
from weka_cpuset.daemon import Agent
from weka_cpuset.explain.asked import Unanswered, ask_agent
from weka_cpuset.explain.make import container_report
from weka_cpuset.explain.view import View
from weka_cpuset.web.connection import Answer
from weka_cpuset.web.message import JSON, Request, Response
from weka_cpuset.web.server import Server
from weka_cpuset.web.work import server_of

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def serving(server: Server, path: Path) -> AsyncIterator[None]:
    """Serve for the length of a `with` block."""
    working = asyncio.create_task(server.run())
    try:
        while not path.exists():
            await asyncio.sleep(0)
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_the_agents_ledger_and_journal_come_as_they_are(tmp_path: Path) -> None:
    """What is explained is what the agent holds, with the decision that led to it."""
    path = tmp_path / "http.sock"
    agent: Agent = agent_of(EIGHT)
    start(agent.handlers, create("own", 2000))
    start(agent.handlers, create("other", 100))
    address = Address(path=str(path))
    async with serving(server_of(agent, address, {}), path):
        view: View = await asyncio.to_thread(ask_agent, address)
    assert view.ledger == agent.keeper.ledger
    shown = container_report(view, "own")
    assert shown.chosen is not None
    assert shown.chosen.then
    assert shown.decision is not None
    assert shown.decision.event == "CreateContainer"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [(HTTPStatus.NOT_FOUND, b"", "404"), (HTTPStatus.OK, b"<html>", "journal cannot be read")],
)
async def test_something_else_that_answers_is_told(
    tmp_path: Path, status: HTTPStatus, body: bytes, told: str
) -> None:
    """An address of another program, or of an older agent."""

    async def answer(request: Request) -> Response:
        del request
        return Response(status, body, JSON)

    with pytest.raises(Unanswered, match=told):
        await _ask(tmp_path / "http.sock", answer)


async def test_nobody_answers(tmp_path: Path) -> None:
    """The address is told, and which setting it must be."""
    with pytest.raises(Unanswered, match=r"http\.listen"):
        await asyncio.to_thread(ask_agent, Address(path=str(tmp_path / "none.sock")))


async def _ask(path: Path, answer: Answer) -> None:
    address = Address(path=str(path))
    async with serving(Server(address, answer), path):
        await asyncio.to_thread(ask_agent, address)
