"""Time with and without a connection."""

import nri
from weka_cpuset.uptime import Uptime

RUNTIME = nri.RuntimeInfo("containerd", "v2", "v0.12.1", None, None)


def test_counts_time_without_a_connection() -> None:
    """What was away before, and what is away now."""
    now = [0.0]
    uptime = Uptime(lambda: now[0], lambda: 100.0 + now[0])
    now[0] = 2.0
    assert 2.0 == uptime.down_s
    uptime.up(RUNTIME)
    now[0] = 10.0
    assert (2.0, 8.0) == (uptime.down_s, uptime.for_s)
    uptime.down()
    now[0] = 13.0
    assert 110.0 == uptime.since_s
    assert (5.0, 3.0) == (uptime.down_s, uptime.for_s)
    uptime.up(RUNTIME)
    assert (5.0, 2) == (uptime.down_s, uptime.connects)


def test_end_of_no_connection_changes_nothing() -> None:
    now = [0.0]
    uptime = Uptime(lambda: now[0], lambda: 100.0 + now[0])
    now[0] = 2.0
    uptime.down()
    assert 2.0 == uptime.for_s
