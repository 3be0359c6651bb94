"""Values that a person wrote, and where they stand.

Each way to read one checks it, and its error says what is wrong, where, and what would
be right.
"""

import math
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

NUMBER_MAX = 1e9
"""The largest number that is asked for anywhere: some thirty years in seconds."""

_Parsed = TypeVar("_Parsed")


class InputError(Exception):
    """What a person wrote cannot be used."""


class BadField(InputError):
    """A value in a file is not allowed.

    Attributes:
        place: Where it stands.
        value: What it is; None if it is missing.
        allowed: What would be right, in words.
    """

    def __init__(self, place: "Place", value: object, allowed: str) -> None:
        super().__init__(place, value, allowed)
        self.place = place
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        what = "is missing" if self.value is None else f"{reprlib.repr(self.value)} is not allowed"
        return f"{self.place}: {what}; use {self.allowed}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands.

    Attributes:
        file: The file's name.
        part: Which part of it, such as `document 2` or `step 3`.
        path: The path within, such as `spec.containers[0].name`.
    """

    file: str
    part: str = ""
    path: str = ""

    def __str__(self) -> str:
        return ", ".join(word for word in (self.file, self.part, self.path) if word)


@dataclass(frozen=True, slots=True)
class Field:
    """A value and where it stands.

    Attributes:
        value: The value; None if it is missing.
        place: Where it stands.
    """

    value: Any
    place: Place

    @property
    def given(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def bad(self, allowed: str) -> BadField:
        """Return the error that this value is not allowed.

        Args:
            allowed: What would be right, in words.
        """
        return BadField(self.place, self.value, allowed)

    def get(self, key: str) -> "Field":
        """Return a value of a mapping.

        Raises:
            BadField: This is no mapping.
        """
        path = f"{self.place.path}.{key}" if self.place.path else key
        return Field(self._entries().get(key), replace(self.place, path=path))

    def fields(self) -> dict[str, "Field"]:
        """Return all values of a mapping, by key.

        Raises:
            BadField: This is no mapping, or a key is no text.
        """
        for key in self._entries():
            if not isinstance(key, str):
                raise BadField(self.place, key, "text as a key; quote it")
        return {key: self.get(key) for key in self._entries()}

    def items(self) -> list["Field"]:
        """Return the values of a list; none if it is missing.

        Raises:
            BadField: This is no list.
        """
        values = [] if self.value is None else self.value
        if not isinstance(values, list):
            raise self.bad("a list")
        return [
            Field(value, replace(self.place, path=f"{self.place.path}[{number}]"))
            for number, value in enumerate(values)
        ]

    def text(self) -> str:
        """Return a text.

        Raises:
            BadField: This is none.
        """
        if not isinstance(self.value, str):
            raise self.bad("text; quote it if it looks like something else")
        return self.value

    def plain(self) -> str:
        """Return a text, or a number as its text: YAML reads `cpu: 2` as a number.

        Raises:
            BadField: This is neither.
        """
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return repr(self.value)
        return self.text()

    def number(self, default: float | None = None) -> float:
        """Return a number from 0 to `NUMBER_MAX`.

        Args:
            default: What stands in for a missing one; None: it must be there.

        Raises:
            BadField: This is no such number.
        """
        value = default if self.value is None else self.value
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or math.isnan(value)
            or not 0 <= value <= NUMBER_MAX
        ):
            raise self.bad(f"a number from 0 to {NUMBER_MAX:.0f}")
        return float(value)

    def count(self, default: int | None = None, most: int = 1_000_000) -> int:
        """Return a whole number.

        Args:
            default: What stands in for a missing one; None: it must be there.
            most: The largest that is allowed.

        Raises:
            BadField: This is none, is negative, or is too large.
        """
        value = default if self.value is None else self.value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self.bad(f"a whole number from 0 to {most}")
        return value

    def flag(self) -> bool:
        """Return true or false; a missing one is false.

        Raises:
            BadField: This is neither.
        """
        if self.value is not None and not isinstance(self.value, bool):
            raise self.bad("true or false")
        return bool(self.value)

    def parsed(self, parse: Callable[[str], _Parsed], allowed: str) -> _Parsed:
        """Return a text, or a number as its text, as what it stands for.

        Args:
            parse: Reads the text; raises ValueError when it cannot.
            allowed: What would be right, in words.

        Raises:
            BadField: It cannot be read.
        """
        try:
            return parse(self.plain())
        except (ValueError, BadField) as error:
            raise self.bad(allowed) from error

    def _entries(self) -> dict[Any, Any]:
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.bad("a mapping, with `key: value` in each line")
        return self.value
