"""A node through its runtime's socket: refusals, interruption and what is left behind."""

import itertools
import threading
from pathlib import Path
from typing import cast

import grpc
import pytest

from nodesim.kubernetes import CgroupDriver
from nodestress import cri_node
from nodestress import cri_pb2 as pb
from nodestress.agent_process import AgentProcess
from nodestress.cri import CriClient, CriError
from nodestress.cri_node import CriNode
from nodestress.node import NodeFailed
from nodestress.orders import OWNER_LABEL, Setting
from tests.unit.nodestress.nodes import integer, shared

FOREIGN = pb.PodSandbox(id="foreign")


class FakeCri:
    """A runtime that keeps sandboxes and refuses as often as it is told.

    Attributes:
        refusals: How many creations a plugin refuses from now on.
        sandboxes: The sandboxes by id.
        exit_code: With which code all containers have ended; None: they run.
    """

    def __init__(self) -> None:
        self.refusals = 0
        self.sandboxes = {"foreign": FOREIGN}
        self.image = True
        self.exit_code: int | None = None
        self.attempts: list[int] = []
        self._count = itertools.count()

    def version(self) -> pb.VersionResponse:
        return pb.VersionResponse(runtime_name="containerd", runtime_version="2.1.9")

    def has_image(self, name: str) -> bool:  # noqa: ARG002
        return self.image

    def list_pod_sandboxes(self) -> list[pb.PodSandbox]:
        return list(self.sandboxes.values())

    def run_pod_sandbox(self, config: pb.PodSandboxConfig) -> str:
        name = f"{config.metadata.name}-{next(self._count)}"
        self.sandboxes[name] = pb.PodSandbox(id=name, labels=config.labels)
        return name

    def create_container(
        self,
        sandbox: str,
        config: pb.ContainerConfig,
        sandbox_config: pb.PodSandboxConfig,  # noqa: ARG002
    ) -> str:
        self.attempts.append(config.metadata.attempt)
        if self.refusals:
            self.refusals -= 1
            raise CriError("CreateContainer", grpc.StatusCode.UNKNOWN, "NRI: no cpus left")
        return f"{sandbox}-c"

    def container_status(self, container: str) -> pb.ContainerStatus:  # noqa: ARG002
        if self.exit_code is None:
            return pb.ContainerStatus(state=pb.CONTAINER_RUNNING)
        return pb.ContainerStatus(state=pb.CONTAINER_EXITED, exit_code=self.exit_code)

    def start_container(self, container: str) -> None:
        pass

    def stop_container(self, container: str, grace_s: int) -> None:
        pass

    def remove_container(self, container: str) -> None:
        pass

    def stop_pod_sandbox(self, sandbox: str) -> None:
        pass

    def remove_pod_sandbox(self, sandbox: str) -> None:
        del self.sandboxes[sandbox]


@pytest.fixture
def cri() -> FakeCri:
    """A runtime with a pod of somebody else's."""
    return FakeCri()


@pytest.fixture
def stopping() -> threading.Event:
    """Set when the test was interrupted."""
    return threading.Event()


def node_on(cri: FakeCri, logs: Path, stopping: threading.Event) -> CriNode:
    """Return a node; with systemd's cgroups, of which none are made here."""
    setting = Setting("image", CgroupDriver.SYSTEMD, "", 8 << 30, logs)
    # Neither is looked into: the fakes have what is called of them.
    return CriNode(cast(CriClient, cri), setting, cast(AgentProcess, None), stopping)


@pytest.fixture
def node(
    cri: FakeCri, tmp_path: Path, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> CriNode:
    """A node that tries again at once."""
    monkeypatch.setattr(cri_node, "RETRY_S", 0.0)
    return node_on(cri, tmp_path, stopping)


def test_a_refused_container_is_tried_again_and_told(cri: FakeCri, node: CriNode) -> None:
    """Each attempt has a number of its own, as a kubelet's have."""
    cri.refusals = 2
    refusals = node.create([integer("a")])

    assert len(refusals) == 2
    assert "default/a" in refusals[0]
    assert "no cpus left" in refusals[0]
    assert cri.attempts == [0, 1, 2]
    assert [one.label for one in node.residents()] == ["default/a/c"]


def test_an_interrupted_test_tries_nothing_again(
    cri: FakeCri, node: CriNode, stopping: threading.Event
) -> None:
    """Who waits for the clean-up is not to wait for refusals."""
    stopping.set()
    cri.refusals = 2

    with pytest.raises(NodeFailed, match="no cpus left"):
        node.create([integer("a")])
    assert cri.refusals == 1


def test_replaced_pods_are_other_ones(cri: FakeCri, node: CriNode) -> None:
    """The same names, other sandboxes; the old ones are gone at the end."""
    node.create([integer("a"), shared("b")])
    before = {one.id for one in node.residents()}
    node.replace([integer("a"), shared("b")])

    assert len(node.residents()) == 2
    assert before.isdisjoint(one.id for one in node.residents())
    assert len(cri.sandboxes) == 3


def test_pods_complete_with_the_exit_status_of_their_manifest(cri: FakeCri, node: CriNode) -> None:
    """Another status, or no end at all, is told."""
    node.create([shared("a", 1.0)])
    assert node.wait_completed([shared("a")], 0.0) == ["default/a still runs"]
    cri.exit_code = 137
    assert node.wait_completed([shared("a")], 0.0) == ["default/a ended with exit status 137"]
    cri.exit_code = 0
    assert node.wait_completed([shared("a")], 0.0) == []


def test_only_pods_of_the_test_are_removed(cri: FakeCri, node: CriNode) -> None:
    """Whatever else runs on the node is none of its business."""
    node.create([integer("a"), shared("b")])
    node.close()

    assert cri.sandboxes == {"foreign": FOREIGN}
    assert node.residents() == ()


def test_what_a_killed_test_has_left_is_removed_first(
    cri: FakeCri, tmp_path: Path, stopping: threading.Event
) -> None:
    """Its pods would hold cpus that the new test needs."""
    cri.sandboxes["left"] = pb.PodSandbox(id="left", labels={OWNER_LABEL: "kubepods-podx.slice"})
    node_on(cri, tmp_path, stopping)

    assert cri.sandboxes == {"foreign": FOREIGN}


def test_a_missing_image_is_told_with_the_option(
    cri: FakeCri, tmp_path: Path, stopping: threading.Event
) -> None:
    """Nothing pulls images here."""
    cri.image = False

    with pytest.raises(NodeFailed, match="--image"):
        node_on(cri, tmp_path, stopping)
