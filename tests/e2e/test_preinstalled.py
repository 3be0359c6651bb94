"""The agent as a plugin that the runtime launches itself: no arguments, no environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodestress.waiting import wait_for
from tests.e2e import kernel, reaper
from tests.e2e.agent import PROGRAM
from tests.e2e.containerd import Containerd
from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import Kubelet
from tests.e2e.placement import Watch, assert_settled
from tests.e2e.pods import annotated, integer, shared

FILE_NAME = "99-weka-cpuset"


@pytest.fixture
def runtime(folder: Path, series: Series) -> Iterator[Containerd]:
    """A containerd that has launched the agent from its plugin folder."""
    containerd = Containerd(series, folder)
    (containerd.layout.plugins / FILE_NAME).symlink_to(PROGRAM)
    try:
        containerd.start()
        yield containerd
    finally:
        containerd.close()


def launched(runtime: Containerd) -> list[int]:
    """The processes of the launched agent."""
    mark = str(runtime.layout.plugins / FILE_NAME)
    return [
        pid for pid in reaper.processes(runtime.layout.folder) if mark in kernel.command_line(pid)
    ]


def test_launched_agent_places_pods(runtime: Containerd, kubelet: Kubelet) -> None:
    """Under its file's name, without arguments, the agent does all it does elsewhere."""
    with Watch(kubelet) as watch:
        pods = [kubelet.run(shared("shared")), kubelet.run(integer("integer", 1))]
        watch.add(*pods)
        assert_settled(kubelet, pods)
    kubelet.delete(pods.pop())
    assert_settled(kubelet, pods)
    pods.append(kubelet.run(annotated("annotated", "0")))
    assert_settled(kubelet, pods)
    assert len(launched(runtime)) == 1


def test_launched_agent_ends_with_the_runtime(runtime: Containerd, kubelet: Kubelet) -> None:
    """The runtime sends no signal to its plugins; the agent ends by itself, and is replaced."""
    first = launched(runtime)
    pods = kubelet.run_all([shared("shared"), integer("integer", 1)])
    assert_settled(kubelet, pods)

    runtime.stop()
    wait_for("the agent to end", lambda: not any(map(kernel.is_alive, first)))
    runtime.start()

    assert len(launched(runtime)) == 1
    assert_settled(kubelet, pods)
    kubelet.delete(pods.pop())
    pods.append(kubelet.run(integer("successor", 1)))
    assert_settled(kubelet, pods)
