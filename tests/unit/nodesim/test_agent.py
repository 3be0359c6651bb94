"""The agent's process on a simulated host, and its log."""

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nodesim import clock, machines
from nodesim.agent import RESTART_S, AgentProcess, LogLines, logged
from nodesim.kernel import Kernel
from weka_cpuset import settings
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import CpuSet

MACHINE = machines.MACHINES["laptop"]


def process(folder: str, on_end: Callable[[str], None], **more: str) -> AgentProcess:
    """Return an agent for which there is no runtime."""
    chosen = {"nri.socket": str(Path(folder) / "none.sock")} | more
    kernel = Kernel(MACHINE.online, CpuSet.of([0]))
    return AgentProcess(settings.load(None, {}, chosen), MACHINE.topology, kernel, on_end)


def with_agent(work: Callable[[AgentProcess], Awaitable[None]]) -> list[str]:
    """Do something with an agent; return the reasons with which it ended by itself."""
    reasons: list[str] = []

    async def main(folder: str) -> None:
        agent = process(folder, reasons.append)
        try:
            await work(agent)
        finally:
            await agent.end()

    with tempfile.TemporaryDirectory() as folder, logged(logging.NullHandler(), logging.CRITICAL):
        clock.run(main(folder))
    return reasons


def test_an_agent_without_a_runtime_waits_for_ever() -> None:
    """It never ends by itself; a second start changes nothing."""

    async def work(process: AgentProcess) -> None:
        assert process.agent is None
        process.start()
        first = process.agent
        process.start()
        assert process.agent is first
        await asyncio.sleep(600)
        assert process.agent is first
        assert process.ends == 0

    assert with_agent(work) == []


def test_an_ended_agent_starts_with_an_empty_memory() -> None:
    """An end that was asked for is none by itself, also if it is asked for twice."""

    async def work(process: AgentProcess) -> None:
        process.start()
        first = process.agent
        await process.end()
        await process.end()
        assert process.agent is None
        await asyncio.sleep(10 * RESTART_S)
        assert process.agent is None
        process.start()
        assert process.agent not in (None, first)
        assert process.ends == 0

    assert with_agent(work) == []


def test_an_agent_that_ends_by_itself_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, each time."""

    async def fails(_agent: Agent) -> None:
        await asyncio.sleep(1.0)
        raise OSError("gone")

    monkeypatch.setattr(Agent, "work", fails)

    async def work(process: AgentProcess) -> None:
        process.start()
        await asyncio.sleep(1.0 + RESTART_S / 2)
        assert process.agent is None
        await asyncio.sleep(RESTART_S)
        assert process.agent is not None
        await asyncio.sleep(1.0)
        assert process.ends == 2

    assert with_agent(work) == ["OSError: gone"] * 2


def test_the_log_has_simulated_times_and_what_went_wrong() -> None:
    """One line for each record, with the error if there is one."""
    log = LogLines(lambda: 12.5)
    agent = logging.getLogger("weka_cpuset.test")
    with logged(log, logging.INFO):
        agent.debug("too much")
        agent.info("a %s of %d", "line", 1)
        try:
            raise KeyError("k")
        except KeyError:
            agent.exception("failed")
    agent.error("after the end")
    first, second = log.lines
    assert first == "    12.500 INFO: a line of 1"
    assert second.startswith("    12.500 ERROR: failed Traceback")
    assert "KeyError: 'k'" in second


def test_the_log_keeps_its_last_lines() -> None:
    """It never has more than it may, and loses the oldest ones first."""
    log = LogLines(lambda: 0.0, capacity=10)
    with logged(log, logging.INFO):
        for number in range(1000):
            logging.getLogger("weka_cpuset").info("%d", number)
            assert len(log.lines) <= 10
    kept = [int(line.rpartition(" ")[2]) for line in log.lines]
    assert kept == list(range(1000))[-len(kept) :]
    assert len(kept) >= 5


def test_the_log_goes_back_to_where_it_went_before() -> None:
    """Also after an error."""
    agent = logging.getLogger("weka_cpuset")
    before = (agent.level, agent.propagate, list(agent.handlers))
    with contextlib.suppress(KeyError), logged(LogLines(lambda: 0.0), logging.DEBUG):
        assert not agent.propagate
        raise KeyError
    assert (agent.level, agent.propagate, list(agent.handlers)) == before
