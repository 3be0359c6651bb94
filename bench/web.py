"""What it costs the runtime's events that somebody looks: scrapes each second, and ten viewers.

    python -m bench.web

First in cpu time: what a status and the metrics cost, and for how long at a stretch an event would
have to wait. Then as a runtime sees it.

A real agent serves a runtime that creates and stops containers on a node with 256 cpus and 500
live containers. In turn nobody looks, and a process of its own follows `/events` ten times and
scrapes `/metrics` each second. The times are the runtime's: from the request to the answer.
"""

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

import nri
from bench.handler import INTEGER
from bench.handler import SHARED as ON_POOL
from nodesim.machines import MACHINES
from nodesim.sysfs_files import write_sysfs
from tests.agents import agent_of
from tests.small_runtime import Node, Pod, accept_plugin
from weka_cpuset.metrics.text import Exposition
from weka_cpuset.metrics.values import Sources
from weka_cpuset.status import snapshots
from weka_cpuset.web.events import change_between

MACHINE = MACHINES["2x64-smt2"]
OWNERS, SHARED = 60, 440
VIEWERS = 10
ROUNDS, EVENTS = 10, 150
PAUSE_S = 0.005
"""Between two creations, in seconds: a runtime needs longer than that for a container."""


@dataclass
class Figures:
    """What was measured.

    Attributes:
        waits_us: How long the runtime waited for the answers to creations, in microseconds.
        memory_kib: The agent's resident memory at the end of each round, in KiB.
    """

    waits_us: list[float] = field(default_factory=list)
    memory_kib: list[int] = field(default_factory=list)

    def quantile_us(self, share: float) -> float:
        """Return the wait that so large a share was not longer than."""
        return sorted(self.waits_us)[int(share * (len(self.waits_us) - 1))]


async def look(path: str) -> None:
    """Follow the events and scrape the metrics, until killed."""
    await asyncio.gather(*(_follow(path) for _ in range(VIEWERS)), _scrape(path))


