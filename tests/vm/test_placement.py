"""Placement that needs many cpus, their siblings and two NUMA nodes."""

import pytest

from tests.e2e.pods import annotated, integer, shared
from tests.vm.conftest import VmNode
from tests.vm.truth import parse


@pytest.mark.quick
def test_annotated_moves_integer_containers(node: VmNode) -> None:
    """Owners of named cpus get others, at once, and the new container gets what it names."""
    owners = node.kubelet.run_all([integer("two", 2), integer("four", 4)])
    other = node.kubelet.run(shared("shared"))
    taken = [node.truth.cpus_of(owner) for owner in owners]
    wanted = [min(cpus) for cpus in taken]

    named = node.kubelet.run(annotated("named", ",".join(map(str, wanted))))

    node.truth.assert_settled([*owners, other, named])
    for owner, before in zip(owners, taken, strict=True):
        after = node.truth.cpus_of(owner)
        # The cpus that were not in the way stay.
        assert (before - parse(",".join(map(str, wanted)))) <= after
    node.kubelet.delete(named)
    node.truth.assert_settled([*owners, other])
