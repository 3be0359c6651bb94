"""What the configuration files of containerd and CRI-O say about NRI.

Sources: `NRI` in containerd's docs and crio.conf(5) for the keys. containerd reads one file
and those that `imports` name, in it and in them. As seen with `containerd config dump`,
1.7 lets an imported section of a plugin stand in place of the earlier one, and 2.1 merges
the two, whatever the version of the file. CRI-O reads one file and its folder of drop-ins
in the order of their names.
"""

import os
import re
from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Any

import msgspec

from weka_cpuset.check import files
from weka_cpuset.check.facts import (
    CgroupDriver,
    NotReadable,
    NriConfig,
    RuntimeConfig,
    RuntimeKind,
    Validator,
)
from weka_cpuset.check.releases import Version

DEFAULT_FILE: Mapping[RuntimeKind, Path] = {
    RuntimeKind.CONTAINERD: Path("/etc/containerd/config.toml"),
    RuntimeKind.CRIO: Path("/etc/crio/crio.conf"),
}
"""Where each runtime's configuration is unless it was started with another."""

NRI_SECTION = "io.containerd.nri.v1.nri"
"""The name of NRI in containerd's configuration."""

_CRI_SECTIONS = ("io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri")
_MERGES_SINCE: Version = (2, 0, 0)
_LAST_OF_1_7 = 2  # the version of the file; containerd 2 reads it too, so it is a guess
_MOST_IMPORTS = 100
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", re.ASCII)
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NRI = NriConfig()

_Table = dict[str, Any]
_Duration = str | int


class _ContainerdValidator(msgspec.Struct):
    enable: bool = False
    required_plugins: list[str] = []
    tolerate_missing_plugins_annotation: str = ""


class _ContainerdNri(msgspec.Struct):
    disable: bool | None = None
    disable_connections: bool = False
    socket_path: str = ""
    plugin_path: str = ""
    plugin_registration_timeout: _Duration = ""
    plugin_request_timeout: _Duration = ""
    default_validator: _ContainerdValidator = msgspec.field(default_factory=_ContainerdValidator)


class _Containerd(msgspec.Struct):
    version: int = 1
    imports: list[str] = []
    disabled_plugins: list[str] = []
    plugins: dict[str, _Table] = {}


class _RuncOptions(msgspec.Struct):
    systemd_cgroup: bool = msgspec.field(default=False, name="SystemdCgroup")


class _RuncHandler(msgspec.Struct):
    options: _RuncOptions = msgspec.field(default_factory=_RuncOptions)


class _Handlers(msgspec.Struct):
    default_runtime_name: str = "runc"
    runtimes: dict[str, _RuncHandler] = {}


class _Cri(msgspec.Struct):
    containerd: _Handlers = msgspec.field(default_factory=_Handlers)


class _CrioValidator(msgspec.Struct):
    enable: bool = msgspec.field(default=False, name="nri_enable_default_validator")
    required: list[str] = msgspec.field(default_factory=list, name="nri_validator_required_plugins")
    tolerate: str = msgspec.field(
        default="", name="nri_validator_tolerate_missing_plugins_annotation"
    )


class _CrioNri(msgspec.Struct):
    enable_nri: bool | None = None
    nri_disable_connections: bool = False
    nri_listen: str = ""
    nri_plugin_dir: str = ""
    nri_plugin_registration_timeout: _Duration = ""
    nri_plugin_request_timeout: _Duration = ""
    default_validator: _CrioValidator = msgspec.field(default_factory=_CrioValidator)


class _CrioRuntime(msgspec.Struct):
    cgroup_manager: str = "systemd"


class _CrioTables(msgspec.Struct):
    nri: _CrioNri = msgspec.field(default_factory=_CrioNri)
    runtime: _CrioRuntime = msgspec.field(default_factory=_CrioRuntime)


class _Crio(msgspec.Struct):
    crio: _CrioTables = msgspec.field(default_factory=_CrioTables)


def read_config(kind: RuntimeKind, path: Path, version: Version | None) -> RuntimeConfig:
    """Read a runtime's configuration.

    Args:
        kind: The runtime.
        path: Its file; where there is none the runtime's defaults hold. CRI-O's drop-ins
            are looked for beside it, in a folder of its name and `.d`.
        version: The runtime's version, by which imports count; None: not known.

    Raises:
        OSError: A file is there and cannot be read.
        NotReadable: A file says what the runtime would not take.
    """
    match kind:
        case RuntimeKind.CONTAINERD:
            return _read_containerd(path, version)
        case RuntimeKind.CRIO:
            return _read_crio(path)