async def _ask(path: str, page: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(f"GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, writer


async def _follow(path: str) -> None:
    reader, _ = await _ask(path, "/events")
    while await reader.read(1 << 20):
        pass


async def _scrape(path: str) -> None:
    while True:
        reader, writer = await _ask(path, "/metrics")
        await reader.read()
        writer.close()
        await asyncio.sleep(1.0)


@contextlib.asynccontextmanager
async def _beside(*path: str) -> AsyncIterator[None]:
    """Have a process beside that looks, or one that does nothing where no path is given.

    Both begin with the same pause, after which the agent has ended its burst: the events after it
    take longer than others.
    """
    program = ("-m", "bench.web", *path) if path else ("-c", "import time; time.sleep(3600)")
    lookers = await asyncio.create_subprocess_exec(sys.executable, *program)
    await asyncio.sleep(1.0)
    try:
        yield
    finally:
        lookers.kill()
        await lookers.wait()


async def _round(node: Node, agent_pid: int, figures: Figures) -> None:
    """Create and stop containers, every fifth with cpus of its own."""
    for number in range(EVENTS):
        milli = 2000 if number % 5 == 0 else 500
        pod = Pod(f"new-{number}", milli, guaranteed=milli == 2000)
        started = time.perf_counter()
        await node.create(pod)
        figures.waits_us.append((time.perf_counter() - started) * 1e6)
        await asyncio.sleep(PAUSE_S)
        await node.delete(pod.name)
    figures.memory_kib.append(_memory_kib(agent_pid))


def _memory_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


async def measure(folder: Path) -> tuple[Figures, Figures]:
    """Return the figures without and with lookers."""
    write_sysfs(MACHINE, folder / "sys")
    socket, http = folder / "nri.sock", folder / "http.sock"
    waiting = asyncio.create_task(accept_plugin(socket, MACHINE, nri.RuntimeSettings(name="bench")))
    while not socket.exists():
        await asyncio.sleep(0.01)
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weka_cpuset.cli", "run", "--log-level", "error"),
        *("--socket", str(socket), "--sysfs", str(folder / "sys"), "--cgroups", str(folder)),
        *("--http-listen", str(http)),
    )
    try:
        node = await waiting
        await node.synchronize()
        for number in range(OWNERS):
            await node.create(Pod(f"own-{number}", 2000))
        for number in range(SHARED):
            await node.create(Pod(f"shared-{number}", 500, guaranteed=False))
        alone, looked_at = Figures(), Figures()
        await _round(node, agent.pid, Figures())
        for _ in range(ROUNDS):
            async with _beside():
                await _round(node, agent.pid, alone)
            async with _beside(str(http)):
                await _round(node, agent.pid, looked_at)
        return alone, looked_at
    finally:
        agent.terminate()
        await agent.wait()


async def stretches_ms(work: Awaitable[object]) -> tuple[float, float]:
    """Return the cpu time of some work on the event loop, and its longest stretch, in ms."""
    stretches = []
    done = False

    async def beat() -> None:
        last_s = time.thread_time()
        while not done:
            await asyncio.sleep(0)
            now_s = time.thread_time()
            stretches.append(now_s - last_s)
            last_s = now_s

    beating = asyncio.create_task(beat())
    started_s = time.thread_time()
    await work
    total_s = time.thread_time() - started_s
    done = True
    await beating
    return total_s * 1000, max(stretches) * 1000


async def cost() -> dict[str, tuple[float, float]]:
    """Return what is made on a full node of 512 cpus, each with its cpu time and stretch in ms."""
    agent = agent_of(MACHINES["2x128-smt2"].topology())
    for load, count in ((INTEGER, 100), (ON_POOL, 900)):
        for number in range(count):
            request = load.request(-1 - number)
            agent.handlers.create_container(request)
    snapshots.FRESH_S = 0.0  # each one is made anew
    maker = snapshots.Snapshots(agent, "bench")
    before = await maker.latest()
    agent.handlers.create_container(INTEGER.request(0))
    figures = {"status, all rows changed": await stretches_ms(maker.latest())}
    after = await maker.latest()
    figures["status, nothing changed"] = await stretches_ms(maker.latest())
    started_s = time.thread_time()
    msgspec.json.encode(change_between(before, after, agent.observer.journal))
    took_ms = (time.thread_time() - started_s) * 1000
    figures["change of all rows"] = took_ms, took_ms
    exposition = Exposition(Sources(agent, {}, lambda: 0, lambda: 0))
    figures["metrics"] = await stretches_ms(exposition.text())
    return figures


def report(out: Callable[[str], None] = print) -> None:
    """Measure, and print the figures."""
    out("512 cpus, 1,000 containers, cpu time on the event loop and longest stretch of it:")
    for name, (total_ms, stretch_ms) in asyncio.run(cost()).items():
        out(f"  {name:25} {total_ms:5.2f} ms, {stretch_ms:.2f} ms")
    with tempfile.TemporaryDirectory() as folder:
        alone, looked_at = asyncio.run(measure(Path(folder)))
    out(
        f"CreateContainer and PostStart over a socket, {ROUNDS * EVENTS} each, in turn without and "
        f"with a scrape each second and {VIEWERS} viewers ({os.cpu_count()} cpus):"
    )
    for name, one in (("nobody", alone), ("looked at", looked_at)):
        out(
            f"  {name:10} median {statistics.median(one.waits_us):7.0f} us, "
            f"p99 {one.quantile_us(0.99):7.0f} us, memory {one.memory_kib[-1] / 1024:.1f} MiB"
        )
    more = looked_at.quantile_us(0.99) / alone.quantile_us(0.99) - 1
    before, after = alone.memory_kib[0], max(looked_at.memory_kib)
    out(f"  p99 {more:+.1%}, memory {(after - before) / 1024:+.1f} MiB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(look(sys.argv[1]))
    else:
        report()
