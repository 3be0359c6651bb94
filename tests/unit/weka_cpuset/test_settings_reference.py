"""The reference page of the settings lists the table that the code has."""

import dataclasses
from pathlib import Path

from weka_cpuset.settings import TABLE, Settings

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def default_of(key: str) -> str:
    """Return a setting's default as text."""
    value: object = Settings()
    for name in key.split("."):
        value = getattr(value, name)
    return str(value).lower() if isinstance(value, bool) else str(value)


def rows() -> list[str]:
    """Return the table's rows as the page must have them."""
    return [
        f"| `{row.key}` | {default_of(row.key)} | {row.allowed} "
        f"| {row.variable or ''} | {row.flag or ''} |"
        for row in TABLE
    ]


def test_page_has_every_row() -> None:
    """Each setting is on the page with its default, limits, variable and flag."""
    assert rows() == [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]


def test_every_field_has_a_row() -> None:
    """No setting can exist that users cannot set."""
    keys = {
        f"{group.name}.{field.name}"
        for group in dataclasses.fields(Settings)
        if dataclasses.is_dataclass(value := getattr(Settings(), group.name))
        for field in dataclasses.fields(value)
    } | {"sysfs", "cgroups", "dry_run"}
    assert keys == {row.key for row in TABLE}
