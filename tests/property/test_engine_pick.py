"""Pick against exhaustive search: no choice is cheaper by rule 5, whatever the preference."""

from itertools import chain, combinations, groupby

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.property.brute import MOST, PREFERENCES, best, odd, regular
from tests.property.effort import EXAMPLES
from weka_cpuset.engine import (
    Cpu,
    CpuSet,
    IntegerDemand,
    NotEnoughCores,
    NotWholeCores,
    Preference,
    Refusal,
    Smt,
    SpansLlcs,
    SpansNodes,
    Topology,
    cost,
    pick,
)
from weka_cpuset.engine.misfit import misfit

NONE = CpuSet.EMPTY
EXHAUSTIVE = 6 if EXAMPLES <= 500 else 10
"""Up to how many cpus every free set of every machine is tried."""

MOST_FREE = 12 if EXAMPLES <= 500 else MOST
"""How many cpus are free at most where not all is tried: 12 cpus have 924 sets of 6."""

KINDS = {
    size: tuple(group)
    for size, group in groupby(
        sorted(chain(regular(MOST), odd()), key=lambda one: len(one.online)),
        key=lambda one: len(one.online),
    )
}
"""All machines of up to 16 cpus, by their size."""


def assert_best(topology: Topology, free: CpuSet, demand: IntegerDemand, keep: CpuSet) -> None:
    """Assert that the engine chooses as well as trying everything does."""
    chosen = pick(topology, free, demand, keep)
    expected = best(topology, free, demand, keep)
    assert (chosen is None) == (expected is None)
    if chosen is None:
        assert_reason(misfit(topology, free, demand, keep, NONE), demand)
    else:
        assert cost(topology, free, chosen, keep, demand.preference) == expected
        assert keep <= chosen <= (free - demand.forbidden) | keep


def assert_reason(refusal: Refusal, demand: IntegerDemand) -> None:
    """Assert that a refusal names a limit that the demand has, and that was in the way."""
    match refusal:
        case NotWholeCores(count, _, right):
            assert demand.preference.smt is Smt.FULL_CORES
            assert right
            assert count not in right
        case NotEnoughCores():
            assert demand.preference.smt is Smt.FULL_CORES
        case SpansNodes(count, most) | SpansLlcs(count, _, most):
            assert demand.preference.has_limits
            assert most < count
        case _:
            raise AssertionError(refusal)


@pytest.mark.parametrize("size", range(1, EXHAUSTIVE + 1))
@pytest.mark.parametrize(
    "preference", PREFERENCES, ids=lambda one: "-".join((one.smt, one.numa, one.llc))
)
def test_nothing_cheaper_exists_on_small_machines(size: int, preference: Preference) -> None:
    """On every machine, whatever is free and asked for, the choice is the cheapest."""
    for topology in KINDS[size]:
        for number in range(1, size + 1):
            for free in map(CpuSet.of, combinations(topology.online, number)):
                for count in range(1, number + 1):
                    assert_best(topology, free, IntegerDemand(count, NONE, preference), NONE)


def subsets(cpus: CpuSet, least: int = 0, most: int | None = None) -> st.SearchStrategy[CpuSet]:
    """Draw a subset; of the empty set only itself."""
    if not cpus:
        return st.just(NONE)
    ids = st.frozensets(st.sampled_from(list(cpus)), min_size=max(0, least), max_size=most)
    return ids.map(CpuSet.of)


@st.composite
def machines(draw: st.DrawFn) -> Topology:
    """Draw a machine of up to 16 cpus: of a kind that exists, or of any grouping at all."""
    if draw(st.booleans()):
        return draw(st.sampled_from(KINDS[draw(st.integers(EXHAUSTIVE + 1, MOST))]))
    ids = draw(st.lists(st.integers(0, 4095), min_size=1, max_size=9, unique=True))
    level = st.one_of(st.none(), st.integers(0, 2))
    cpus = [
        Cpu(one, draw(st.integers(0, 4)), draw(level), draw(level), draw(st.integers(0, 1)))
        for one in ids
    ]
    return Topology.build(cpus)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), machines(), st.sampled_from(PREFERENCES))
def test_nothing_cheaper_exists(
    data: st.DataObject, topology: Topology, preference: Preference
) -> None:
    """No other choice of the same size is cheaper, with forbidden cpus and those kept."""
    keep = data.draw(subsets(topology.online, most=4)) if data.draw(st.booleans()) else NONE
    forbidden = data.draw(subsets(topology.online)) if data.draw(st.booleans()) else NONE
    taken = data.draw(subsets(topology.online, least=len(topology.online) - MOST_FREE))
    free = topology.online - taken - keep
    room = len(free - forbidden)
    assume(room > 0)
    count = data.draw(st.integers(1, room))
    assert_best(topology, free, IntegerDemand(len(keep) + count, forbidden, preference), keep)


@settings(max_examples=100, deadline=None)
@given(st.data(), machines(), st.sampled_from(PREFERENCES))
def test_what_is_enough_stays(
    data: st.DataObject, topology: Topology, preference: Preference
) -> None:
    """A container that has as many cpus as it asks for keeps them, however they lie."""
    keep = data.draw(subsets(topology.online))
    demand = IntegerDemand(len(keep), NONE, preference)
    assert pick(topology, topology.online - keep, demand, keep) == keep


@settings(max_examples=100, deadline=None)
@given(st.data(), machines(), st.sampled_from(PREFERENCES))
def test_more_than_is_free_is_never_found(
    data: st.DataObject, topology: Topology, preference: Preference
) -> None:
    """A demand for more cpus than are free finds none."""
    free = data.draw(subsets(topology.online))
    assert pick(topology, free, IntegerDemand(len(free) + 1, NONE, preference)) is None
