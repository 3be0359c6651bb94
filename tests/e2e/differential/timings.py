"""Measures on a real containerd the durations that the simulated runtime has as constants.

`python -m tests.e2e.differential.timings` prints, for each release, the constant and the
median and the 90th percentile of what was measured on the machine at hand.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from time import monotonic
from typing import Final

from nodesim import runtime as simulated
from nodesim import updates
from nri import Event
from tests.e2e import packages
from tests.e2e.containerd import Containerd
from tests.e2e.containerd_config import Series
from tests.e2e.differential.real import RealStage
from tests.e2e.differential.scenes import Scene
from tests.e2e.differential.steps import Answer
from tests.e2e.pods import shared

ROUNDS: Final = 20
OTHERS: Final = 4
"""How many containers one reply updates."""
PAUSE_S: Final = 0.1
"""Until everything that trails a call has happened."""
CONSTANTS: Final = {
    "SANDBOX_S": simulated.SANDBOX_S,
    "CREATE_S": simulated.CREATE_S,
    "TASK_S": simulated.TASK_S,
    "START_S": simulated.START_S,
    "EXIT_NOTICE_S": simulated.EXIT_NOTICE_S,
    "UPDATE_S": updates.UPDATE_S,
    "RECORD_S": updates.RECORD_S,
}

Measured = dict[str, list[float]]


async def measure(runtime: Containerd) -> Measured:
    """Measure on a containerd that runs and has no pods.

    Returns:
        For the name of each constant what was measured, in seconds.
    """
    others = [f"other-{number}" for number in range(OTHERS)]
    created = [f"created-{number}" for number in range(OTHERS)]
    names = [*others, *created, *(f"pod-{number}" for number in range(ROUNDS))]
    stage = RealStage(Scene("timings", tuple(map(shared, names)), ()), runtime)
    await stage.start_plugin()
    try:
        for name in (*others, *created):
            await stage.run_pod(name)
            await stage.create(f"{name}/main")
        for name in others:
            await stage.start(f"{name}/main")
        found: Measured = {name: [] for name in CONSTANTS}
        for number in range(ROUNDS):
            which = (None, others, created)[number % 3]
            await _live(stage, f"pod-{number}", which, found)
        plain = median(found["CREATE_S"])
        for name in ("UPDATE_S", "RECORD_S"):
            found[name] = [(took - plain) / OTHERS for took in found[name]]
        return found
    finally:
        await stage.stop_plugin()
        stage.close()


async def _live(stage: RealStage, pod: str, updated: list[str] | None, found: Measured) -> None:
    """Let one pod live, and note what took how long."""
    witness, container = stage.witness, f"{pod}/main"
    called = monotonic()
    await stage.run_pod(pod)
    found["SANDBOX_S"].append(witness.times[-1] - called)
    if updated is not None:
        updates = {f"{name}/main": "0-1" for name in updated}
        witness.expect(Answer(Event.CREATE_CONTAINER, "0-1", updates=updates))
    await stage.create(container)
    taken = witness.times[-1] - witness.times[-2]
    kind = "CREATE_S"
    if updated is not None:
        kind = "UPDATE_S" if updated[0].startswith("other") else "RECORD_S"
    found[kind].append(taken)
    called = monotonic()
    await stage.start(container)
    found["TASK_S"].append(witness.times[-2] - called)
    found["START_S"].append(witness.times[-1] - witness.times[-2])
    await asyncio.sleep(PAUSE_S)
    killed = monotonic()
    await stage.kill(container)
    await stage.await_exit(container)
    await asyncio.sleep(PAUSE_S)
    found["EXIT_NOTICE_S"].append(witness.times[-1] - killed)
    await stage.stop_pod(pod)
    await stage.remove_pod(pod)


def main() -> int:
    """Measure on each containerd."""
    packages.fetch()
    for series in Series:
        folder = Path(tempfile.mkdtemp(prefix="timings-"))
        runtime = Containerd(series, folder)
        try:
            runtime.start()
            found = asyncio.run(measure(runtime))
        finally:
            runtime.close()
            shutil.rmtree(folder)
        for name, times in found.items():
            middle, most = median(times) * 1000, quantiles(times, n=10)[-1] * 1000
            sys.stdout.write(
                f"{series.value} {name:<14} simulated {CONSTANTS[name] * 1000:6.1f} ms,"
                f" median {middle:6.1f} ms, 90th percentile {most:6.1f} ms\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
