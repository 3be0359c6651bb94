"""The rules hold before a new container executes anything."""

from dataclasses import replace

import pytest

from tests.e2e import kernel
from tests.e2e.node import Node
from tests.e2e.pods import PodSpec, annotated, integer, shared

ROUNDS = 5


@pytest.mark.parametrize(
    "spec", [integer("new", 1), annotated("new", "0")], ids=["integer", "annotated"]
)
def test_shared_has_left_before_the_first_instruction(node: Node, spec: PodSpec) -> None:
    """The first thing a new owner reads is its own cpus, with the shared container off them.

    The new container has no shell: its only process is one that reads the kernel's truth about
    itself and about the shared container, and ends.
    """
    other = node.kubelet.run(shared("shared"))
    pid = node.kubelet.pid(other)
    command = ("grep", "-h", "Cpus_allowed_list", "/proc/self/status", f"/proc/{pid}/status")
    (container,) = spec.containers
    for number in range(ROUNDS):
        pod = node.kubelet.run(
            replace(
                spec,
                name=f"new-{number}",
                uid=f"{spec.uid}-{number}",
                host_pid=True,
                containers=(replace(container, command=command),),
            )
        )
        node.kubelet.wait_exited(pod)

        own, theirs = (
            kernel.parse_cpus(line.partition(":")[2]) for line in node.kubelet.log_of(pod)
        )

        assert len(own) == 1
        assert theirs == node.online - own
        node.kubelet.delete(pod)
