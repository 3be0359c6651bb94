"""The operators' acceptance test: natural ends, then a forced deletion of everything.

It was written for a node with 17 cpus or more; here the demands are scaled so that a node
with two cpus can serve them, which leaves one that can be owned.
"""

from tests.e2e.node import Node
from tests.e2e.placement import assert_settled
from tests.e2e.pods import annotated, integer, shared


def sleep(seconds: float) -> tuple[str, ...]:
    """A command that ends by itself."""
    return ("sleep", str(seconds))


def test_agent_outlives_container_removal(node: Node) -> None:
    """Through natural ends and a forced deletion of all pods the agent never restarts."""
    process = node.agent.pid
    waiting = [
        annotated("crash-test-annotated", "0", command=sleep(0.5)),
        integer("crash-test-integer-1", 1, command=sleep(0.7)),
        integer("crash-test-integer-2", 1, command=sleep(0.9)),
    ]
    ended = [node.kubelet.run(shared("crash-test-shared", command=sleep(1.5)))]
    for spec in waiting:
        ended.append(node.kubelet.run(spec))
        assert node.kubelet.wait_exited(ended[-1]).exit_code == 0
    assert node.kubelet.wait_exited(ended[0]).exit_code == 0

    racing = node.kubelet.run_all(
        [integer("stress-race-1", 1), shared("stress-race-2"), shared("stress-race-3")]
    )
    assert_settled(node.kubelet, racing)
    node.kubelet.delete_all(racing, grace_s=0)
    node.kubelet.delete_all(ended)

    assert node.agent.pid == process
    node.assert_undisturbed()
    log = "\n".join(node.agent.lines())
    assert "Removing container" in log
    assert "container removal" in log
    assert "ERROR:" not in log
    assert "Traceback" not in log
