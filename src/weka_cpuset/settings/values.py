"""Settings: one table, three sources, errors of one line.

A setting has a dotted key (`cpus.reserved`), a type, limits and a default. Its value
comes from the defaults, then the file, then the environment, then the command line: the
later wins. Whatever the source, a value passes the same check, and a value that fails
it is a `SettingError` which names the key, the value and what is allowed.
"""

import dataclasses
import enum
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import yaml

from nri import BadIdentity, Identity
from weka_cpuset.address import Address
from weka_cpuset.engine import CpuListError, CpuSet, Llc, Numa, Preference, Smt

MAX_FILE_BYTES = 1 << 20
"""A settings file larger than this is refused unread: ours has a dozen short keys."""


class SettingsError(Exception):
    """The settings cannot be used; the process ends with exit code 2."""


class SettingError(SettingsError):
    """One setting has a value that is not allowed.

    Args:
        key: The dotted key, as in the file.
        value: The value as it was given.
        allowed: What would be right, in words.
        origin: Where the value came from (file name, variable or flag).
    """

    def __init__(self, key: str, value: object, allowed: str, origin: str) -> None:
        super().__init__(key, value, allowed, origin)
        self.key = key
        self.value = value
        self.allowed = allowed
        self.origin = origin

    def __str__(self) -> str:
        return f"{self.key}: {self.value!r} ({self.origin}) is not allowed; use {self.allowed}"


class UnknownSetting(SettingsError):
    """The file has a key that no setting has.

    Args:
        key: The dotted key.
        value: The value that was given for it.
        known: All known keys, for the message.
        origin: The file's name.
    """

    def __init__(self, key: str, value: object, known: tuple[str, ...], origin: str) -> None:
        super().__init__(key, value, known, origin)
        self.key = key
        self.value = value
        self.known = known
        self.origin = origin

    def __str__(self) -> str:
        return (
            f"{self.key}: {self.value!r} ({self.origin}) sets an unknown key; "
            f"known keys are {', '.join(self.known)}"
        )


