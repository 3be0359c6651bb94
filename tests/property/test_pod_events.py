"""How often, and how often the same, is told to Kubernetes."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.weka_cpuset.kubernetes.decisions import refused
from weka_cpuset.kubernetes.allowance import Allowance
from weka_cpuset.kubernetes.backlog import REPEAT_S, Backlog


@given(st.integers(1, 5), st.lists(st.floats(0, 10), max_size=40))
def test_no_span_of_time_has_more_than_its_rate(burst: int, pauses: list[float]) -> None:
    allowance, now, taken = Allowance(burst, 2.0), 0.0, []
    for pause in pauses:
        now = max(now + pause, allowance.free_s())
        allowance.take(now)
        taken.append(now)
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], 1):
            assert count <= burst + (end - start) / 2.0 + 1e-9


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.floats(0, 500))))
def test_each_one_has_one_fate_or_waits(steps: list[tuple[str, str, float]]) -> None:
    """And nobody is told the same again within the time that is set for it."""
    now, put, told = 0.0, 0, 0
    backlog = Backlog(lambda: 1_800_000_000.0)
    last: dict[tuple[str, str], float] = {}
    for name, kind, pause in steps:
        backlog.decided(refused(name, kind))
        put += 1
        now += pause
        while (item := backlog.take(now)) is not None:
            told += 1
            key = (item.series.event.pod.name, item.series.event.decided.refusal)
            assert now - last.get(key, -REPEAT_S) >= REPEAT_S
            last[key] = now
    assert put == told + backlog.waiting + sum(backlog.fates.values())
