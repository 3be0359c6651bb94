"""A buffer collects units of known size from pieces of any size."""

from collections.abc import Iterable

import pytest

from nri.buffer import Buffer
from tests.unit.nri.wire import feed_three_ways


def test_units_are_collected_from_pieces_of_any_size() -> None:
    """Units of 3, 2 and 4 bytes come out as they went in, however they were cut."""

    def read(pieces: Iterable[bytes]) -> list[bytes]:
        sizes = iter([2, 4, 5])
        buffer, units = Buffer(3), []
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = buffer.feed(rest)
                if not buffer.missing:
                    units.append(buffer.take(next(sizes)))
        return units

    assert feed_three_ways(read, b"abcdefghi", b"jk") == [b"abc", b"de", b"fghi"]


def test_what_is_beyond_the_unit_is_handed_back() -> None:
    """A buffer keeps only its own unit."""
    buffer = Buffer(3)
    assert bytes(buffer.feed(memoryview(b"ab"))) == b""
    assert (buffer.held, buffer.missing) == (2, 1)
    assert bytes(buffer.feed(memoryview(b"cde"))) == b"de"
    assert (buffer.held, buffer.missing) == (3, 0)
    assert bytes(buffer.feed(memoryview(b"de"))) == b"de"
    assert buffer.held == 3


def test_taking_starts_the_next_unit() -> None:
    """After a unit was taken nothing of it is held, and the next size counts."""
    buffer = Buffer(1)
    buffer.feed(memoryview(b"a"))
    assert buffer.take(5) == b"a"
    assert (buffer.held, buffer.missing) == (0, 5)


def test_a_unit_may_be_empty() -> None:
    """A body of no bytes is complete at once."""
    assert Buffer(0).take(1) == b""


def test_a_unit_outlives_the_piece_that_brought_it() -> None:
    """What was taken is a copy; whoever read the bytes may use the memory again."""
    piece = bytearray(b"abc")
    buffer = Buffer(3)
    buffer.feed(memoryview(piece))
    unit = buffer.take(1)
    piece[:] = b"xyz"
    assert unit == b"abc"


def test_the_size_may_change_before_the_first_byte() -> None:
    """The size of a body is known only after its header was taken."""
    buffer = Buffer(0)
    buffer.resize(2)
    assert buffer.missing == 2


def test_misuse_is_caught() -> None:
    """An incomplete unit cannot be taken, and a size cannot change half-way."""
    buffer = Buffer(2)
    buffer.feed(memoryview(b"a"))
    with pytest.raises(AssertionError):
        buffer.take(1)
    with pytest.raises(AssertionError):
        buffer.resize(1)
    assert (buffer.held, buffer.missing) == (1, 1)
