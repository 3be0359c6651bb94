"""From process start to registered and synchronized with a real containerd (needs root)."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e import packages
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.containerd_config import Series

RUNS = 10


def report(out: Callable[[str], None] = print) -> None:
    """Start the agent ten times at each containerd and print the medians."""
    if os.geteuid() != 0:
        out("Start to synchronized with a real containerd: not measured, needs root")
        return
    packages.fetch()
    for series in Series:
        with tempfile.TemporaryDirectory(prefix="n-") as folder:
            runtime = Containerd(series, Path(folder))
            try:
                runtime.start()
                seconds = statistics.median(_one_start(runtime, run) for run in range(RUNS))
            finally:
                runtime.close()
        out(f"Start to synchronized with {series.value}, median of {RUNS}: {seconds:.3f} s")


def _one_start(runtime: Containerd, run: int) -> float:
    agent = Agent(runtime, f"agent-{run}")
    try:
        started = time.perf_counter()
        agent.start()
        return time.perf_counter() - started
    finally:
        agent.stop()
        agent.close()
