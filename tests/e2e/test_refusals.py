"""What cannot be satisfied is refused, with a reason, and changes nothing."""

import time

import pytest

from nodestress.cri import CriError
from tests.e2e.node import Node
from tests.e2e.pods import PodSpec, annotated, integer, shared


@pytest.mark.parametrize(
    ("value", "named"),
    [(value, repr(value)) for value in ("", "x", "0-", "1-0", "0,,1", "-1", "0-4000000000")]
    + [("8191", "8191"), ("0,8191", "8191")],
)
def test_invalid_list_is_refused_at_once(node: Node, value: str, named: str) -> None:
    """An annotation that names no possible cpus refuses the container and says what is wrong."""
    other = node.kubelet.run(shared("shared"))
    pod = node.kubelet.run_sandbox(annotated("wrong", value))
    started = time.monotonic()

    with pytest.raises(CriError) as refused:
        node.kubelet.create(pod, pod.spec.containers[0])

    assert time.monotonic() - started < node.at_once_s
    assert "weka.io/cores-ids" in refused.value.message
    assert named in refused.value.message
    node.assert_settled([other])


def test_pool_never_runs_dry(node: Node) -> None:
    """Neither an integer nor an annotated container may take a shared one's last cpu."""
    count = len(node.online)
    other = node.kubelet.run(shared("shared"))

    for spec in (integer("all", count), annotated("every", f"0-{count - 1}")):
        with pytest.raises(CriError) as refused:
            node.kubelet.run(spec)
        assert refused.value.method == "CreateContainer"
        node.assert_settled([other])


def gets_in_after(node: Node, first: PodSpec, late: PodSpec) -> None:
    """A container is refused beside another one, and a kubelet's next attempt after it succeeds."""
    owner = node.kubelet.run(first)
    pod = node.kubelet.run_sandbox(late)
    (container,) = pod.spec.containers
    with pytest.raises(CriError):
        node.kubelet.create(pod, container)
    node.assert_settled([owner])

    node.kubelet.delete(owner)
    node.kubelet.create(pod, container)
    node.kubelet.start(pod, container.name)

    node.assert_settled([pod])


def test_refused_container_gets_in_later(node: Node) -> None:
    """A kubelet's next attempt succeeds once what was in the way has gone."""
    gets_in_after(node, integer("all", node.largest_owner), integer("late", 1))


def test_more_than_the_node_has(node: Node) -> None:
    """A request for more cpus than there are is refused, and the next one is served."""
    with pytest.raises(CriError):
        node.kubelet.run(integer("too-many", len(node.online) + 1))

    pod = node.kubelet.run(integer("one", 1))

    node.assert_settled([pod])
