"""Storms: all pods deleted by force at the same instant, and created again at once."""

from tests.e2e.node import Node
from tests.e2e.pods import DEAF, PodSpec, annotated, integer, shared

ROUNDS = 3
SHARED = 8


def everybody(owner: PodSpec, generation: int) -> list[PodSpec]:
    """An owner and many shared pods; every second of them does not listen to SIGTERM."""
    others = [
        shared(f"shared-{number}-{generation}", *((DEAF,) if number % 2 else ()))
        for number in range(SHARED)
    ]
    return [owner, *others]


def test_forced_deletion_of_all_pods(node: Node) -> None:
    """The agent outlives every storm, and after each one the rules hold for the new pods."""
    process = node.agent.pid
    for generation in range(ROUNDS):
        owner = integer("owner", 1) if generation % 2 else annotated("owner", "0")
        pods = node.kubelet.run_all(everybody(owner, generation))
        node.assert_settled(pods)

        node.kubelet.delete_all(pods, grace_s=0)

        node.assert_undisturbed()
        assert node.agent.pid == process
    node.assert_empty()


def test_recreation_while_the_old_pods_end(node: Node) -> None:
    """New pods that come while the old ones are being deleted end up placed by the rules."""
    pods = node.kubelet.run_all(everybody(integer("owner", 1), 0))
    for generation in range(1, ROUNDS):
        specs = everybody(integer("owner", 1), generation)

        pods = node.kubelet.replace_all(pods, specs)

        node.assert_settled(pods)
        node.assert_undisturbed()