def parse_duration(text: str | int, path: Path) -> float:
    """Return a Go duration in seconds.

    Args:
        text: Such as "2s" or "1m30s"; a bare number is nanoseconds.
        path: The file that it stands in, for the error.

    Raises:
        NotReadable: It is no duration.
    """
    if isinstance(text, int):
        return text * _UNIT_S["ns"]
    if text == "0":
        return 0.0
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise NotReadable(path, f"{text!r} is no duration such as '2s'")
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def _read_containerd(path: Path, version: Version | None) -> RuntimeConfig:
    read = _read_parts(path)
    parts = [part for _, part in read]
    merges = parts[0].version > _LAST_OF_1_7 if version is None else version >= _MERGES_SINCE
    disabled: list[str] = []
    plugins: dict[str, _Table] = {}
    for part in parts:
        disabled += part.disabled_plugins
        plugins = files.merge(plugins, part.plugins) if merges else plugins | part.plugins  # type: ignore[arg-type,assignment]  # tables of tables, as they were
    nri = files.convert(path, plugins.get(NRI_SECTION, {}), _ContainerdNri)
    validator = nri.default_validator
    return RuntimeConfig(
        RuntimeKind.CONTAINERD,
        NriConfig(
            enabled=_enabled(nri, disabled),
            connections=not nri.disable_connections,
            socket=Path(nri.socket_path or _NRI.socket),
            plugin_folder=Path(nri.plugin_path or _NRI.plugin_folder),
            registration_timeout_s=_seconds(
                nri.plugin_registration_timeout, _NRI.registration_timeout_s, path
            ),
            request_timeout_s=_seconds(nri.plugin_request_timeout, _NRI.request_timeout_s, path),
            validator=Validator(
                validator.enable,
                tuple(validator.required_plugins),
                validator.tolerate_missing_plugins_annotation,
            ),
        ),
        _containerd_driver(path, plugins),
        tuple(name for name, _ in read),
        has_plugin_names=parts[0].version > 1,
    )


def _enabled(nri: _ContainerdNri, disabled: list[str]) -> bool | None:
    if NRI_SECTION in disabled:
        return False
    return None if nri.disable is None else not nri.disable


def _read_parts(path: Path) -> list[tuple[Path, _Containerd]]:
    """Return the main file and all files that are imported, in the order in which they count."""
    pending, read = [Path(os.path.normpath(path))], set[Path]()
    parts: list[tuple[Path, _Containerd]] = []
    while pending:
        name = pending.pop(0)
        if name in read:
            continue
        if len(read) > _MOST_IMPORTS:
            raise NotReadable(path, f"imports more than {_MOST_IMPORTS} files")
        read.add(name)
        part = files.convert(name, files.read_toml(name) or {}, _Containerd)
        parts.append((name, part))
        for pattern in part.imports:
            # Made plain as the runtime does it, so that circles are noticed.
            plain = os.path.normpath(name.parent / pattern)
            pending += map(Path, sorted(glob(plain)))  # noqa: PTH207  # patterns may be absolute, which Path.glob refuses
    return parts


def _containerd_driver(path: Path, plugins: Mapping[str, _Table]) -> CgroupDriver:
    tables = [plugins[name] for name in _CRI_SECTIONS if name in plugins]
    cri = files.convert(path, tables[0] if tables else {}, _Cri).containerd
    runc = cri.runtimes.get(cri.default_runtime_name, _RuncHandler())
    return CgroupDriver.SYSTEMD if runc.options.systemd_cgroup else CgroupDriver.CGROUPFS


def _read_crio(path: Path) -> RuntimeConfig:
    tree = files.read_toml(path) or {}
    folder = drop_ins(path)
    names = [folder / name for name in files.list_names(folder)]
    for name in names:
        tree = files.merge(tree, files.read_toml(name) or {})
    tables = files.convert(path, tree, _Crio).crio
    nri, validator = tables.nri, tables.nri.default_validator
    if tables.runtime.cgroup_manager not in set(CgroupDriver):
        raise NotReadable(path, f"cgroup_manager: {tables.runtime.cgroup_manager!r} is none")
    return RuntimeConfig(
        RuntimeKind.CRIO,
        NriConfig(
            enabled=nri.enable_nri,
            connections=not nri.nri_disable_connections,
            socket=Path(nri.nri_listen or _NRI.socket),
            plugin_folder=Path(nri.nri_plugin_dir or _NRI.plugin_folder),
            registration_timeout_s=_seconds(
                nri.nri_plugin_registration_timeout, _NRI.registration_timeout_s, path
            ),
            request_timeout_s=_seconds(
                nri.nri_plugin_request_timeout, _NRI.request_timeout_s, path
            ),
            validator=Validator(validator.enable, tuple(validator.required), validator.tolerate),
        ),
        CgroupDriver(tables.runtime.cgroup_manager),
        (path, *names),
    )


def drop_ins(path: Path) -> Path:
    """Return the folder of drop-ins of CRI-O's configuration file.

    Args:
        path: The file.
    """
    return path.with_name(f"{path.name}.d")


def _seconds(text: str | int, default_s: float, path: Path) -> float:
    return default_s if text == "" else parse_duration(text, path)
