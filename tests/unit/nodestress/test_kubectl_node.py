"""A node through kubectl: which calls are made, and what their answers are taken for."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from nodestress.kubectl_node import LOOK_AWAY_S, LOOK_HERE_S, KubectlNode, Target
from nodestress.node import AgentState, NodeFailed
from tests.unit.nodestress.nodes import integer, shared
from tests.unit.weka_cpuset.check import trees
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.engine import CpuSet, IntegerDemand

STATUS = "Name:\tsleep\nCpus_allowed_list:\t2-3\nMems_allowed_list:\t0\n"
TARGET = Target("node-1", "kube-system", "app=weka-nri-cpuset", "busybox:latest")


class FakeCluster:
    """Answers as kubectl does, for one node with eight cpus.

    Attributes:
        calls: The calls so far.
        pods: The test's pods by key.
        agent: The agent's pods.
        phase: The phase of each new pod.
        fails: The beginning of calls that fail.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.pods: dict[str, dict[str, Any]] = {}
        self.agent: list[dict[str, Any]] = []
        self.phase = "Running"
        self.fails: tuple[str, ...] = ("nothing",)
        self._count = 0

    def run(self, *arguments: str, given: str = "") -> str:
        self.calls.append(arguments)
        if arguments[: len(self.fails)] == self.fails:
            raise NodeFailed("kubectl", "failed")
        match arguments:
            case ["get", "node", *_]:
                about = {"nodeInfo": {"containerRuntimeVersion": "containerd://2.1.9"}}
                return json.dumps({"status": {"capacity": {"cpu": "8"}, **about}})
            case ["get", "pods", "--namespace=kube-system", *_]:
                return json.dumps({"items": self.agent})
            case ["get", "pods", *_]:
                return json.dumps({"items": list(self.pods.values())})
            case ["create", *_]:
                self._create(json.loads(given)["items"])
            case ["delete", "pods", "--all-namespaces", *_]:
                self.pods.clear()
            case ["delete", "pods", where, *names]:
                for name in names:
                    self.pods.pop(f"{where.removeprefix('--namespace=')}/{name}", None)
            case ["exec", *_]:
                return STATUS
            case ["logs", *_]:
                return "one\ntwo\n"
        return ""

    def _create(self, items: list[dict[str, Any]]) -> None:
        for one in items:
            self._count += 1
            how = "terminated" if self.phase == "Succeeded" else "running"
            state: dict[str, dict[str, object]] = {how: {}}
            one["metadata"]["uid"] = f"uid-{self._count}"
            one["status"] = {
                "phase": self.phase,
                "containerStatuses": [
                    {
                        "name": container["name"],
                        "containerID": f"containerd://id-{self._count}",
                        "state": state,
                    }
                    for container in one["spec"]["containers"]
                ],
            }
            self.pods[f"{one['metadata']['namespace']}/{one['metadata']['name']}"] = one


@pytest.fixture
def cluster() -> FakeCluster:
    """A cluster without pods."""
    return FakeCluster()


@pytest.fixture
def node(cluster: FakeCluster, tmp_path: Path) -> KubectlNode:
    """Its node, seen from a computer that is not it."""
    return KubectlNode(cluster, TARGET, CpusetTree(tmp_path), threading.Event())


def test_pods_go_to_the_node_with_the_tests_label(cluster: FakeCluster, node: KubectlNode) -> None:
    """They are found again by the label, and cannot start elsewhere."""
    node.create([integer("a"), shared("b")])

    assert set(cluster.pods) == {"default/a", "default/b"}
    for pod in cluster.pods.values():
        assert pod["metadata"]["labels"] == {"weka-cpuset/test": "stress"}
        assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "node-1"}
        assert pod["spec"]["containers"][0]["image"] == "busybox:latest"
    assert sum(call[0] == "create" for call in cluster.calls) == 1, "all at once"


def test_from_elsewhere_the_kernel_is_read_inside_the_pods(node: KubectlNode) -> None:
    """The container's first process tells; that costs more, so looks are rare."""
    node.create([integer("a")])
    (one,) = node.residents()
    found = node.read(one)

    assert one.demand == IntegerDemand(1)
    assert found is not None
    assert found.effective == CpuSet.parse("2-3")
    assert node.look_s == LOOK_AWAY_S


def test_on_the_node_itself_the_cgroup_is_read(cluster: FakeCluster, tmp_path: Path) -> None:
    """Its own files are nearer than a cluster."""
    folder = "kubepods.slice/kubepods-poduid_1.slice/cri-containerd-id-1.scope"
    files = {"cpuset.cpus": "5", "cpuset.mems": "0", "cpuset.cpus.effective": "5"}
    trees.write(tmp_path / folder, files | {"cgroup.events": "populated 1\n"})
    cluster_node = KubectlNode(cluster, TARGET, CpusetTree(tmp_path), threading.Event())
    uid_with_dash = integer("a")

    cluster_node.create([uid_with_dash])
    (one,) = cluster_node.residents()
    found = cluster_node.read(one)

    assert found is not None
    assert found.cpus == CpuSet.parse("5")
    assert cluster_node.look_s == LOOK_HERE_S


def test_replacing_deletes_by_force_and_creates_at_once(
    cluster: FakeCluster, node: KubectlNode
) -> None:
    """No call comes between the deletion and the creation; the new containers are watched."""
    pods = [integer("a"), shared("b")]
    node.create(pods)
    before = {one.id for one in node.residents()}
    cluster.calls.clear()
    node.replace(pods)

    names = [call[0] for call in cluster.calls]
    assert names[:2] == ["delete", "create"]
    assert {"--grace-period=0", "--force"} <= set(cluster.calls[0])
    assert before.isdisjoint(one.id for one in node.residents())
    assert len(node.residents()) == 2


def test_pods_complete_when_they_succeed(cluster: FakeCluster, node: KubectlNode) -> None:
    """Whoever has not is named with the phase that he is in."""
    cluster.phase = "Succeeded"
    node.create([shared("a")])
    assert node.wait_completed([shared("a")], 0.0) == []

    cluster.pods["default/a"]["status"]["phase"] = "Failed"
    assert node.wait_completed([shared("a")], 0.0) == ["default/a is Failed"]


def test_the_agent_is_known_by_uid_and_restarts(cluster: FakeCluster, node: KubectlNode) -> None:
    """A cluster that does not answer says nothing about the agent."""
    assert node.agent() == AgentState("")
    cluster.agent = [
        {
            "metadata": {"name": "agent-1", "uid": "u"},
            "status": {"containerStatuses": [{"restartCount": 2}]},
        }
    ]
    assert node.agent() == AgentState("u", 2)
    assert node.agent_log() == ("one", "two")

    cluster.fails = ("get", "pods")
    assert node.agent() == AgentState("u", 2)
    cluster.fails = ("logs",)
    assert node.agent_log() is None


def test_closing_removes_the_pods_of_any_test(cluster: FakeCluster, node: KubectlNode) -> None:
    """By the label: also those that a killed test has left."""
    node.create([shared("a")])
    node.close()

    assert cluster.pods == {}
    assert node.residents() == ()
    assert "--selector=weka-cpuset/test=stress" in cluster.calls[-1]


def test_an_interrupted_start_is_not_waited_for(cluster: FakeCluster, tmp_path: Path) -> None:
    """Pods that do not run yet are removed, not waited for."""
    stopping = threading.Event()
    node = KubectlNode(cluster, TARGET, CpusetTree(tmp_path), stopping)
    stopping.set()

    with pytest.raises(NodeFailed, match="interrupted"):
        node.create([shared("a")])
