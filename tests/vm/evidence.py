"""What the tests leave for their report: keys, and what is looked at when a node's test ends.

A module of its own: pytest loads `conftest` under another name than the tests import it by, and
a key that is made twice is two keys.
"""

import pytest

from tests.vm.machine import Machine
from tests.vm.node import LOG, Runtime
from tests.vm.truth import Seen, Truth

EVIDENCE = pytest.StashKey[list[str]]()
"""What the acceptance test said."""

MACHINE = pytest.StashKey[Machine]()
"""The machine of a test, or of all tests of a module."""

SEEN = pytest.StashKey[list[Seen]]()
"""What was seen in each test."""

LOG_LINES = 500
"""So much of the agent's log is shown with a broken rule: a storm of forty pods."""


def judge_the_end(config: pytest.Config, runtime: Runtime, truth: Truth) -> None:
    """Fails if a rule was broken at any instant, or if the runtime had something to complain of.

    Args:
        config: Keeps what was seen for the report.
        runtime: The node's runtime.
        truth: Has watched the node.
    """
    seen = truth.history()
    config.stash[SEEN].append(seen)
    assert seen.looks > 0, "nothing was watched"
    if seen.broken:
        # The machine ends before the report is made.
        log = runtime.machine.run(f"tail -n {LOG_LINES} {LOG}")
        pytest.fail("\n".join([*seen.broken, "the agent's log:", log]), pytrace=False)
    complaints = runtime.complaints()
    assert not complaints, "\n".join(complaints)
