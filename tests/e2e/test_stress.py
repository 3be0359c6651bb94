"""`weka-cpuset stress` on a real containerd: the operators' acceptance test as a command.

The test was written for a node with 17 cpus or more; the pods here fit on two, which leaves one
that can be owned.
"""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from nodestress.waiting import wait_for
from tests.e2e import images
from tests.e2e.agent import PROGRAM
from tests.e2e.node import HostNode

PODS = Path(__file__).parent / "two_cpus"
END_S = 50.0
ROUND_S = 10.0
"""Far more than a round of the acceptance test takes."""

SOME = 2
"""With more containers than this the test is under way."""


def command(node: HostNode, deleted: str, *more: str) -> list[str]:
    """The command line that tests this node with pods that fit on two cpus."""
    return [
        *(str(PROGRAM), "stress", "--cri", str(node.runtime.layout.socket)),
        *("--image", images.BUSYBOX_IMAGE, "--cgroup-root", node.runtime.cgroup),
        *("--agent-pid", str(node.agent.pid), "--agent-log", str(node.agent.log)),
        *("--completing", str(PODS / "completing.yaml"), "--deleted", str(PODS / deleted)),
        *more,
    ]


@pytest.mark.timeout(0)  # as many rounds as are asked for
@pytest.mark.parametrize("deleted", ["named.yaml", "integer.yaml"])
def test_all_criteria_are_met(
    node: HostNode, deleted: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent passes, every criterion has its evidence, and nothing is left on the node."""
    rounds = pytestconfig.getoption("--stress-rounds")
    done = subprocess.run(
        command(node, deleted, "--rounds", str(rounds), "--json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=END_S + rounds * ROUND_S,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert len(told["criteria"]) == 6
    assert all(one["evidence"] for one in told["criteria"])
    with capsys.disabled():
        print(f"\n{deleted}, {rounds} rounds: {told['measured']}")  # noqa: T201  # the figures
    assert told["measured"]["overlap"].startswith("0.000 s")
    assert node.runtime.cri.list_pod_sandboxes() == []
    assert not [line for line in node.agent.lines() if "ERROR:" in line]


def test_a_killed_agent_fails_the_test(node: HostNode) -> None:
    """An agent that ends while the test runs is a restart, and the exit status says so."""
    with subprocess.Popen(
        command(node, "named.yaml", "--rounds", "1", "--json"), stdout=subprocess.PIPE, text=True
    ) as process:
        wait_for("pods to run", lambda: len(node.runtime.cri.list_containers()) > SOME)
        node.agent.stop(signal.SIGKILL)
        node.agent.start()
        said, _ = process.communicate(timeout=END_S)

    assert process.returncode == 1
    first = json.loads(said)["criteria"][0]
    assert first["title"] == "Plugin stability"
    assert not first["met"]


def test_without_an_agent_there_is_nothing_to_test(node: HostNode) -> None:
    """The test says so before it makes a pod."""
    nobody = ["--agent-pid", "0"]
    done = subprocess.run(
        [*command(node, "named.yaml"), *nobody], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "no agent" in done.stderr
    assert node.runtime.cri.list_pod_sandboxes() == []


def test_an_interrupted_test_leaves_nothing(node: HostNode) -> None:
    """Asked to stop in the middle, the command removes its pods and says so by its status."""
    with subprocess.Popen(
        command(node, "named.yaml"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for("pods to run", lambda: len(node.runtime.cri.list_containers()) > SOME)
        process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        _, said = process.communicate(timeout=END_S)

    assert process.returncode == 128 + signal.SIGTERM, said
    assert time.monotonic() - began_s < END_S / 2
    assert node.runtime.cri.list_pod_sandboxes() == []
