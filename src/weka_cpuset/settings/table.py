"""The table of settings: key, what is allowed, and where else than in the file it can be set."""

import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nri import BadIdentity, Identity
from weka_cpuset.address import Address
from weka_cpuset.engine import CpuListError, CpuSet, Llc, Numa, Smt
from weka_cpuset.settings.values import LogFormat, LogLevel, Way


@dataclass(frozen=True, slots=True)
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
    Setting("http.names_in_metrics", _typed(bool), "true or false"),
    Setting("journal.entries", _typed(_Entries), "a whole number from 0 to 100000"),
    Setting("journal.file", _typed(str), "a path, or nothing for no file", None, "--journal"),
    Setting("journal.max_bytes", _typed(_JournalBytes), "bytes from 65536 to 1099511627776"),
    Setting("kubernetes.events", _typed(bool), "true or false"),
    Setting("sysfs", _path, "an absolute path of a folder", None, "--sysfs"),
    Setting("cgroups", _path, "an absolute path of a folder", None, "--cgroups"),
    Setting("dry_run", _typed(bool), "true or false", "WEKA_CPUSET_DRY_RUN", "--dry-run"),
)
"""Every setting there is. The reference page is generated from it."""
