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
                unit, rest = buffer.collect(rest)
                if unit is not None:
                    units.append(unit)
                    buffer.expect(next(sizes))
        return units

    assert feed_three_ways(read, b"abcdefghi", b"jk") == [b"abc", b"de", b"fghi"]


def test_what_is_beyond_the_unit_is_handed_back() -> None:
    """A buffer keeps only its own unit."""
    buffer = Buffer(3)

    def collect(data: bytes) -> tuple[bytes | None, bytes]:
        unit, rest = buffer.collect(memoryview(data))
        return unit, bytes(rest)

    assert collect(b"ab") == (None, b"")
    assert (buffer.held, buffer.missing) == (2, 1)
    assert collect(b"cde") == (b"abc", b"de")
    assert (buffer.held, buffer.missing) == (0, 3)
    assert collect(b"defg") == (b"def", b"g")
    assert buffer.held == 0


@pytest.mark.parametrize("pieces", [[b"abc"], [b"a", b"bc"]])
def test_a_unit_outlives_the_piece_that_brought_it(pieces: list[bytes]) -> None:
    """What was taken is a copy; whoever read the bytes may use the memory again."""
    buffer, unit = Buffer(3), None
    for one in pieces:
        piece = bytearray(one)
        unit, _ = buffer.collect(memoryview(piece))
        piece[:] = b"x" * len(piece)
    assert unit == b"abc"


def test_misuse_is_caught() -> None:
    """A size cannot change half-way."""
    buffer = Buffer(2)
    buffer.collect(memoryview(b"a"))
    with pytest.raises(AssertionError):
        buffer.expect(1)
    assert (buffer.held, buffer.missing) == (1, 1)
