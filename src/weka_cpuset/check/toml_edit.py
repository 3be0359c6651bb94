"""Setting keys in TOML files that people wrote: comments, order and spacing stay."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import tomlkit
from tomlkit.exceptions import TOMLKitError

Value: TypeAlias = bool | str | Sequence[str]


class NotToml(Exception):
    """A text is not TOML that can be edited.

    Args:
        reason: Why not.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"is not valid TOML: {self.reason}"


def has_table(text: str, path: Sequence[str]) -> bool:
    """Tell whether a text has a table.

    Args:
        text: TOML.
        path: The names that lead to the table.

    Raises:
        NotToml: It is not.
    """
    return _find(_parse(text), path) is not None


def set_keys(text: str, path: Sequence[str], values: Mapping[str, Value]) -> str:
    """Return a text with some keys of a table set.

    Args:
        text: TOML.
        path: The names that lead to the table; it is added at the end if it is missing.
        values: What to set, by key.

    Raises:
        NotToml: The text is not TOML, or has something else in the table's place.
    """
    if not values:
        return text
    document = _parse(text)
    table = _find(document, path)
    if table is None:
        return add_table(text, path, values)
    for key, value in values.items():
        table[key] = value
    return tomlkit.dumps(document)


def add_table(text: str, path: Sequence[str], values: Mapping[str, Value]) -> str:
    """Return a text with a table added at its end.

    Args:
        text: What is there, TOML or a template of it; it does not have the table.
        path: The names that lead to the table.
        values: Its keys.
    """
    body = tomlkit.document()
    body.update(values)
    header = ".".join(tomlkit.key(name).as_string() for name in path)
    end = "" if not text or text.endswith("\n") else "\n"
    gap = "\n" if text else ""
    return f"{text}{end}{gap}[{header}]\n{tomlkit.dumps(body)}"


def without(text: str, key: str, item: str) -> str:
    """Return a text without an item of a list at its top level.

    Args:
        text: TOML.
        key: The list's key.
        item: The item; it may be missing.

    Raises:
        NotToml: The text is not TOML.
    """
    document = _parse(text)
    items = document.get(key)
    if items is None or item not in items:
        return text
    items.remove(item)
    return tomlkit.dumps(document)


def _parse(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise NotToml(str(error)) from error


def _find(document: Any, path: Sequence[str]) -> Any | None:
    """Return a table of a document, or None if it is not there."""
    table = document
    for name in path:
        if not hasattr(table, "get"):
            raise NotToml(f"{name} is in something that is no table")
        table = table.get(name)
        if table is None:
            return None
    return table
