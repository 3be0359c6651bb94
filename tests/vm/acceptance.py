"""The operators' acceptance test, run in a virtual node."""

import json
from typing import Any

from tests.e2e import images
from tests.vm.machine import Machine


def accepted(machine: Machine, log: str, rounds: int, end_s: float) -> dict[str, Any]:
    """Runs it and returns what it said.

    Args:
        machine: Where it runs.
        log: The agent's log there.
        rounds: Rounds of forced deletion.
        end_s: It has so many seconds.

    Raises:
        ScriptFailed: It could not be run; criteria that are not met are no reason.
    """
    said = machine.run(
        f"weka-cpuset stress --cri /node/containerd.sock --image {images.BUSYBOX_IMAGE}"
        f" --agent-log {log} --rounds {rounds} --json 2>/tmp/stress.err"
        " || test $? -eq 1 || { cat /tmp/stress.err; false; }",
        end_s,
    )
    told: dict[str, Any] = json.loads(said)
    return told
