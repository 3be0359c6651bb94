"""What reading back 1,000 containers costs, and for how long it holds up an event."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nri import Event
from tests.requests import create
from weka_cpuset import garbage
from weka_cpuset.audit import Auditor
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.engine import Cpu, Rules, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.keeper import Keeper
from weka_cpuset.settle.in_flight import InFlight

CONTAINERS = 1000
CPUS = 512


async def measure(root: Path) -> tuple[float, float, float]:
    """Return the milliseconds of a whole look, of its median and of its longest turn.

    Args:
        root: An empty folder, for files like those of cgroups.
    """
    topology = Topology.build([Cpu(cpu, cpu // 2, cpu // 16, 0, 0) for cpu in range(CPUS)])
    handlers = Handlers(Keeper(topology, Rules(), dry_run=False))
    for number in range(CONTAINERS):
        request = create(f"web-{number}", 100)
        request.container.linux.cgroups_path = f"/{number}"
        handlers.create_container(request)
        handlers.state_change(Event.POST_START_CONTAINER, request.pod, request.container)
        (root / str(number)).mkdir()
        for name in ("cpuset.cpus", "cpuset.cpus.effective"):
            (root / str(number) / name).write_text(f"{topology.online}\n")
        (root / str(number) / "cpuset.mems").write_text("0\n")
    auditor = Auditor(handlers.keeper, CpusetTree(root), InFlight(handlers.keeper), 10.0)
    looking = asyncio.create_task(auditor.look())
    turns, begin_s = [], time.perf_counter()
    last_s = begin_s
    while not looking.done():
        await asyncio.sleep(0)
        turns.append(time.perf_counter() - last_s)
        last_s += turns[-1]
    return (last_s - begin_s) * 1e3, statistics.median(turns) * 1e3, max(turns) * 1e3


def report(out: Callable[[str], None] = print) -> None:
    """Measure and print a line."""
    with tempfile.TemporaryDirectory() as folder, garbage.off():
        whole_ms, median_ms, longest_ms = asyncio.run(measure(Path(folder)))
    out(
        f"Reading back {CONTAINERS} containers: {whole_ms:.0f} ms, in turns of {median_ms:.2f} ms, "
        f"the longest {longest_ms:.2f} ms"
    )
