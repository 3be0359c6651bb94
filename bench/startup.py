"""From process start to registered and synchronized, and memory at rest."""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nri
from nodesim.machines import MACHINES
from nodesim.sysfs_files import write_sysfs
from tests.small_runtime import accept_plugin

MACHINE = MACHINES["2x16-smt2"]
RUNS = 10


async def one_start(root: Path) -> tuple[float, int]:
    """Return seconds from start to synchronized, and the process's memory in KiB at rest."""
    path = root / "nri.sock"
    path.unlink(missing_ok=True)
    waiting = asyncio.create_task(accept_plugin(path, MACHINE, nri.RuntimeSettings(name="bench")))
    while not path.exists():
        await asyncio.sleep(0.001)
    started = time.perf_counter()
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weka_cpuset.cli", "run"),
        *("--socket", str(path), "--sysfs", str(root / "sys"), "--log-level", "error"),
        *("--cgroups", str(root / "cgroup")),
    )
    try:
        await waiting
        taken = time.perf_counter() - started
        await asyncio.sleep(0.5)
        status = Path(f"/proc/{agent.pid}/status").read_text()
        memory = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return taken, int(memory)
    finally:
        agent.terminate()
        await agent.wait()


def report(out: Callable[[str], None] = print) -> None:
    """Start the agent ten times and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_sysfs(MACHINE, root / "sys")
        figures = [asyncio.run(one_start(root)) for _ in range(RUNS)]
    seconds = statistics.median(taken for taken, _ in figures)
    mebibytes = statistics.median(memory for _, memory in figures) / 1024
    out(f"Start to synchronized, median of {RUNS}: {seconds:.3f} s ({os.cpu_count()} cpus)")
    out(f"Resident memory at rest, median of {RUNS}: {mebibytes:.1f} MiB")
