"""The agent in a container, as the chart runs it; one machine serves all of these tests.

The cases of the end-to-end tier that do not need a process of the host run here as they are. Left
out are those in `test_host_process.py`; `test_removal.py`, since the release of the chart is below,
and the take-over from a predecessor is in `tests/vm/test_restarts.py`; `test_stress.py`, which is
for two cpus, and whose full size is below; and what is about the bytes on the wire, the number of
updates, or an agent that the runtime launches.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.containerd_config import Series
from tests.e2e.pods import annotated, integer, shared
from tests.e2e.test_classes import *  # noqa: F403  # pytest runs what a module has
from tests.e2e.test_first_instruction import *  # noqa: F403
from tests.e2e.test_refusals import *  # noqa: F403
from tests.e2e.test_release import *  # noqa: F403
from tests.e2e.test_resize import *  # noqa: F403
from tests.e2e.test_restarts import *  # noqa: F403
from tests.e2e.test_storm import *  # noqa: F403
from tests.vm import test_placement
from tests.vm.acceptance import accepted
from tests.vm.delivered import agent_image
from tests.vm.delivered.daemon_pod import DaemonPod
from tests.vm.delivered.pod_node import PodNode
from tests.vm.evidence import EVIDENCE
from tests.vm.image import Image
from tests.vm.kept import Kept, lent
from tests.vm.machine import Machine
from tests.vm.truth import ALL, NODES
from weka_cpuset.engine import CpuSet

SEED_TIMEOUT_S = 240.0
PLACEMENTS = [one for name, one in vars(test_placement).items() if name.startswith("test_")]
OWN_NAMESPACES = ("net", "pid", "ipc", "mnt", "uts")
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@pytest.fixture(scope="session")
def archives(
    built: Image, archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, bytes]:
    """What is sent to a machine: the product with its acceptance test, and the agent's image."""
    return archive, agent_image.archive(built, tmp_path_factory.mktemp("i"))


@pytest.fixture(scope="module")
def kept_pod(
    built: Image,
    series: Series,
    archives: tuple[bytes, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Kept[PodNode]]:
    """The node that all tests of this module get one after the other."""

    def make(machine: Machine) -> PodNode:
        for archive in archives:
            machine.send(archive)
        machine.run(f"node-containerd import {agent_image.WHERE} && rm {agent_image.WHERE}")
        return PodNode.on(machine, pytestconfig)

    one = Kept(built, series, tmp_path_factory.mktemp("p"), make)
    yield one
    one.drop()


@pytest.fixture
def node(kept_pod: Kept[PodNode], request: pytest.FixtureRequest) -> Iterator[PodNode]:
    """The node without any pod but the agent's; in the end no rule may have been broken."""
    with lent(kept_pod, request) as one:
        yield one


def test_container_is_confined_as_the_chart_says(node: PodNode) -> None:
    """In the kernel: no capability, no privilege to gain, and nothing writable but the cgroups."""
    pid = node.agent.pid
    lines: str = node.machine.ask("read", path=f"/proc/{pid}/status")
    status = dict(line.split(":\t", maxsplit=1) for line in lines.splitlines() if ":\t" in line)

    assert {int(status[name], 16) for name in CAPABILITIES} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for name in OWN_NAMESPACES:
        own, host = (node.machine.run(f"readlink /proc/{one}/ns/{name}") for one in (pid, 1))
        assert own != host, name
    writable = node.daemon.writable(node.agent.pod)
    mounts = node.daemon.container["volumeMounts"]
    assert "/" not in writable
    assert {one["mountPath"]: one["mountPath"] in writable for one in mounts} == {
        one["mountPath"]: not one["readOnly"] for one in mounts
    }
    assert all(
        node.daemon.answers(node.agent.pod, f"{kind}Probe") for kind in ("liveness", "readiness")
    )


@pytest.mark.parametrize("case", PLACEMENTS, ids=lambda case: case.__name__)
def test_placement_is_that_of_a_process(node: PodNode, case: Callable[[PodNode], None]) -> None:
    """Each case for an agent that is a process of the host, with the agent in its pod."""
    case(node)


def test_acceptance_test_is_met(node: PodNode, pytestconfig: pytest.Config) -> None:
    """Each criterion of the operators' own test, one round of it."""
    told = accepted(node.machine, node.agent.log_file, 1, SEED_TIMEOUT_S)
    pytestconfig.stash[EVIDENCE] += [
        f"the agent in a container: {one['title']}: {one['evidence']}" for one in told["criteria"]
    ]
    assert told["passed"], [one for one in told["criteria"] if not one["met"]]


def test_rolling_upgrade_moves_nobody(node: PodNode) -> None:
    """One pod of the DaemonSet ends, the next starts; every cpuset is as it was, all the time."""
    specs = [integer("owner", 3), annotated("named", "15,16"), shared("one"), shared("two")]
    pods = node.kubelet.run_all(specs)
    node.truth.assert_settled(pods)
    before = {pod.container: node.truth.cpus_of(pod) for pod in pods}
    memory = [node.truth.mems_of(pod) for pod in pods]

    node.agent.remove()  # what was seen before is judged
    node.agent.start()

    node.truth.assert_settled(pods)
    # The new pod itself starts where no agent is there yet: anywhere.
    seen = node.truth.history(pods)
    assert seen.places == {container: {cpus} for container, cpus in before.items()}
    assert [node.truth.mems_of(pod) for pod in pods] == memory


def test_release_by_the_chart_gives_the_machine_back(node: PodNode) -> None:
    """With the value `release` the pod is ready when no container is held to any cpus."""
    pods = node.kubelet.run_all([integer("owner", 2), annotated("named", "15"), shared("shared")])
    node.truth.assert_settled(pods)
    node.agent.remove()

    releasing = DaemonPod(node.runtime, node.kubelet, {"release": True}).start()

    pods.append(node.kubelet.run(shared("late")))
    everywhere = CpuSet.of(range(len(NODES)))
    told = {(node.truth.cpus_of(pod), node.truth.mems_of(pod)) for pod in pods}
    assert told == {(ALL, everywhere)}
    node.kubelet.delete(releasing)
    node.kubelet.delete_all(pods)
    node.truth.history()  # without an agent there are no rules
    node.agent.start()
