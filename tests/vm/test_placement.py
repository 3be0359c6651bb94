"""Placement that needs many cpus, their siblings and two NUMA nodes."""

from dataclasses import replace

import pytest

from tests.e2e.pods import PodSpec, annotated, integer, shared
from tests.vm.kept import VmNode
from tests.vm.truth import ALL, NODES, SIBLINGS, parse
from weka_cpuset.engine import CpuSet


def forbidding(spec: PodSpec, cpus: str) -> PodSpec:
    """The same pod, kept off some cpus."""
    return replace(spec, annotations={"weka.io/forbid-core-ids": cpus})


@pytest.mark.quick
def test_annotated_moves_integer_containers(node: VmNode) -> None:
    """Owners of named cpus get others, keep what is not named, and nobody overlaps meanwhile."""
    owners = node.kubelet.run_all([integer("two", 2), integer("four", 4)])
    other = node.kubelet.run(shared("shared"))
    taken = [node.truth.cpus_of(owner) for owner in owners]
    wanted = CpuSet.of(min(cpus) for cpus in taken)

    named = node.kubelet.run(annotated("named", str(wanted)))

    node.truth.assert_settled([*owners, other, named])
    for owner, before in zip(owners, taken, strict=True):
        assert before - wanted <= node.truth.cpus_of(owner)
    node.kubelet.delete(named)
    node.truth.assert_settled([*owners, other])


@pytest.mark.quick
def test_memory_follows_named_cpus(node: VmNode) -> None:
    """An annotated container has memory on the nodes of its cpus; others have it anywhere."""
    both = parse("0-1")
    named = {"3,5": parse("0"), "13,15": parse("1"), "7,17": both}
    pods = node.kubelet.run_all([annotated(f"named-{cpus[0]}", cpus) for cpus in named])
    others = node.kubelet.run_all([integer("integer", 1), shared("shared")])

    node.truth.assert_settled([*pods, *others])

    for pod, nodes in zip(pods, named.values(), strict=True):
        assert node.truth.mems_of(pod) == nodes
    assert [node.truth.mems_of(pod) for pod in others] == [both, both]


@pytest.mark.quick
def test_integer_containers_get_whole_cores(node: VmNode) -> None:
    """Two cpus are two siblings, an odd one completes a core, and no container spans nodes."""
    two, three, one = (node.kubelet.run(integer(f"i{size}", size)) for size in (2, 3, 1))
    node.truth.assert_settled([two, three, one])

    cpus = {pod.spec.name: node.truth.cpus_of(pod) for pod in (two, three, one)}

    assert cpus["i2"] in SIBLINGS
    assert sum(core <= cpus["i3"] for core in SIBLINGS) == 1
    (broken,) = (core for core in SIBLINGS if core & cpus["i3"] and not core <= cpus["i3"])
    assert cpus["i1"] == broken - cpus["i3"]
    for have in cpus.values():
        assert sum(bool(have & numa) for numa in NODES) == 1


def test_forbidden_cpus_stay_forbidden(node: VmNode) -> None:
    """No placement, move or change of the pool brings a container onto a forbidden cpu."""
    forbidden = "0-11"
    pods = [
        node.kubelet.run(forbidding(integer("integer", 2), forbidden)),
        node.kubelet.run(forbidding(shared("shared"), forbidden)),
    ]
    node.truth.assert_settled(pods)
    named = node.kubelet.run(annotated("named", str(node.truth.cpus_of(pods[0]))))
    node.truth.assert_settled([*pods, named])
    node.kubelet.delete(named)

    node.truth.assert_settled(pods)

    for pod in pods:
        assert not node.truth.cpus_of(pod) & parse(forbidden)


def test_bulk_replacement(node: VmNode) -> None:
    """Many annotated pods go at once while integer pods come: each ends up placed by the rules."""
    # 52 of 64 cpus, as operators saw it, is 16 of 20.
    share = len(ALL) * 52 // 64
    others = node.kubelet.run_all([shared("shared-1"), shared("shared-2")])
    old = node.kubelet.run_all(annotated(f"named-{cpu}", str(cpu)) for cpu in range(2, 2 + share))
    node.truth.assert_settled([*others, *old])

    new = node.kubelet.replace_all(old, [integer(f"integer-{one}", 2) for one in range(share // 2)])

    node.truth.assert_settled([*others, *new])
