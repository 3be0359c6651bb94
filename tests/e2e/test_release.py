"""Cpus come back when a container stops, however it stops."""

from dataclasses import replace

import pytest

from nodestress.cri import CriError
from tests.e2e.node import Node
from tests.e2e.pods import DEAF, annotated, integer, shared


def test_released_at_stop_not_at_removal(node: Node) -> None:
    """A stopped container that is not yet removed owns nothing."""
    other = node.kubelet.run(shared("shared"))
    first = node.kubelet.run(integer("first", 1))
    with node.watch() as watch:
        watch.add(other)
        node.kubelet.stop_containers(first, grace_s=0)

        second = node.kubelet.run(integer("second", 1))
        watch.add(second)

        node.assert_settled([other, second])
        node.kubelet.delete(first)
        node.assert_settled([other, second])


def test_shared_grows_after_a_deletion(node: Node) -> None:
    """A shared container gets the cpus of a deleted pod without any further event."""
    other = node.kubelet.run(shared("shared"))
    for spec in (integer("integer", 1), annotated("annotated", "0")):
        node.kubelet.delete(node.kubelet.run(spec))

        node.assert_settled([other])


def test_shared_grows_after_a_natural_end(node: Node) -> None:
    """A container that ends by itself gives its cpus back before anybody deletes the pod."""
    other = node.kubelet.run(shared("shared"))
    ended = node.kubelet.run(integer("integer", 1, command=("true",)))

    node.kubelet.wait_exited(ended)

    node.assert_settled([other])


def test_failed_start_gives_way_to_the_next_attempt(node: Node) -> None:
    """A container whose start failed does not keep its cpus from the next attempt."""
    pod = node.kubelet.run_sandbox(integer("all", node.largest_owner))
    (good,) = pod.spec.containers
    node.kubelet.create(pod, replace(good, command=("/no/such/program",)))
    with pytest.raises(CriError):
        node.kubelet.start(pod, good.name)

    node.kubelet.create(pod, good)
    node.kubelet.start(pod, good.name)

    node.assert_settled([pod])


def test_killed_after_its_grace_period(node: Node) -> None:
    """A container that does not listen keeps its cpu through the grace period, then loses it."""
    other = node.kubelet.run(shared("shared"))
    deaf = node.kubelet.run(integer("deaf", 1, command=DEAF))
    with node.watch() as watch:
        watch.add(other, deaf)

        node.kubelet.delete(deaf, grace_s=0)

        node.assert_settled([other])
