"""So often at once, and then at a steady rate."""

from weka_cpuset.kubernetes.allowance import Allowance


def test_burst_is_free_at_once_and_the_next_one_is_not() -> None:
    allowance = Allowance(3, 2.0)
    for _ in range(3):
        assert allowance.free_s() <= 100.0
        allowance.take(100.0)
    assert 102.0 == allowance.free_s()
