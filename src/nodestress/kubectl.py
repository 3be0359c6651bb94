"""Calls of kubectl."""

import json
import shutil
import subprocess
from typing import Any, Protocol

from nodesim.plan import WrongOptions
from nodestress.node import NodeFailed

CALL_TIMEOUT_S = 60.0
"""How long a call may take, in seconds."""


class Calls(Protocol):
    """Whatever answers as kubectl does."""

    def run(self, *arguments: str, given: str = "") -> str:
        """Make a call; return what it printed; raise NodeFailed if it failed."""


class Kubectl:
    """The kubectl that is found through PATH, with the cluster that it is set up for.

    Raises:
        WrongOptions: There is none.
    """

    def __init__(self) -> None:
        found = shutil.which("kubectl")
        if found is None:
            raise WrongOptions("kubectl is not in PATH", "install it, or use --cri on the node")
        self._program = found

    def run(self, *arguments: str, given: str = "") -> str:
        """Make a call.

        Args:
            arguments: What comes after `kubectl`.
            given: Its standard input.

        Returns:
            What it printed.

        Raises:
            NodeFailed: It failed, or took too long.
        """
        what = f"kubectl {' '.join(arguments[:2])}"
        try:
            # The program was found in PATH, and no shell reads the arguments.
            done = subprocess.run(  # noqa: S603
                [self._program, *arguments],
                input=given,
                capture_output=True,
                text=True,
                check=False,
                timeout=CALL_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise NodeFailed(what, f"has not ended after {CALL_TIMEOUT_S:g} s") from error
        if done.returncode != 0:
            raise NodeFailed(what, done.stderr.strip() or f"exit status {done.returncode}")
        return done.stdout


def items_of(calls: Calls, *arguments: str) -> list[dict[str, Any]]:
    """Return the objects that a `kubectl get` finds.

    Args:
        calls: Who is asked.
        arguments: What comes after `kubectl get`, without the form of the output.

    Raises:
        NodeFailed: The call failed.
    """
    found = json.loads(calls.run("get", *arguments, "--output=json"))
    return list(found["items"])
