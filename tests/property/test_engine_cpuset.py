"""CpuSet against Python's set."""

from hypothesis import given
from hypothesis import strategies as st

from weka_cpuset.engine import MAX_CPU, CpuListError, CpuSet

IDS = st.frozensets(st.one_of(st.integers(0, 70), st.integers(0, MAX_CPU)), max_size=40)


@given(IDS, IDS)
def test_algebra(left: frozenset[int], right: frozenset[int]) -> None:
    """Every operation gives what a set of numbers gives."""
    a, b = CpuSet.of(left), CpuSet.of(right)
    assert frozenset(a | b) == left | right
    assert frozenset(a & b) == left & right
    assert frozenset(a - b) == left - right
    assert frozenset(a ^ b) == left ^ right
    assert (a <= b, a < b, a == b) == (left <= right, left < right, left == right)
    assert a.isdisjoint(b) == left.isdisjoint(right)
    assert (len(a), bool(a)) == (len(left), bool(left))
    assert list(a) == sorted(left)
    assert all((number in a) == (number in left) for number in left | right)


@given(IDS)
def test_text_round_trip(ids: frozenset[int]) -> None:
    """The canonical text is read back as the same set."""
    cpus = CpuSet.of(ids)
    assert CpuSet.parse(str(cpus)) == cpus
    assert str(CpuSet.parse(str(cpus))) == str(cpus)


@given(st.text(alphabet="0123456789,- \n\tx:/", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text does anything else, and what is read has a canonical form that means the same."""
    try:
        cpus = CpuSet.parse(text)
    except CpuListError:
        return
    assert CpuSet.parse(str(cpus)) == cpus
