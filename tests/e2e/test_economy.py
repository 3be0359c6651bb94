"""How many updates of others the agent asks for: pods wait for each, some 10 ms.

On two cpus one can be owned; so its owner is replaced again and again, beside many containers
that share the rest.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodesim.actions import Action, Apply, Delete, Scenario, Wait
from nodesim.simulation import Simulation
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.differential.simulated import simulated_pod
from tests.e2e.node import HostNode
from tests.e2e.pods import integer, shared
from weka_cpuset import machine_file
from weka_cpuset.questions import Happened
from weka_cpuset.record.lines import Asked, parse
from weka_cpuset.settle.calm import CALM_S
from weka_cpuset.sysfs import read_machine

SHARED = 12
OWNERS = 5
OTHERS = [shared(f"shared-{number}") for number in range(SHARED)]
REPLACED = [integer(f"owner-{number}", 1) for number in range(OWNERS)]
SYSFS = Path("/sys")

# About what a real runtime takes for all these pods, and for one, in seconds.
LONG_S = 5.0
SHORT_S = 0.3


@pytest.fixture
def recording(folder: Path) -> Path:
    """Where the agent writes down all its decisions."""
    return folder / "recording"


@pytest.fixture
def agent(runtime: Containerd, recording: Path) -> Iterator[Agent]:
    """An agent that writes down all its decisions, not yet started."""
    process = Agent(runtime, options=["--record", str(recording)])
    yield process
    process.close()


def asked_for(recording: Path) -> Counter[str]:
    """Count the updates of single containers, by what they were an answer to."""
    counted: Counter[str] = Counter()
    for line in map(parse, recording.read_bytes().splitlines()):
        if isinstance(line, Asked) and isinstance(line.question, Happened):
            updates = line.answer.get("updates", [])
            assert isinstance(updates, list)
            counted[type(line.question.event).__name__] += len(updates)
    return +counted


def play_simulated(kind: str, folder: Path) -> Counter[str]:
    """Play the scene on the simulated runtime and this machine; count the updates."""
    machine, recording = folder / "machine.json", folder / "simulated"
    machine.write_bytes(machine_file.encode(read_machine(SYSFS, "here")))
    scene: list[Action] = [Apply(tuple(map(simulated_pod, OTHERS))), Wait(LONG_S)]
    for owner in map(simulated_pod, REPLACED):
        scene += [Apply((owner,)), Wait(SHORT_S), Delete((owner.key,), grace_s=0), Wait(SHORT_S)]
    settings = (("record.file", str(recording)),)
    report = Simulation(Scenario(str(machine), tuple(scene), kind, settings)).run()
    assert report.passed
    return asked_for(recording)


def test_owners_one_after_the_other_cost_one_update_of_each_neighbour(
    node: HostNode, recording: Path, folder: Path
) -> None:
    """Neighbours make room for the first, and have it back once after the last, late enough.

    No deletion waits for updates. It is the same on the simulated runtime, where the figures
    for large nodes come from.
    """
    others = node.kubelet.run_all(OTHERS)
    bursts = 0
    last_s = -math.inf
    for spec in REPLACED:
        began_s = time.monotonic()
        owner = node.kubelet.run(spec)
        # On a machine that is slow today the next owner may come after the end of a burst.
        bursts += time.monotonic() - last_s > CALM_S
        last_s = began_s
        node.assert_settled([*others, owner])
        node.kubelet.delete(owner, grace_s=0)
    node.assert_settled(others)
    assert node.agent.stop() == 0  # the recording is complete
    real = asked_for(recording)
    node.agent.start()

    once = {"Create": SHARED, "Settle": SHARED}
    assert real.keys() == once.keys()
    assert min(real.values()) >= SHARED
    assert max(real.values()) <= bursts * SHARED
    assert once == play_simulated(node.runtime.series.value, folder)
