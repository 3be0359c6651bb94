"""The test on a node of a cluster, through kubectl: what the options say, put together."""

import threading
from pathlib import Path

from nodestress import play as playing
from nodestress.figures import Result
from nodestress.interrupt import interruptible
from nodestress.kubectl import Kubectl
from nodestress.kubectl_node import KubectlNode, Target
from nodestress.progress import telling
from nodestress.wishes import Wishes
from nodestress.workload import Workload
from weka_cpuset.cgroups import CpusetTree

CGROUPS = Path("/sys/fs/cgroup")


def play(wishes: Wishes, workload: Workload) -> Result:
    """Run the test.

    Args:
        wishes: What the options say; `node` is given.
        workload: The pods.

    Raises:
        WrongOptions: There is no kubectl, or the pods do not fit.
        NodeFailed: The cluster or the node cannot be used.
        Interrupted: A signal asked the test to stop.
    """
    target = Target(wishes.node or "", wishes.agent_namespace, wishes.agent_selector, wishes.image)
    stopping = threading.Event()
    with interruptible(stopping), telling() as tell:
        node = KubectlNode(Kubectl(), target, CpusetTree(CGROUPS), stopping)
        return playing.play(node, workload, wishes.rounds, tell)
