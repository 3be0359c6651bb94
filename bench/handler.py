"""What a CreateContainer costs inside the plugin, against a handler that does nothing.

Both are measured from the bytes of the request to the bytes of the reply, through the same
library, on the same requests, in turn. The node has 256 cpus and 500 live containers: 60
integer ones, 20 annotated ones and 420 shared ones. Each created container is stopped
again before the next one, outside of the measured time, so the load stays the same.
"""

import asyncio
import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nri
from nodesim.machines import MACHINES
from nri import messages, nri_pb2, services
from nri.connection import Connection
from nri.plugin import _PluginService
from nri.session import ReplyReceived, Session
from weka_cpuset.engine import CORES_ANNOTATION, Rules
from weka_cpuset.handlers import Handlers
from weka_cpuset.keeper import Keeper
from weka_cpuset.logs import Log
from weka_cpuset.settings import LogSettings

MACHINE = MACHINES["2x64-smt2"]
SAMPLES = 400
LIVE_INTEGER, LIVE_ANNOTATED, LIVE_SHARED = 60, 20, 420


class EmptyHandler(Handlers):
    """Answers every creation with the same ready-made values and looks at nothing."""

    def create_container(
        self, request: messages.CreateContainerRequest
    ) -> messages.CreateContainerResponse:
        """Return an empty reply."""
        del request
        return messages.CreateContainerResponse()


class Sink(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the bytes."""
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        """Return 0: everything is written at once."""
        return 0

    def is_closing(self) -> bool:
        """Return False."""
        return False

    def is_reading(self) -> bool:
        """Return True."""
        return True


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """A request to create one container of a kind."""

    kind: str
    milli_cpus: int
    guaranteed: bool
    annotations: dict[str, str]

    def request(self, number: int) -> messages.CreateContainerRequest:
        """Return the request as a runtime sends it, with the usual baggage."""
        qos = "" if self.guaranteed else "/burstable"
        identity = f"{self.kind}-{number}"
        labels = {f"io.kubernetes.label-{index}": "value" * 4 for index in range(6)}
        return messages.CreateContainerRequest(
            pod=messages.PodSandbox(
                id=f"pod-{identity}",
                uid=f"uid-{identity}",
                name=identity,
                namespace="default",
                labels=labels,
                annotations=self.annotations,
                linux=messages.LinuxPodSandbox(cgroup_parent=f"/kubepods{qos}/pod{identity}"),
            ),
            container=messages.Container(
                id=identity,
                pod_sandbox_id=f"pod-{identity}",
                name="main",
                labels=labels,
                env=[f"SERVICE_{index}_HOST=10.0.0.{index}" for index in range(40)],
                mounts=[
                    nri_pb2.Mount(destination=f"/data/{index}", source="/var", options=["ro"])
                    for index in range(12)
                ],
                linux=messages.LinuxContainer(
                    resources=messages.LinuxResources(
                        cpu=messages.LinuxCPU(
                            shares=messages.OptionalUInt64(value=self.milli_cpus * 1024 // 1000),
                            quota=messages.OptionalInt64(value=self.milli_cpus * 100),
                            period=messages.OptionalUInt64(value=100_000),
                        ),
                        memory=messages.LinuxMemory(limit=messages.OptionalInt64(value=1 << 30)),
                    ),
                    oom_score_adj=messages.OptionalInt(value=-997 if self.guaranteed else 900),
                ),
            ),
        )


SHARED = Load("shared", 500, guaranteed=False, annotations={})
INTEGER = Load("integer", 2000, guaranteed=True, annotations={})
ANNOTATED = Load("annotated", 500, guaranteed=False, annotations={CORES_ANNOTATION: "3,131"})


class Plugin:
    """A plugin's whole receive path, fed with bytes by hand."""

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.session = Session(nri.Side.PLUGIN)
        self.connection = Connection(self.session, _PluginService(handlers, 1 << 26))
        self.sink = Sink()
        self.connection.connection_made(self.sink)
        self.runtime = Session(nri.Side.RUNTIME)

    def answer_ns(self, request: messages.CreateContainerRequest) -> int:
        """Return the nanoseconds from the request's bytes to the reply's bytes."""
        self.runtime.call(services.CREATE_CONTAINER, request, 0)
        data = b"".join(self.runtime.data_to_send())
        self.sink.written = b""
        started = time.perf_counter_ns()
        self.connection.data_received(data)
        taken = time.perf_counter_ns() - started
        self.runtime.receive_data(self.sink.written)
        (reply,) = self.runtime.events_received()
        if not isinstance(reply, ReplyReceived):
            raise TypeError(reply)
        return taken


def busy(handlers: Handlers) -> None:
    """Fill the node."""
    for load, count in (
        (INTEGER, LIVE_INTEGER),
        (ANNOTATED, LIVE_ANNOTATED),
        (SHARED, LIVE_SHARED),
    ):
        for number in range(count):
            request = load.request(-1 - number)
            handlers.create_container(request)
            handlers.state_change(nri.Event.POST_START_CONTAINER, request.pod, request.container)


async def measure(load: Load) -> tuple[float, float]:
    """Return the median microseconds of the empty and of the real handler, for one load."""
    topology = MACHINE.topology()
    empty = Plugin(EmptyHandler(Keeper(topology, Rules(), dry_run=False)))
    real = Plugin(Handlers(Keeper(topology, Rules(), dry_run=False)))
    busy(real.handlers)
    times: dict[str, list[int]] = {"empty": [], "real": []}
    for number in range(SAMPLES):
        request = load.request(number)
        times["empty"].append(empty.answer_ns(request))
        times["real"].append(real.answer_ns(request))
        real.handlers.stop_container(
            messages.StopContainerRequest(pod=request.pod, container=request.container)
        )
    return statistics.median(times["empty"]) / 1000, statistics.median(times["real"]) / 1000


def report(
    loads: Sequence[Load] = (SHARED, ANNOTATED, INTEGER), out: Callable[[str], None] = print
) -> None:
    """Measure each load and print a line for it; events are logged as on a node."""
    with Path(os.devnull).open("w") as nowhere:
        log = Log(LogSettings(), stream=nowhere)
        log.open()
        try:
            _report(loads, out)
        finally:
            log.close()


def _report(loads: Sequence[Load], out: Callable[[str], None]) -> None:
    out(f"CreateContainer at {len(MACHINE.cpus)} cpus, 500 live containers, median of {SAMPLES}:")
    for load in loads:
        empty_us, real_us = asyncio.run(measure(load))
        out(
            f"  {load.kind:10} empty handler {empty_us:7.1f} us, ours {real_us:7.1f} us, "
            f"ratio {real_us / empty_us:.2f}"
        )
