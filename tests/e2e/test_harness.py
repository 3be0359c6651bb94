"""The harness itself: nothing may be left behind, and its generated code must be current."""

import signal
import subprocess
import sys
from pathlib import Path

from nodestress import cgroups
from nodestress.waiting import wait_for
from tests.e2e import kernel, reaper
from tests.e2e.containerd import REPOSITORY, Containerd
from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import Kubelet
from tests.e2e.pods import QosClass, annotated, integer, shared

ABANDONED = """
import sys
from pathlib import Path
from tests.e2e.containerd import Containerd
from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import Kubelet
from tests.e2e.pods import shared

folder = Path(sys.argv[2])
runtime = Containerd(Series(sys.argv[1]), folder)
runtime.start()
Kubelet(runtime, folder / "pods").run(shared("abandoned"))
print(runtime.cgroup, flush=True)
sys.stdin.read()
"""


def test_quality_of_service() -> None:
    """Pods get the class that a kubelet would give them."""
    assert integer("a", 1).qos is QosClass.GUARANTEED
    assert shared("b").qos is QosClass.BURSTABLE
    assert annotated("c", "0").qos is QosClass.BURSTABLE


def test_pod_without_agent_runs_everywhere(kubelet: Kubelet) -> None:
    """Without an agent no container is kept off any cpu, so the harness adds nothing itself."""
    pods = kubelet.run_all([shared("shared"), integer("integer", 1)])

    for pod in pods:
        assert kernel.allowed_cpus(kubelet.pid(pod)) == kernel.online_cpus()


def test_pods_leave_no_cgroup(kubelet: Kubelet, runtime: Containerd) -> None:
    """A deleted pod leaves no cgroup in any hierarchy."""
    pod = kubelet.run(shared("shared"))
    parent = pod.config.linux.cgroup_parent
    assert cgroups.processes(parent)

    kubelet.delete(pod, grace_s=0)

    for hierarchy in cgroups.hierarchies():
        assert not (hierarchy.root / parent.lstrip("/")).exists()
    assert runtime.cri.list_pod_sandboxes() == []


def test_nothing_is_left_when_the_tests_are_killed(folder: Path, series: Series) -> None:
    """A test process that is killed leaves no process, mount or cgroup behind."""
    with subprocess.Popen(
        [sys.executable, "-c", ABANDONED, series.value, str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as test:
        assert test.stdout is not None
        cgroup = test.stdout.readline().strip()
        assert cgroups.processes(cgroup), "the pod should be running"
        test.send_signal(signal.SIGKILL)

    wait_for("the processes to end", lambda: not reaper.processes(folder))
    wait_for("the cgroups to go", lambda: not _cgroup_exists(cgroup))
    assert str(folder) not in cgroups.MOUNTS.read_text()


def _cgroup_exists(cgroup: str) -> bool:
    return any((found.root / cgroup.lstrip("/")).exists() for found in cgroups.hierarchies())
