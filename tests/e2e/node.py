"""A node under test: a runtime, the agent and a kubelet."""

from dataclasses import dataclass

from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd
from tests.e2e.kubelet import Kubelet


@dataclass(frozen=True, slots=True)
class Node:
    """One node; all parts speak to the same runtime."""

    runtime: Containerd
    agent: Agent
    kubelet: Kubelet

    def assert_undisturbed(self) -> None:
        """Fails if the agent has ended, or if the runtime dropped it or crashed."""
        assert self.agent.is_running(), "the agent has ended"
        # Go's words for a deadline that passed, which drops a plugin, and for a crash.
        for mark in ("deadline exceeded", "panic:", "fatal error:"):
            found = [line for line in self.runtime.log_lines() if mark in line]
            assert not found, "\n".join(found)
