"""The operators' own acceptance test, with their own pods, in a node that is large enough."""

import pytest

from tests.vm.acceptance import accepted
from tests.vm.evidence import EVIDENCE
from tests.vm.kept import VmNode
from tests.vm.node import LOG

ROUNDS = 3
END_S = 240.0


@pytest.mark.quick
def test_all_criteria_are_met(node: VmNode, pytestconfig: pytest.Config) -> None:
    """Each success criterion is met, and its evidence is printed."""
    told = accepted(node.machine, LOG, ROUNDS, END_S)
    evidence = pytestconfig.stash[EVIDENCE]
    evidence.append(f"acceptance test on {told['measured']['node']}:")
    evidence += [
        f"  {one['title']}: {'met' if one['met'] else 'NOT MET'}: {one['evidence']}"
        for one in told["criteria"]
    ]
    evidence += [f"  {name}: {figure}" for name, figure in told["measured"].items()]
    assert told["passed"]
    assert len(told["criteria"]) == 6
    assert told["measured"]["overlap"].startswith("0.000 s")
