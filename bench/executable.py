"""The self-contained executable: its size, from its launch to registered, and its memory.

It is started as a runtime starts its plugins: with an inherited connection, three variables, no
output. Once on an idle machine, and once while each cpu has a process that never sleeps.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import nri
from tests.small_runtime import NoCallbacks
from tools.release.executable import build

RUNS = 10
FD = 3
"""Where a runtime puts the connection."""


class Start(NamedTuple):
    """One start.

    Attributes:
        taken_s: From launch to registered, in seconds.
        cpu_s: The cpu time that took, in seconds: what counts on a machine that is busy.
        memory_kib: The resident memory half a second later, in KiB.
    """

    taken_s: float
    cpu_s: float
    memory_kib: int


async def one_start(program: Path) -> Start:
    """Launch it once."""
    own, theirs = socket.socketpair()
    variables = {"NRI_PLUGIN_NAME": "weka-cpuset", "NRI_PLUGIN_IDX": "99"}
    started = time.perf_counter()
    agent = subprocess.Popen(  # noqa: S603  # what was just built
        [str(program)],
        env=variables | {"NRI_PLUGIN_SOCKET": str(FD)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=lambda: os.dup2(theirs.fileno(), FD, inheritable=True),
    )
    theirs.close()
    own.settimeout(0)
    try:
        await nri.PluginLink.accept(own, NoCallbacks(), nri.RuntimeSettings(name="bench"))
        taken_s = time.perf_counter() - started
        ticks = Path(f"/proc/{agent.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        await asyncio.sleep(0.5)
        status = Path(f"/proc/{agent.pid}/status").read_text()
        memory = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return Start(taken_s, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(memory))
    finally:
        agent.kill()
        agent.wait()


@contextmanager
def busy() -> Iterator[None]:
    """Each cpu has a process that never sleeps."""
    hogs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in os.sched_getaffinity(0)
    ]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def report(out: Callable[[str], None] = print) -> None:
    """Build it, start it twenty times, and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "99-weka-cpuset"
        build(program)
        out(f"Executable: {program.stat().st_size / (1 << 20):.1f} MiB")
        idle = [asyncio.run(one_start(program)) for _ in range(RUNS)]
        with busy():
            loaded = [asyncio.run(one_start(program)) for _ in range(RUNS)]
    for name, starts in (("at rest", idle), ("with all cpus busy", loaded)):
        taken_s, cpu_s, _ = map(statistics.median, zip(*starts, strict=True))
        out(
            f"Launch to registered {name}, median of {RUNS}: {taken_s:.3f} s, "
            f"{cpu_s:.2f} s of cpu time; most {max(start.taken_s for start in starts):.3f} s"
        )
    memory = statistics.median(start.memory_kib for start in idle) / 1024
    out(f"Resident memory, median of {RUNS}: {memory:.1f} MiB")
