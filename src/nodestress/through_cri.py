"""The test on this computer, through its runtime's own socket: what the options say, put together.

Imported only when that is asked for: it needs grpcio.
"""

import tempfile
import threading
from pathlib import Path

from nodesim.kubernetes import CgroupDriver
from nodesim.plan import WrongOptions
from nodestress import play as playing
from nodestress.agent_process import AgentProcess
from nodestress.cri import CriClient
from nodestress.cri_node import CriNode, memory_bytes
from nodestress.figures import Result
from nodestress.interrupt import interruptible
from nodestress.orders import Setting
from nodestress.progress import telling
from nodestress.wishes import Wishes
from nodestress.workload import Workload
from weka_cpuset.check.processes import find_kubelet, read_processes

PROC = Path("/proc")


def play(wishes: Wishes, workload: Workload) -> Result:
    """Run the test.

    Args:
        wishes: What the options say; `cri` is given.
        workload: The pods.

    Raises:
        WrongOptions: The options do not fit this computer.
        NodeFailed: The runtime cannot be used.
        Interrupted: A signal asked the test to stop.
    """
    if find_kubelet(read_processes(PROC)) is not None:
        raise WrongOptions(
            "a kubelet runs here, and ends pods that it has not made",
            "use --node with the node's name, or stop the kubelet",
        )
    agent = AgentProcess(wishes.agent_pid, Path(wishes.agent_log) if wishes.agent_log else None)
    stopping = threading.Event()
    cri = CriClient(Path(wishes.cri or ""))
    with tempfile.TemporaryDirectory(prefix="weka-cpuset-") as logs:
        setting = Setting(
            image=wishes.image,
            driver=CgroupDriver(wishes.cgroup_driver),
            cgroup_root=wishes.cgroup_root,
            memory_bytes=memory_bytes(),
            logs=Path(logs),
        )
        try:
            with interruptible(stopping), telling() as tell:
                node = CriNode(cri, setting, agent, stopping)
                return playing.play(node, workload, wishes.rounds, tell)
        finally:
            cri.close()
