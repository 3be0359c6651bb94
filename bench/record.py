"""What a recording costs: CreateContainer with and without one, in turn.

As on a node, entries are handed to a thread that writes them, and there is a moment between
two events. What that thread needs for an event is shown too: Python runs one thread at a
time, so an event that follows at once may have to wait for it.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.handler import (
    ANNOTATED,
    INTEGER,
    MACHINE,
    SAMPLES,
    SHARED,
    Load,
    Plugin,
    busy,
)
from nri import messages
from weka_cpuset.engine import Rules
from weka_cpuset.handlers import Handlers
from weka_cpuset.keeper import Keeper
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import Entry
from weka_cpuset.record.sink import Recording

MAX_BYTES = 1 << 30

PAUSE_S = 0.002
"""Between two events, in seconds: a runtime needs longer than that for a container."""


class TimedFile(RecordFile):
    """Measures the writer's thread.

    Attributes:
        times_ns: What each entry took, in nanoseconds of this thread's own time.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, MAX_BYTES, {})
        self.times_ns: list[int] = []

    def write(self, entry: Entry) -> None:
        """Write an entry, and note how long that took."""
        started = time.thread_time_ns()
        super().write(entry)
        self.times_ns.append(time.thread_time_ns() - started)


async def measure(load: Load, path: Path) -> tuple[float, float, float]:
    """Return median microseconds without and with a recording, and of the writer's thread."""
    topology = MACHINE.topology()
    file = TimedFile(path)
    recording = Recording(file)
    recording.open()
    plain = Plugin(Handlers(Keeper(topology, Rules(), dry_run=False)))
    recorded = Plugin(
        Handlers(Keeper(topology, Rules(), dry_run=False, recorder=recording.recorder))
    )
    busy(plain.handlers)
    busy(recorded.handlers)
    times: dict[str, list[int]] = {"plain": [], "recorded": []}
    for number in range(SAMPLES):
        request = load.request(number)
        for name, plugin in (("plain", plain), ("recorded", recorded)):
            await asyncio.sleep(PAUSE_S)
            times[name].append(plugin.answer_ns(request))
            plugin.handlers.stop_container(
                messages.StopContainerRequest(pod=request.pod, container=request.container)
            )
    recording.close()
    medians = (times["plain"], times["recorded"], file.times_ns[-SAMPLES * 2 :])
    plain_us, recorded_us, writer_us = (statistics.median(one) / 1000 for one in medians)
    return plain_us, recorded_us, writer_us


def report(
    loads: Sequence[Load] = (SHARED, ANNOTATED, INTEGER), out: Callable[[str], None] = print
) -> None:
    """Measure each load and print a line for it."""
    out(f"Recording a CreateContainer, 500 live containers, median of {SAMPLES}:")
    for load in loads:
        with tempfile.TemporaryDirectory() as folder:
            plain, recorded, writer = asyncio.run(measure(load, Path(folder) / "recording"))
        out(
            f"  {load.kind:10} without {plain:7.1f} us, with {recorded:7.1f} us "
            f"(+{recorded - plain:.1f}); writer's thread {writer:7.1f} us"
        )