class UnreadableSettings(SettingsError):
    """The settings file cannot be read or is not a YAML mapping.

    Args:
        path: The file.
        problem: What is wrong with it, in one line.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"settings file {str(self.path)!r}: {self.problem}"


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

    sysfs: Path = Path("/sys")
    """Where sysfs is mounted."""

    cgroups: Path = Path("/sys/fs/cgroup")
    """Where cgroups are mounted; writable, if what no reply can carry is to be settled."""

    dry_run: bool = False
    """Decide and log, but change nothing and refuse nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        key: The dotted key in the file; also the path to the field in `Settings`.
        parse: Turns a raw value (from YAML, or text) into the field's value; raises
            ValueError when the value is not allowed.
        allowed: What is allowed, in words; ends the sentence "use ...".
        variable: The environment variable, or None when there is none.
        flag: The command line's option, or None when there is none.
    """

    key: str
    parse: Callable[[object], object]
    allowed: str
    variable: str | None = None
    flag: str | None = None


def _typed(kind: object) -> Callable[[object], object]:
    """Return a parser which accepts what msgspec converts to `kind`, text included."""

    def parse(raw: object) -> object:
        try:
            return msgspec.convert(raw, kind, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(raw) from error

    return parse


def _cpus(raw: object) -> CpuSet:
    # YAML reads `reserved: 3` as a number, and `0,1` as text; both are cpu lists.
    text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if not isinstance(text, str):
        raise ValueError(raw)
    if not text.strip():
        return CpuSet.EMPTY
    try:
        return CpuSet.parse(text)
    except CpuListError as error:
        raise ValueError(raw) from error


def _name(raw: object) -> str:
    return _identity(str(raw), "00").name


def _index(raw: object) -> str:
    # YAML reads a bare 7 or 99 as a number; it is taken as its two digits.
    text = f"{raw:02d}" if isinstance(raw, int) and not isinstance(raw, bool) else str(raw)
    return _identity("any", text).index


def _identity(name: str, index: str) -> Identity:
    try:
        return Identity(name, index)
    except BadIdentity as error:
        raise ValueError(name, index) from error


def _listen(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(raw)
    return str(Address.parse(raw)) if raw else ""


def _path(raw: object) -> Path:
    if not isinstance(raw, str) or not raw.startswith("/") or "\0" in raw:
        raise ValueError(raw)
    return Path(raw)


_Seconds = typing.Annotated[float, msgspec.Meta(ge=0.01, le=3600)]
_RecordBytes = typing.Annotated[int, msgspec.Meta(ge=4 << 20, le=1 << 40)]
_JournalBytes = typing.Annotated[int, msgspec.Meta(ge=64 << 10, le=1 << 40)]
_Entries = typing.Annotated[int, msgspec.Meta(ge=0, le=100_000)]
_Count = typing.Annotated[int, msgspec.Meta(ge=0, le=8192)]

TABLE: tuple[Setting, ...] = (
    Setting("nri.socket", _path, "an absolute path of a socket", "NRI_SOCKET", "--socket"),
    Setting(
        "nri.name",
        _name,
        "a name of letters, digits, and any of _ . + -",
        "NRI_PLUGIN_NAME",
        "--plugin-name",
    ),
    Setting("nri.index", _index, "two digits from 00 to 99", "NRI_PLUGIN_IDX", "--plugin-index"),
    Setting("nri.registration_timeout_s", _typed(_Seconds), "seconds from 0.01 to 3600"),
    Setting("nri.synchronize_timeout_s", _typed(_Seconds), "seconds from 0.01 to 3600"),
    Setting("nri.reconnect_min_s", _typed(_Seconds), "seconds from 0.01 to 3600"),
    Setting("nri.reconnect_max_s", _typed(_Seconds), "seconds from 0.01 to 3600"),
    Setting(
        "cpus.reserved",
        _cpus,
        "a cpu list such as 0,2-3",
        "WEKA_CPUSET_RESERVED_CPUS",
        "--reserved-cpus",
    ),
    Setting(
        "cpus.min_shared",
        _typed(_Count),
        "a whole number from 0 to 8192",
        "WEKA_CPUSET_MIN_SHARED",
        "--min-shared",
    ),
    Setting(
        "cpus.burst_max",
        _typed(_Count),
        "a whole number from 0 to 8192",
        "WEKA_CPUSET_BURST_MAX",
        "--burst-max",
    ),
    Setting(
        "placement.smt",
        _typed(Smt),
        "prefer-siblings, full-cores or spread",
        "WEKA_CPUSET_SMT",
        "--smt",
    ),
    Setting("placement.numa", _typed(Numa), "pack, spread or strict", "WEKA_CPUSET_NUMA", "--numa"),
    Setting("placement.llc", _typed(Llc), "prefer or strict", "WEKA_CPUSET_LLC", "--llc"),
    Setting("settle.way", _typed(Way), "auto, cgroup, update or reply", None, "--settle-way"),
    Setting("audit.interval_s", _typed(_Seconds), "seconds from 0.01 to 3600"),
    Setting(
        "log.level",
        _typed(LogLevel),
        "debug, info, warning or error",
        "WEKA_CPUSET_LOG_LEVEL",
        "--log-level",
    ),
    Setting(
        "log.format", _typed(LogFormat), "text or json", "WEKA_CPUSET_LOG_FORMAT", "--log-format"
    ),
    Setting("log.file", _typed(str), "a path, or nothing for standard error", None, "--log-file"),
    Setting("record.file", _typed(str), "a path, or nothing for no recording", None, "--record"),
    Setting("record.max_bytes", _typed(_RecordBytes), "bytes from 4194304 to 1099511627776"),
    Setting(
        "http.listen",
        _listen,
        "host:port, the absolute path of a socket, or nothing for no HTTP",
        "WEKA_CPUSET_HTTP_LISTEN",
        "--http-listen",
    ),
    Setting("journal.entries", _typed(_Entries), "a whole number from 0 to 100000"),
    Setting("journal.file", _typed(str), "a path, or nothing for no file", None, "--journal"),
    Setting("journal.max_bytes", _typed(_JournalBytes), "bytes from 65536 to 1099511627776"),
    Setting("sysfs", _path, "an absolute path of a folder", None, "--sysfs"),
    Setting("cgroups", _path, "an absolute path of a folder", None, "--cgroups"),
    Setting("dry_run", _typed(bool), "true or false", "WEKA_CPUSET_DRY_RUN", "--dry-run"),
)
"""Every setting there is. The reference page is generated from it."""


def load(
    file: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, object],
    program: str = "",
) -> Settings:
    """Read the settings from all sources and check them.

    Args:
        file: The settings file (YAML), or None when there is none.
        environment: The process's environment; empty variables count as not set.
        flags: Values of command-line options by dotted key; only those that were given.
        program: The path of the program. A base name such as `99-weka-cpuset`, as a runtime
            wants it in its plugin folder, gives the plugin's index and name.

    Returns:
        The settings; what no source names has its default.

    Raises:
        UnreadableSettings: The file is missing, too large, or not a YAML mapping.
        UnknownSetting: The file has a key that does not exist.
        SettingError: A value is not allowed.
    """
    rows = {row.key: row for row in TABLE}
    default = Identity(NriSettings().name, NriSettings().index)
    identity = Identity.from_environment({}, program, default)
    values: dict[str, object] = {"nri.name": identity.name, "nri.index": identity.index}
    for key, raw in _read_file(file).items() if file is not None else ():
        if key not in rows:
            raise UnknownSetting(key, raw, tuple(rows), str(file))
        values[key] = _check(rows[key], raw, str(file))
    for row in TABLE:
        if row.variable is not None and environment.get(row.variable):
            values[row.key] = _check(row, environment[row.variable], row.variable)
    for key, raw in flags.items():
        values[key] = _check(rows[key], raw, rows[key].flag or key)
    settings = _assemble(values)
    if settings.nri.reconnect_min_s > settings.nri.reconnect_max_s:
        raise SettingError(
            "nri.reconnect_min_s",
            settings.nri.reconnect_min_s,
            f"at most nri.reconnect_max_s, which is {settings.nri.reconnect_max_s}",
            "all sources together",
        )
    return settings


def _check(row: Setting, raw: object, origin: str) -> object:
    try:
        return row.parse(raw)
    except ValueError as error:
        raise SettingError(row.key, raw, row.allowed, origin) from error


def _read_file(path: Path) -> dict[str, object]:
    """Return the file's settings as dotted key → raw value."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnreadableSettings(path, error.strerror or "cannot be read") from error
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableSettings(path, f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        tree = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise UnreadableSettings(path, f"is not valid YAML{where}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UnreadableSettings(path, "must be a mapping of groups, such as 'cpus: {reserved: 0}'")
    return _flatten(tree)


def _flatten(tree: Mapping[object, object]) -> dict[str, object]:
    """Return `{"cpus": {"reserved": "0"}}` as `{"cpus.reserved": "0"}`; two levels, no more."""
    groups = {row.key.partition(".")[0] for row in TABLE if "." in row.key}
    flat: dict[str, object] = {}
    for name, value in tree.items():
        if name in groups and isinstance(value, dict):
            flat.update({f"{name}.{key}": raw for key, raw in value.items()})
        elif name in groups and value is None:
            continue
        else:
            flat[str(name)] = value
    return flat


def _assemble(values: Mapping[str, object]) -> Settings:
    groups: dict[str, dict[str, object]] = {}
    top: dict[str, object] = {}
    for key, value in values.items():
        group, _, field = key.partition(".")
        if field:
            groups.setdefault(group, {})[field] = value
        else:
            top[group] = value
    defaults = Settings()
    changed = {
        group: dataclasses.replace(getattr(defaults, group), **fields)
        for group, fields in groups.items()
    }
    return dataclasses.replace(defaults, **changed, **top)  # type: ignore[arg-type]  # the table's parsers return the fields' types
