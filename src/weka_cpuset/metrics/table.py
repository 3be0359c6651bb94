"""Every metric there is: name, kind, labels, help. docs/reference/metrics.md is generated from it.

The values of labels come from closed sets, which do not grow with pods. The exceptions are the
numbers of the machine's NUMA nodes, versions, of which there is one at a time, and the names of
pods where they are asked for (`http.names_in_metrics`). Names end as Prometheus wants it: `_total`
for counters, units in base units.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from weka_cpuset.decided import REBUILT
from weka_cpuset.engine import Class, Outcome, Refusal
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.rivals import Rival
from weka_cpuset.settings import Way
from weka_cpuset.status.health import Code

PREFIX = "weka_cpuset_"

BUCKETS = range(17, 32)
"""Exponents of the upper bounds of histograms, in powers of two of nanoseconds: from 0.13 ms to
2.1 s, a little more than the time after which the runtime drops the agent."""


class Kind(enum.StrEnum):
    """What Prometheus calls the type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a metric.

    Attributes:
        name: Its name.
        values: All its values; empty: see `note`.
        note: What its values are, where they cannot be listed.
    """

    name: str
    values: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table.

    Attributes:
        name: Its name.
        kind: Its type.
        help: What it tells, in one sentence.
        labels: Its labels.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()


REQUESTS = (
    *("Configure", "Synchronize", "CreateContainer", "UpdateContainer", "StopContainer"),
    *("StateChange", "Shutdown"),
)
"""The requests of the runtime that the agent answers."""

EVENTS = (
    *("Synchronize", "CreateContainer", "PostStartContainer", "UpdateContainer", "StopContainer"),
    *("RemoveContainer", "StopPodSandbox", "RemovePodSandbox", "Hotplug", "Settle", "Dead"),
)
"""What the agent decides on."""

OUTCOMES = (*(one.value for one in Outcome), REBUILT)

QUEUES = ("log", "journal", "record", "kubernetes")
"""Queues in memory; the others than the first are there if there is such a file, or if Kubernetes
is told of refusals and moves."""

POOL = "pool"
"""Beside the classes of owners, what cpus can be."""


def _refusals(kind: type[Refusal] = Refusal) -> Iterable[str]:
    for one in kind.__subclasses__():
        yield one.__name__
        yield from _refusals(one)


def _counter(name: str, text: str, *labels: Label) -> Metric:
    return Metric(f"{PREFIX}{name}_total", Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: Label) -> Metric:
    return Metric(f"{PREFIX}{name}", Kind.GAUGE, text, labels)


def _histogram(name: str, text: str, *labels: Label) -> Metric:
    return Metric(f"{PREFIX}{name}", Kind.HISTOGRAM, text, labels)


_CLASS = Label("class", tuple(one.value for one in Class))
_USE = Label("use", (Class.ANNOTATED.value, Class.INTEGER.value, POOL))
_NODE = Label("node", note="number of a NUMA node, or none")
_WAY = Label("way", (Way.REPLY.value, Way.CGROUP.value, Way.UPDATE.value))
_QUEUE = Label("queue", QUEUES)

READY = _gauge("ready", "1 if connected, synchronised, and the last audit found nothing.")
PROBLEM = _gauge("problem", "1 if something is not as it shall be.", Label("code", tuple(Code)))
CONNECTED = _gauge("connected", "1 if connected, and the runtime has reported its containers.")
CONNECTS = _counter("connects", "Connections to the runtime since the start.")
DOWNTIME = _counter("downtime_seconds", "Time without a connection, all together.")
LAST_EVENT = _gauge(
    "last_event_timestamp_seconds", "When the runtime last asked something; 0: never."
)
REQUEST = _histogram(
    "request_seconds", "Time the runtime waited for an answer.", Label("request", REQUESTS)
)
SLOW = _counter("slow_answers", "Answers that took a tenth of the runtime's deadline.")
DECISIONS = _counter("decisions", "Decisions.", Label("event", EVENTS), Label("outcome", OUTCOMES))
REFUSALS = _counter("refusals", "Containers refused.", Label("reason", tuple(sorted(_refusals()))))
CONTAINERS = _gauge("containers", "Live containers.", _CLASS)
OWNED = _gauge(
    "container_cpus",
    "Cpus that a container has of its own; only with http.names_in_metrics.",
    *(Label(one, note="its name") for one in ("namespace", "pod", "container")),
    _CLASS,
)
WAITING = _gauge(
    "containers_in_trouble",
    "Containers that ask for cpus of their own and run on the pool (unplaced), that name cpus "
    "which cannot be used now (degraded), that no cpu of the pool is left for (starved), that "
    "could not be settled (unsettled), or that a parent cgroup keeps from cpus (narrowed).",
    Label("trouble", (Code.UNPLACED, Code.DEGRADED, Code.STARVED, Code.UNSETTLED, Code.NARROWED)),
)
CPUS = _gauge("cpus", "Online cpus by use.", _USE, _NODE)
POOL_CPUS = _gauge("pool_cpus", "Cpus that nobody owns.")
SPARE_CPUS = _gauge("spare_cpus", "Cpus of the pool kept free for the next owners of a burst.")
RESERVED_CPUS = _gauge("reserved_cpus", "Online cpus that integer containers never get.")
MOVES = _counter("moves", "Containers given other cpus for the sake of another one.")
MOVED_CPUS = _counter("moved_cpus", "Cpus exchanged by that.")
SENT = _counter("updates_sent", "Updates of containers: in replies, and settled.", _WAY)
FAILED = _counter("updates_failed", "Updates that failed; of those in replies nobody tells.", _WAY)
REPAIRED = _counter("updates_repaired", "Updates that put something right.", _WAY)
SETTLE = _histogram(
    "settle_seconds", "Time from the first cause to the end of settling, 0.2 s of quiet included."
)
LOOKS = _counter("audits", "Times that all containers were read back.")
READS = _counter("audit_reads", "Containers read back.")
DIFFERENCES = _counter("audit_differences", "Containers found with other cpus than told.")
FOUND = _gauge("audit_found", "Containers found so in the last audit.")
UNREADABLE = _gauge("audit_unreadable", "Containers that the last audit could not read.")
OVERLAPS = _counter("overlaps", "Containers found on cpus that another one owns.")
OVERLAP = _counter("overlap_seconds", "Container-seconds of that; an upper bound.")
RIVALS = _counter(
    "rivals",
    "Signs of somebody else who sets cpusets.",
    Label("rival", tuple(one.value for one in Rival)),
)
QUEUED = _gauge("queue_entries", "Entries that wait to be written, by weight.", _QUEUE)
REFUSED = _counter("queue_lost", "Entries that a queue had no room for.", _QUEUE)
POD_EVENTS = _counter(
    "pod_events",
    "Refusals and moves told to Kubernetes, by what became of them.",
    Label("fate", tuple(Fate)),
)
HTTP_CONNECTIONS = _gauge("http_connections", "Open HTTP connections.")
VIEWERS = _gauge("event_viewers", "Those of them that follow /events.")
BUILD = _gauge("build_info", "1; the version is a label.", Label("version", note="of the agent"))
RUNTIME = _gauge(
    "runtime_info",
    "1; the versions are labels; absent without connection.",
    *(Label("runtime", note="its name"), Label("version", note="its version")),
    Label("nri", note="the version of its NRI"),
)
START_TIME = Metric(
    "process_start_time_seconds", Kind.GAUGE, "When the process was started, since 1970."
)
CPU_SECONDS = Metric("process_cpu_seconds_total", Kind.COUNTER, "Cpu time of the process.")
RESIDENT = Metric("process_resident_memory_bytes", Kind.GAUGE, "Resident memory of the process.")
VIRTUAL = Metric("process_virtual_memory_bytes", Kind.GAUGE, "Virtual memory of the process.")
OPEN_FDS = Metric("process_open_fds", Kind.GAUGE, "Open file descriptors.")
MAX_FDS = Metric("process_max_fds", Kind.GAUGE, "The most of these that are allowed.")

TABLE: tuple[Metric, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)
"""Every metric, in the order above."""
