"""Kubernetes quantities such as `1500m`, `2`, `100Mi` and `1e3`, read exactly.

Source: the grammar in k8s.io/apimachinery/pkg/api/resource (`Quantity`). A value that is no
whole number of the unit asked for is rounded up, as `MilliValue` and `Value` do there.
"""

import re
from fractions import Fraction

VALUE_MAX = 2**63 - 1
"""The largest value; Kubernetes keeps quantities in 64 bits."""

TEXT_MAX = 64
"""Longest text that is looked at, in characters."""

_FORM = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"(?:[eE](?P<exponent>[+-]?[0-9]{1,3})|(?P<suffix>[numkMGTPE]|[KMGTPE]i))?"
)
_SUFFIXES = (
    {"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000)}
    | {letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)}
    | {f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)}
)


class QuantityError(ValueError):
    """A text is no quantity that a resource can have.

    Attributes:
        text: The text.
        problem: What is wrong with it.
    """

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(text, problem)
        self.text = text
        self.problem = problem

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= TEXT_MAX else f"{self.text[:TEXT_MAX]}..."
        return f"{shown!r} {self.problem}"


def parse(text: str) -> Fraction:
    """Read a quantity.

    Args:
        text: The quantity as in a manifest.

    Returns:
        Its exact value.

    Raises:
        QuantityError: It is no quantity, is negative, or is larger than `VALUE_MAX`.
    """
    match = _FORM.fullmatch(text) if len(text) <= TEXT_MAX else None
    if match is None:
        raise QuantityError(text, "is not a quantity such as 2, 500m or 100Mi")
    value = Fraction(match["number"].rstrip(".")) * _scale(match)
    if match["sign"] == "-" and value:
        raise QuantityError(text, "is negative")
    if value > VALUE_MAX:
        raise QuantityError(text, f"is larger than {VALUE_MAX}")
    return value


def parse_milli(text: str) -> int:
    """Read a quantity of cpus in thousandths of a cpu, rounded up.

    Raises:
        QuantityError: It is no quantity that a resource can have.
    """
    return _round_up(parse(text) * 1000)


def parse_bytes(text: str) -> int:
    """Read a quantity of memory in bytes, rounded up.

    Raises:
        QuantityError: It is no quantity that a resource can have.
    """
    return _round_up(parse(text))


def write_milli(milli: int) -> str:
    """Write thousandths of a cpu as a quantity: whole cpus if they are, else with `m`."""
    whole, rest = divmod(milli, 1000)
    return f"{milli}m" if rest else str(whole)


def write_bytes(size: int) -> str:
    """Write bytes as a quantity, in the largest unit that is exact."""
    for letter in "EPTGMK":
        unit = _SUFFIXES[f"{letter}i"].numerator
        if size and not size % unit:
            return f"{size // unit}{letter}i"
    return str(size)


def _scale(match: re.Match[str]) -> Fraction:
    if match["exponent"] is not None:
        return Fraction(10) ** int(match["exponent"])
    return _SUFFIXES[match["suffix"]] if match["suffix"] else Fraction(1)


def _round_up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
