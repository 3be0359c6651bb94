"""What each class of container gets, read from the kernel."""

from dataclasses import replace

import pytest

from tests.e2e.node import Node
from tests.e2e.pods import ContainerSpec, PodSpec, annotated, integer, shared

BEST_EFFORT = ContainerSpec()
FRACTION = ContainerSpec(cpu_limit="500m", memory_limit="50Mi")
WHOLE_REQUEST = ContainerSpec(cpu_request="1", memory_request="50Mi")


def test_shared_runs_on_all_cpus(node: Node) -> None:
    """A shared container alone on a node has every cpu."""
    pod = node.kubelet.run(shared("shared"))

    assert node.cpus_of(pod) == node.online


def test_integer_owns_its_cpu(node: Node) -> None:
    """An integer container takes one cpu, and shared containers before and after keep off it."""
    with node.watch() as watch:
        before = node.kubelet.run(shared("before"))
        owner = node.kubelet.run(integer("integer", 1))
        watch.add(before, owner)
        after = node.kubelet.run(shared("after"))
        watch.add(after)

        node.assert_settled([before, owner, after])


def test_integer_takes_all_that_nobody_shares(node: Node) -> None:
    """All cpus that no shared container needs can be owned by one."""
    pod = node.kubelet.run(integer("all", node.largest_owner))

    assert len(node.cpus_of(pod)) == node.largest_owner
    node.assert_settled([pod])


def test_annotated_runs_where_it_says(node: Node) -> None:
    """An annotated container has exactly its list and its memory; shared ones keep off."""
    chosen = max(node.online)
    with node.watch() as watch:
        other = node.kubelet.run(shared("shared"))
        pod = node.kubelet.run(annotated("annotated", str(chosen)))
        watch.add(other, pod)

        node.assert_settled([other, pod])
        assert node.mems_of(pod) == node.nodes_of(frozenset({chosen}))


def test_annotated_may_overlap(node: Node) -> None:
    """Two annotated containers may have the same cpu."""
    pods = node.kubelet.run_all([annotated("one", "0"), annotated("two", "0")])

    node.assert_settled(pods)


def test_annotated_moves_integer_away(node: Node) -> None:
    """An integer container gives way to an annotated one, and has as many cpus as before."""
    owner = node.kubelet.run(integer("integer", 1))
    (taken,) = node.cpus_of(owner)
    with node.watch() as watch:
        watch.add(owner)
        pod = node.kubelet.run(annotated("annotated", str(taken)))
        watch.add(pod)

        node.assert_settled([owner, pod])


@pytest.mark.parametrize("spec", [shared("shared"), integer("integer", 1)], ids=lambda x: x.name)
def test_forbidden_cpus_are_avoided(node: Node, spec: PodSpec) -> None:
    """A pod with forbidden cpus is kept off them, also when cpus come and go around it."""
    last = max(node.online)
    note = {"weka.io/forbid-core-ids": f"0-{last - 1}"}
    pod = node.kubelet.run(replace(spec, annotations=note))
    assert node.cpus_of(pod) == {last}

    other = node.kubelet.run(annotated("annotated", "0"))
    node.kubelet.delete(other)

    assert node.cpus_of(pod) == {last}


@pytest.mark.parametrize(
    "container", [BEST_EFFORT, FRACTION, WHOLE_REQUEST], ids=["best effort", "half", "no limit"]
)
def test_what_is_not_a_whole_limit_is_shared(node: Node, container: ContainerSpec) -> None:
    """Best effort, fractions and whole requests without a limit run in the pool."""
    owner = node.kubelet.run(integer("integer", 1))

    pod = node.kubelet.run(PodSpec("pod", (container,)))

    node.assert_settled([owner, pod])


def test_containers_of_one_pod_have_classes_of_their_own(node: Node) -> None:
    """In a Guaranteed pod the container with a whole limit owns it; the other one shares."""
    whole = ContainerSpec("whole", cpu_limit="1", memory_limit="50Mi")
    pod = node.kubelet.run(PodSpec("pod", (replace(FRACTION, name="half"), whole)))

    owned = node.cpus_of(pod, "whole")
    pool = node.cpus_of(pod, "half")
    assert len(owned) == 1
    assert pool == node.online - owned
