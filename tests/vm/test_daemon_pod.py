"""The agent in a container, as the chart runs it; one machine serves all of these tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import RunningPod
from tests.e2e.pods import annotated, integer, shared
from tests.vm import agent_image, test_placement
from tests.vm.acceptance import accepted
from tests.vm.daemon_pod import DaemonPod
from tests.vm.evidence import EVIDENCE, MACHINE, judge_the_end
from tests.vm.image import Image
from tests.vm.machine import Machine
from tests.vm.node import Runtime, VmKubelet
from tests.vm.truth import ALL, NODES, Truth
from weka_cpuset.engine import CpuSet

SEED_TIMEOUT_S = 240.0
PLACEMENTS = [one for name, one in vars(test_placement).items() if name.startswith("test_")]
OWN_NAMESPACES = ("net", "pid", "ipc", "mnt", "uts")
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@dataclass(frozen=True, slots=True)
class Node:
    """A node for the chart's pod."""

    machine: Machine
    runtime: Runtime
    kubelet: VmKubelet
    truth: Truth
    daemon: DaemonPod

    @property
    def agent(self) -> RunningPod:
        """The chart's pod; another one after an upgrade."""
        (pod,) = self.truth.always
        return pod

    def start_agent(self) -> None:
        """Starts the chart's pod, and waits until it is ready."""
        pod = self.daemon.start()
        self.truth.always = (pod,)
        self.daemon.wait_ready(pod)


@pytest.fixture(scope="session")
def archives(
    built: Image, archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, bytes]:
    """What is sent to a machine: the product with its acceptance test, and the agent's image."""
    return archive, agent_image.archive(built, tmp_path_factory.mktemp("i"))


@pytest.fixture(scope="module")
def lasting(
    built: Image,
    series: Series,
    archives: tuple[bytes, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Node]:
    """The node, for all tests of this module."""
    machine = Machine(built, series, tmp_path_factory.mktemp("v"))
    request.node.stash[MACHINE] = machine
    try:
        machine.restore()
        for archive in archives:
            machine.send(archive)
        machine.run(f"node-containerd import {agent_image.WHERE} && rm {agent_image.WHERE}")
        runtime = Runtime(machine)
        runtime.wait_ready()
        kubelet = VmKubelet(runtime)
        daemon = DaemonPod(runtime, kubelet, {})
        node = Node(machine, runtime, kubelet, Truth(machine, kubelet), daemon)
        node.start_agent()
        yield node
        runtime.close()
    finally:
        machine.close()


@pytest.fixture
def node(lasting: Node, request: pytest.FixtureRequest) -> Iterator[Node]:
    """The node without any pod but the agent's; in the end no rule may have been broken."""
    lasting.truth.assert_settled([])
    lasting.truth.history()
    yield lasting
    lasting.kubelet.delete_all(list(lasting.kubelet.pods.values()))
    judge_the_end(request.config, lasting.runtime, lasting.truth)
    assert lasting.daemon.answers(lasting.agent, "livenessProbe")


def test_container_is_confined_as_the_chart_says(node: Node) -> None:
    """In the kernel: no capability, no privilege to gain, and nothing writable but the cgroups."""
    pid = node.runtime.cri.container_pid(node.agent.container)
    lines: str = node.machine.ask("read", path=f"/proc/{pid}/status")
    status = dict(line.split(":\t", maxsplit=1) for line in lines.splitlines() if ":\t" in line)

    assert {int(status[name], 16) for name in CAPABILITIES} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for name in OWN_NAMESPACES:
        own, host = (node.machine.run(f"readlink /proc/{one}/ns/{name}") for one in (pid, 1))
        assert own != host, name
    writable = node.daemon.writable(node.agent)
    mounts = node.daemon.container["volumeMounts"]
    assert "/" not in writable
    assert {one["mountPath"]: one["mountPath"] in writable for one in mounts} == {
        one["mountPath"]: not one["readOnly"] for one in mounts
    }
    assert all(
        node.daemon.answers(node.agent, f"{kind}Probe") for kind in ("liveness", "readiness")
    )


@pytest.mark.parametrize("case", PLACEMENTS, ids=lambda case: case.__name__)
def test_placement_is_that_of_a_process(node: Node, case: Callable[[Node], None]) -> None:
    """Each case for an agent that is a process of the host, with the agent in its pod."""
    case(node)


def test_acceptance_test_is_met(node: Node, pytestconfig: pytest.Config) -> None:
    """Each criterion of the operators' own test, one round of it."""
    told = accepted(node.machine, node.daemon.log_file(node.agent), 1, SEED_TIMEOUT_S)
    pytestconfig.stash[EVIDENCE] += [
        f"the agent in a container: {one['title']}: {one['evidence']}" for one in told["criteria"]
    ]
    assert told["passed"], [one for one in told["criteria"] if not one["met"]]


def test_rolling_upgrade_moves_nobody(node: Node) -> None:
    """One pod of the DaemonSet ends, the next starts; every cpuset is as it was, all the time."""
    specs = [integer("owner", 3), annotated("named", "15,16"), shared("one"), shared("two")]
    pods = node.kubelet.run_all(specs)
    node.truth.assert_settled(pods)
    before = {pod.container: node.truth.cpus_of(pod) for pod in pods}
    memory = [node.truth.mems_of(pod) for pod in pods]
    node.truth.history()

    node.kubelet.delete(node.agent)
    node.start_agent()

    node.truth.assert_settled(pods)
    # The new pod itself starts where no agent is there yet: anywhere.
    seen = node.truth.history(pods)
    assert seen.places == {container: {cpus} for container, cpus in before.items()}
    assert [node.truth.mems_of(pod) for pod in pods] == memory


def test_release_by_the_chart_gives_the_machine_back(node: Node) -> None:
    """With the value `release` the pod is ready when no container is held to any cpus."""
    pods = node.kubelet.run_all([integer("owner", 2), annotated("named", "15"), shared("shared")])
    node.truth.assert_settled(pods)
    node.kubelet.delete(node.agent)

    releasing = DaemonPod(node.runtime, node.kubelet, {"release": True}).start()

    pods.append(node.kubelet.run(shared("late")))
    everywhere = CpuSet.of(range(len(NODES)))
    told = {(node.truth.cpus_of(pod), node.truth.mems_of(pod)) for pod in pods}
    assert told == {(ALL, everywhere)}
    node.kubelet.delete(releasing)
    node.kubelet.delete_all(pods)
    node.truth.history()  # without an agent there are no rules
    node.start_agent()
