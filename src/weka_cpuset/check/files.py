"""Reading configuration files: bounded, and with errors that say what would help."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from weka_cpuset.check.facts import NotReadable

MAX_BYTES = 4 << 20
"""A file larger than this is no configuration file and is not read."""

T = TypeVar("T")


def read_bytes(path: Path) -> bytes | None:
    """Return a file's content, or None if there is no such file.

    Args:
        path: The file.

    Raises:
        OSError: It is there and cannot be read.
        NotReadable: It is too large.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > MAX_BYTES:
        raise NotReadable(path, f"is larger than {MAX_BYTES} bytes")
    return data


def read_toml(path: Path) -> dict[str, object] | None:
    """Return a TOML file's tables, or None if there is no such file.

    Args:
        path: The file.

    Raises:
        OSError: It is there and cannot be read.
        NotReadable: It is not TOML.
    """
    data = read_bytes(path)
    if data is None:
        return None
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotReadable(path, f"is not valid TOML: {error}") from error


def read_yaml(path: Path) -> dict[str, object] | None:
    """Return a YAML file's mapping, or None if there is no such file.

    Args:
        path: The file.

    Raises:
        OSError: It is there and cannot be read.
        NotReadable: It is not YAML, or is no mapping.
    """
    data = read_bytes(path)
    if data is None:
        return None
    try:
        tree = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise NotReadable(path, f"is not valid YAML{where}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise NotReadable(path, "is no mapping of keys to values")
    return tree


def convert(path: Path, tree: object, kind: type[T]) -> T:
    """Return a part of a file as values of known types.

    Args:
        path: The file, for the error.
        tree: What was read from it.
        kind: The struct to make of it; keys that it does not have are passed over.

    Raises:
        NotReadable: A value has the wrong type.
    """
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise NotReadable(path, str(error)) from error


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder in their order; none if there is no such folder.

    Args:
        folder: The folder.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def merge(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    """Return two trees of tables as one, in which `above` wins where both have a value."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]  # both are tables
    return merged
