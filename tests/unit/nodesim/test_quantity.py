"""Kubernetes quantities: exact, rounded up, and refused with a reason."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.quantity import (
    VALUE_MAX,
    QuantityError,
    parse,
    parse_bytes,
    parse_milli,
    write_bytes,
    write_milli,
)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(2), "2"),
        (Fraction(2), "+2"),
        (Fraction(0), "-0"),
        (Fraction(1, 2), "0.5"),
        (Fraction(1, 2), ".5"),
        (Fraction(5), "5."),
        (Fraction(1, 10**9), "1n"),
        (Fraction(1, 10**6), "1u"),
        (Fraction(3, 2), "1500m"),
        (Fraction(10**3), "1k"),
        (Fraction(10**6), "1M"),
        (Fraction(10**9), "1G"),
        (Fraction(10**12), "1T"),
        (Fraction(10**15), "1P"),
        (Fraction(10**18), "1E"),
        (Fraction(2**10), "1Ki"),
        (Fraction(2**20), "1Mi"),
        (Fraction(2**30), "1Gi"),
        (Fraction(2**40), "1Ti"),
        (Fraction(2**50), "1Pi"),
        (Fraction(2**60), "1Ei"),
        (Fraction(1000), "1e3"),
        (Fraction(1000), "1E3"),
        (Fraction(15, 10), "15e-1"),
        (Fraction(3 * 2**9), "1.5Ki"),
    ],
)
def test_all_forms_are_read_exactly(expected: Fraction, text: str) -> None:
    """Suffixes of 1000 and 1024, exponents, and points."""
    assert expected == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1K", "1ki", "1mi", "m", ".", "+", "1e", "1e3m", "1 Gi", "1,5", "0x1"),
        *("1_000", "nan", "inf", "-1", "-1m", "1e9999", "9223372036854775808", "8Ei", "1" * 65),
        *("\u0661", "1\n"),
    ],
)
def test_all_else_is_refused(text: str) -> None:
    """The error shows the text."""
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert text == caught.value.text
    assert repr(text)[:20] in str(caught.value)


@pytest.mark.parametrize(
    ("milli", "text"), [(1, "0.5m"), (1, "1n"), (1001, "1000001u"), (2000, "2"), (0, "0")]
)
def test_cpus_are_rounded_up_to_thousandths(milli: int, text: str) -> None:
    """What is asked for is never made less."""
    assert milli == parse_milli(text)


@pytest.mark.parametrize(("size", "text"), [(1, "1m"), (1025, "1024.5"), (104857600, "100Mi")])
def test_memory_is_rounded_up_to_bytes(size: int, text: str) -> None:
    """A thousandth of a byte is a byte."""
    assert size == parse_bytes(text)


@given(st.integers(0, 10**9))
def test_cpus_are_written_as_they_are_read(milli: int) -> None:
    """Writing and reading thousandths of a cpu loses nothing."""
    assert milli == parse_milli(write_milli(milli))


@given(st.integers(0, VALUE_MAX) | st.integers(0, 2**23).map(lambda mebi: mebi << 20))
def test_memory_is_written_as_it_is_read(size: int) -> None:
    """Writing and reading bytes loses nothing."""
    assert size == parse_bytes(write_bytes(size))


@given(st.text(max_size=70) | st.from_regex(r"[-+]?[0-9.]{1,5}[eEnumkMGTPi0-9]{0,4}"))
def test_nothing_but_the_typed_error_is_raised(text: str) -> None:
    """Any text is a quantity of at most the largest value, or a QuantityError."""
    try:
        value = parse(text)
    except QuantityError:
        return
    assert 0 <= value <= VALUE_MAX
