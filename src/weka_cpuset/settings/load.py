"""Read the settings from their sources, and check them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import yaml

from nri import Identity
from weka_cpuset.settings.errors import SettingError, UnknownSetting, UnreadableSettings
from weka_cpuset.settings.table import TABLE, Setting
from weka_cpuset.settings.values import NriSettings, Settings

MAX_FILE_BYTES = 1 << 20
"""A settings file larger than this is refused unread: ours has a dozen short keys."""


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
