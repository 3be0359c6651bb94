"""Hostile HTTP clients: the runtime's events are answered, and memory stays bounded."""

import asyncio
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import nri
from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from tests.small_runtime import Node, Pod, accept_plugin

MACHINE = grid("1x8", packages=1, cores=8, threads=1)

MEMORY_MAX_KIB = 15 << 10
"""The agent may grow by so much at most, whatever clients do."""


@contextlib.asynccontextmanager
async def agent_at(folder: Path) -> AsyncIterator[tuple[subprocess.Popen[bytes], Node]]:
    """Run an agent that listens for HTTP in a folder, under a small runtime."""
    write_sysfs(MACHINE, folder / "sys")
    agent = subprocess.Popen(
        [
            *(sys.executable, "-m", "weka_cpuset.cli", "run", "--log-level", "error"),
            *("--socket", str(folder / "nri.sock"), "--sysfs", str(folder / "sys")),
            *("--cgroups", str(folder), "--http-listen", str(folder / "http.sock")),
        ]
    )
    try:
        node = await accept_plugin(folder / "nri.sock", MACHINE, nri.RuntimeSettings(name="test"))
        while not (folder / "http.sock").exists():
            await asyncio.sleep(0.01)
        yield agent, node
    finally:
        agent.kill()
        agent.wait()


def memory_kib(pid: int) -> int:
    """Return a process's resident memory."""
    (found,) = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found)


async def ask(folder: Path, page: str) -> bytes:
    """Return what the agent answers to a client that behaves."""
    reader, writer = await asyncio.open_unix_connection(str(folder / "http.sock"))
    writer.write(f"GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.asyncio
async def test_thousand_hostile_clients_delay_no_event_and_cost_no_memory(tmp_path: Path) -> None:
    """And who asks for the status in between gets it."""
    async with asyncio.timeout(50), agent_at(tmp_path) as (agent, node):
        for page in ("/status.json", "/metrics", "/journal.json"):
            assert b"200" in (await ask(tmp_path, page))[:20]
        before_kib = memory_kib(agent.pid)
        clients = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.hostile_clients"),
            str(tmp_path / "http.sock"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert clients.stdout is not None
        attacking = asyncio.create_task(clients.stdout.readline())
        slowest_s, number = 0.0, 0
        while not attacking.done() or number < 50:
            started_s = time.monotonic()
            await node.create(Pod(f"pod-{number}", 1000))
            slowest_s = max(slowest_s, time.monotonic() - started_s)
            await node.delete(f"pod-{number}")
            number += 1
        assert b"200" in (await ask(tmp_path, "/status.json"))[:20]
        assert agent.poll() is None
        # The runtime allows so long for one event, and these are two.
        assert slowest_s < 2
        assert memory_kib(agent.pid) - before_kib < MEMORY_MAX_KIB
        assert len(list(Path(f"/proc/{agent.pid}/fd").iterdir())) < 200
        clients.kill()
        await clients.wait()
