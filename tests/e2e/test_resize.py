"""In-place resize, as a kubelet does it."""

from dataclasses import replace

import pytest

from nodestress.cri import CriError
from tests.e2e.kubelet import RunningPod
from tests.e2e.node import Node
from tests.e2e.pods import annotated, integer, shared


def resize_cpu(node: Node, pod: RunningPod, limit: str) -> RunningPod:
    """Gives the pod's only container another cpu limit, and as much request."""
    (container,) = pod.spec.containers
    return node.kubelet.resize(pod, replace(container, cpu_limit=limit))


def test_integer_grows_and_shrinks(node: Node) -> None:
    """An integer container keeps what it has when it grows, and a part of it when it shrinks."""
    pod = node.kubelet.run(integer("integer", 1))
    small = node.cpus_of(pod)

    pod = resize_cpu(node, pod, "2")
    large = node.cpus_of(pod)
    assert len(large) == 2
    assert small < large

    pod = resize_cpu(node, pod, "1")
    assert node.cpus_of(pod) < large
    node.assert_settled([pod])


def test_integer_becomes_shared_and_back(node: Node) -> None:
    """A container that is resized to a part of a cpu shares; resized back it owns one again."""
    other = node.kubelet.run(shared("shared"))
    pod = node.kubelet.run(integer("integer", 1))

    for limit in ("500m", "1"):
        pod = resize_cpu(node, pod, limit)

        node.assert_settled([other, pod])


def test_impossible_growth_is_refused(node: Node) -> None:
    """A resize that would leave a shared container nothing fails and changes nothing."""
    other = node.kubelet.run(shared("shared"))
    pod = node.kubelet.run(integer("integer", 1))
    before = node.cpus_of(pod)

    with pytest.raises(CriError):
        resize_cpu(node, pod, str(len(node.online)))

    assert node.cpus_of(pod) == before
    node.assert_settled([other, pod])


def test_annotated_stays_where_it_is(node: Node) -> None:
    """No resize takes an annotated container off its cpus, not even to a whole number."""
    pod = node.kubelet.run(annotated("annotated", "0"))

    for limit in ("1", "300m"):
        pod = resize_cpu(node, pod, limit)

        assert node.cpus_of(pod) == {0}


def test_same_values_again(node: Node) -> None:
    """A kubelet that sends the same resources again changes nothing."""
    other = node.kubelet.run(shared("shared"))
    pod = node.kubelet.run(integer("integer", 1))
    before = node.cpus_of(pod)

    resize_cpu(node, pod, "1")
    node.kubelet.resize(other, other.spec.containers[0])

    assert node.cpus_of(pod) == before
    node.assert_settled([other, pod])
