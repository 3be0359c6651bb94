"""The settings as values, by group, with their defaults."""

import dataclasses
import enum
from pathlib import Path

from weka_cpuset.engine import CpuSet, Llc, Numa, Preference, Smt


class LogLevel(enum.StrEnum):
    """The least severe log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    """The form of a log line."""

    TEXT = "text"
    JSON = "json"


class Way(enum.StrEnum):
    """How what no reply could carry reaches a container."""

    AUTO = "auto"
    """The first of the others that is open: cgroup, update, reply."""

    CGROUP = "cgroup"
    """Its cgroup files are written."""

    UPDATE = "update"
    """The runtime is asked to update it, outside of any event."""

    REPLY = "reply"
    """The next reply to the runtime takes it along."""


@dataclasses.dataclass(frozen=True, slots=True)
class NriSettings:
    """How the agent meets the container runtime."""

    socket: Path = Path("/var/run/nri/nri.sock")
    """The runtime's NRI socket. containerd and CRI-O have this default."""

    name: str = "weka-cpuset"
    """The plugin's name at the runtime."""

    index: str = "99"
    """Two digits: plugins are called in ascending order of this. 99 comes last, so that the
    cpusets that other plugins propose are visible."""

    registration_timeout_s: float = 30.0
    """How long to wait for the runtime's answer to the registration, in seconds. The runtime
    accepts one plugin after the other and gives each 5 s, so much more than 5 s is right."""

    synchronize_timeout_s: float = 600.0
    """How long to wait for the runtime's first report after the registration, in seconds. The
    runtime may put it off until a container has stopped, so longer than any grace period."""

    reconnect_min_s: float = 0.1
    """The first pause before a reconnect, in seconds; doubled after each failure."""

    reconnect_max_s: float = 5.0
    """The longest pause before a reconnect, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class CpuSettings:
    """Which cpus may be used for what (placement rule 4)."""

    reserved: CpuSet = CpuSet.EMPTY
    """cpus that are never given to integer containers, in the kernel's list format."""

    min_shared: int = 0
    """The least number of cpus in the pool. 0: only live shared containers count."""

    burst_max: int = 32
    """How many cpus at most shared containers are taken off ahead, while integer containers
    come in a burst. More: fewer updates in large bursts. 0: each costs a round of updates."""


@dataclasses.dataclass(frozen=True, slots=True)
class PlacementSettings:
    """How the cpus of integer containers lie whose pod does not say it (placement rule 5)."""

    smt: Smt = Smt.PREFER_SIBLINGS
    """`prefer-siblings`: whole cores where possible. `full-cores`: whole cores or a refusal, for
    code that must not feel or fear who runs beside it. `spread`: one thread per core as far as
    possible, for code that fills a core by itself."""

    numa: Numa = Numa.PACK
    """`pack`: as few nodes as possible. `spread`: as many cpus on one of these as on the other,
    for threads that wait for each other, and for memory bandwidth. `strict`: one node or a
    refusal, for what must never wait for the memory of another node."""

    llc: Llc = Llc.PREFER
    """`prefer`: as few LLC groups as possible. `strict`: no more of them than the request takes
    on an empty machine, or a refusal, for threads that work on the same data."""

    @property
    def preference(self) -> Preference:
        """The same in the engine's words."""
        return Preference(self.smt, self.numa, self.llc)


@dataclasses.dataclass(frozen=True, slots=True)
class SettleSettings:
    """How what no reply could carry is brought to running containers."""

    way: Way = Way.AUTO
    """`cgroup` writes the cgroup files; `update` asks the runtime, which can dead-lock runtimes
    with NRI before 0.12.1; `reply` waits for the next reply. `auto` takes the first that is
    open and safe."""


@dataclasses.dataclass(frozen=True, slots=True)
class AuditSettings:
    """How what the kernel enforces is read back."""

    interval_s: float = 10.0
    """How often all containers are read back, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, how and where to."""

    level: LogLevel = LogLevel.INFO
    """The least severe line that is written."""

    format: LogFormat = LogFormat.TEXT
    """`text` for people, `json` for log collectors."""

    file: str = ""
    """The file to append to; empty: standard error. A plugin that the runtime launches has
    no standard error, so it needs a file."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordSettings:
    """What is recorded for `weka-cpuset replay`."""

    file: str = ""
    """The file to record to; empty: nothing is recorded. Its older part is in a second file
    with the same name and `.1`."""

    max_bytes: int = 64 << 20
    """How many bytes both files together may have: room for some 100,000 events of a node
    with forty pods."""


@dataclasses.dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where the agent shows its state and metrics."""

    listen: str = "127.0.0.1:17099"
    """A host and a port, or the path of a socket; empty: nowhere. The port is none that the
    exporters of Prometheus (9100 to 9999), Kubernetes or Linux give to anybody."""

    names_in_metrics: bool = False
    """Whether the metrics name the pods that own cpus: one series for each such container. Their
    number has no bound over time, and whoever scrapes them sees the names."""


@dataclasses.dataclass(frozen=True, slots=True)
class JournalSettings:
    """How the last decisions are kept for `weka-cpuset journal`."""

    entries: int = 1000
    """How many of them are kept in memory: some 500 bytes each."""

    file: str = ""
    """The file to write them to; empty: none. Its older part is in a second file with the same
    name and `.1`."""

    max_bytes: int = 16 << 20
    """How many bytes both files together may have: room for some 50,000 decisions."""


@dataclasses.dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """What the agent tells the cluster that its node belongs to."""

    events: bool = False
    """Whether refusals and moves are told as Events on their pods. For that the agent needs a
    service account that may create them; without one it says so, and goes on without."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the agent, by group."""

    nri: NriSettings = NriSettings()
    cpus: CpuSettings = CpuSettings()
    placement: PlacementSettings = PlacementSettings()
    settle: SettleSettings = SettleSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    record: RecordSettings = RecordSettings()
    http: HttpSettings = HttpSettings()
    journal: JournalSettings = JournalSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()

    sysfs: Path = Path("/sys")
    """Where sysfs is mounted."""

    cgroups: Path = Path("/sys/fs/cgroup")
    """Where cgroups are mounted; writable, if what no reply can carry is to be settled."""

    dry_run: bool = False
    """Decide and log, but change nothing and refuse nothing."""
