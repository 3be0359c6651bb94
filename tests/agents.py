"""An agent without a runtime, for tests of what it shows."""

import nri
from weka_cpuset.daemon import Agent, Host
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet, Topology
from weka_cpuset.settings import Settings
from weka_cpuset.systemd import Notifier
from weka_cpuset.usable import Usable

RUNTIME = nri.RuntimeInfo("containerd", "v2.1.0", "v0.12.1", None, None)


class NoCgroups:
    """A cgroup tree in which there is nothing."""

    def read(self, path: str) -> Enforced:
        """Find nothing."""
        raise FileNotFoundError(path)

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Find nothing."""
        del cpus, mems
        raise FileNotFoundError(path)

    def is_dead(self, path: str) -> bool:
        """Know of no end."""
        del path
        return False


def agent_of(topology: Topology, settings: Settings | None = None) -> Agent:
    """Return an agent of a machine. It does not work, but its handlers answer events."""
    usable = Usable(topology.online, topology.memory)
    host = Host(lambda: topology, lambda: usable, NoCgroups(), frozenset)
    endpoint = nri.SocketEndpoint("/nowhere/nri.sock")
    agent = Agent(settings or Settings(), endpoint, host, Notifier({}))
    keeper = agent.keeper
    # Settling begins with the agent's work.
    keeper.on_unsettled = keeper.on_urgent = keeper.on_burst = lambda: None
    keeper.on_told = lambda *_: None
    keeper.on_request = lambda: None
    return agent
