"""CPU sets: the kernel's list format, and set algebra."""

import pytest

from weka_cpuset.engine import MAX_CPU, CpuListError, CpuSet


@pytest.mark.parametrize(
    ("text", "expected", "canonical"),
    [
        ("0", {0}, "0"),
        ("0,2-3,8", {0, 2, 3, 8}, "0,2-3,8"),
        ("8,3,2,0", {0, 2, 3, 8}, "0,2-3,8"),
        ("1-1", {1}, "1"),
        ("0-2,1-4", {0, 1, 2, 3, 4}, "0-4"),
        ("8191", {8191}, "8191"),
    ],
)
def test_list_is_parsed_and_written_canonically(
    text: str, expected: set[int], canonical: str
) -> None:
    """Order and overlaps do not matter; the text is always the same for the same set."""
    parsed = CpuSet.parse(text)
    assert expected == set(parsed)
    assert canonical == str(parsed)
    assert CpuSet.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text", ["x", "1-", "-1", "3-1", "1,,2", "0x3", "8192", "0-4000000000", "1" * 100_000, "²"]
)
def test_what_is_no_list_is_an_error_that_names_it(text: str) -> None:
    """Nonsense and absurd ranges are refused, with the text at hand."""
    with pytest.raises(CpuListError) as caught:
        CpuSet.parse(text)
    assert str(caught.value)
    assert len(str(caught.value)) < 1000


def test_algebra() -> None:
    """Union, intersection, difference and comparison are those of sets."""
    a, b = CpuSet.of([0, 1, 5]), CpuSet.of([1, 2])
    assert CpuSet.of([0, 1, 2, 5]) == a | b
    assert CpuSet.of([1]) == a & b
    assert CpuSet.of([0, 5]) == a - b
    assert (len(a), list(a), a.lowest, 5 in a, 2 in a) == (3, [0, 1, 5], 0, True, False)
    assert CpuSet.of([1]) <= a
    assert not a <= b
    assert not a.isdisjoint(b)
    assert not CpuSet.EMPTY


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("1,", 2),
        (",1", 0),
        ("1 2", 2),
        ("0-8:2/4", 3),
        ("+1", 0),
        ("\u0663", 0),
        ("1-2-3", 3),
        ("0,0-8192", 4),
        ("0-" + "9" * 60_000, 2),
    ],
)
def test_errors_tell_the_position(text: str, position: int) -> None:
    """The error says where in the text the trouble starts."""
    with pytest.raises(CpuListError) as caught:
        CpuSet.parse(text)
    assert caught.value.position == position
    assert f"character {position}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ids"), [("", []), (" \n", []), (" 0 ,\t1\n", [0, 1]), ("007", [7])]
)
def test_tolerated_forms(text: str, ids: list[int]) -> None:
    """Blanks around items, leading zeros and an empty text are read as the kernel reads them."""
    assert list(CpuSet.parse(text)) == ids


def test_ids_out_of_range() -> None:
    """Ids that no kernel has cannot be put into a set, and an empty set has no lowest."""
    for number in (-1, MAX_CPU + 1):
        with pytest.raises(ValueError, match=str(number)):
            CpuSet.of([number])
        assert number not in CpuSet.of([0])
    with pytest.raises(ValueError, match="empty"):
        _ = CpuSet.EMPTY.lowest


def test_equal_sets_hash_alike() -> None:
    """Sets are values, and never equal to anything else."""
    assert hash(CpuSet.of([1, 2])) == hash(CpuSet.parse("1-2"))
    assert CpuSet.of([1]) != 2
    assert repr(CpuSet.of([1, 2])) == "CpuSet('1-2')"
