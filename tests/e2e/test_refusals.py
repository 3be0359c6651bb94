"""What cannot be satisfied is refused, with a reason, and changes nothing."""

import time

import pytest

from nodestress.cri import CriError
from tests.e2e import kernel
from tests.e2e.node import Node
from tests.e2e.placement import assert_settled
from tests.e2e.pods import annotated, integer, shared

# Far below the two seconds after which the runtime drops a plugin.
REFUSAL_LIMIT_S = 0.5


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

    assert time.monotonic() - started < REFUSAL_LIMIT_S
    assert "weka.io/cores-ids" in refused.value.message
    assert named in refused.value.message
    assert_settled(node.kubelet, [other])


def test_pool_never_runs_dry(node: Node) -> None:
    """Neither an integer nor an annotated container may take a shared one's last cpu."""
    count = len(kernel.online_cpus())
    other = node.kubelet.run(shared("shared"))

    for spec in (integer("all", count), annotated("every", f"0-{count - 1}")):
        with pytest.raises(CriError) as refused:
            node.kubelet.run(spec)
        assert refused.value.method == "CreateContainer"
        assert_settled(node.kubelet, [other])


def test_refused_container_gets_in_later(node: Node) -> None:
    """A kubelet's next attempt succeeds once what was in the way has gone."""
    count = len(kernel.online_cpus())
    owner = node.kubelet.run(integer("all", count))
    pod = node.kubelet.run_sandbox(shared("shared"))
    (container,) = pod.spec.containers
    with pytest.raises(CriError):
        node.kubelet.create(pod, container)
    assert_settled(node.kubelet, [owner])

    node.kubelet.delete(owner)
    node.kubelet.create(pod, container)
    node.kubelet.start(pod, container.name)

    assert_settled(node.kubelet, [pod])


def test_more_than_the_node_has(node: Node) -> None:
    """A request for more cpus than there are is refused, and the next one is served."""
    with pytest.raises(CriError):
        node.kubelet.run(integer("too-many", len(kernel.online_cpus()) + 1))

    pod = node.kubelet.run(integer("one", 1))

    assert_settled(node.kubelet, [pod])
