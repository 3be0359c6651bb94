"""The histogram of answer times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weka_cpuset.latency import CLASSES_PER_DOUBLING, Latency, _bound_ns, _class_of


@given(st.integers(0, 10**13))
def test_each_time_is_below_its_bound_and_near_it(ns: int) -> None:
    """A class's bound lies above all its times, by an eighth at most."""
    bound = _bound_ns(_class_of(ns))
    assert ns < bound
    assert bound <= ns + ns / CLASSES_PER_DOUBLING + 1
    assert _class_of(bound) == _class_of(ns) + 1


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.99, 0.999, 1.0]))
def test_quantile_is_never_too_low(times: list[float], share: float) -> None:
    """At least the wanted share of all times is not above it."""
    latency = Latency()
    for one in times:
        latency.note(one)
    found = latency.quantile_s(share)
    assert sum(one <= found for one in times) >= share * len(times)
    assert found <= latency.max_s == max(times)
    assert latency.count == len(times)


def test_without_times_there_is_nothing_to_tell() -> None:
    """An agent that has answered nothing shows zeros."""
    latency = Latency()
    assert (latency.quantile_s(0.999), latency.max_s, latency.sum_s) == (0, 0, 0)
    latency.note(0.25)
    assert latency.quantile_s(0.5) == pytest.approx(0.25)
