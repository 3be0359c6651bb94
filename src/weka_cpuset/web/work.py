"""The agent's HTTP, put together."""

import socket
from collections.abc import Mapping
from types import MappingProxyType

from weka_cpuset.address import Address
from weka_cpuset.daemon import Agent
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.metrics.text import Exposition
from weka_cpuset.metrics.values import Queue, Sources
from weka_cpuset.status.snapshots import Snapshots
from weka_cpuset.web.events import Events
from weka_cpuset.web.server import Server
from weka_cpuset.web.site import Site


def server_of(
    agent: Agent,
    address: Address,
    queues: Mapping[str, Queue],
    fates: Mapping[Fate, int] = MappingProxyType({}),
    *,
    names: bool = False,
) -> Server:
    """Return the server of an agent; `run` it on the agent's event loop.

    Args:
        agent: What it shows.
        address: Where it listens.
        queues: The agent's queues, by name; for the metrics.
        fates: What became of what Kubernetes is told; for the metrics too.
        names: Whether the metrics name pods.
    """
    snapshots = Snapshots(agent, socket.gethostname())
    events = Events(snapshots, agent.observer.journal)
    # The server counts its connections, and the metrics have them.
    sources = Sources(
        agent, queues, lambda: server.connections, lambda: events.viewers, fates, names
    )
    any_host = not address.is_loopback
    site = Site(agent, snapshots, events, Exposition(sources), any_host=any_host)
    server = Server(address, site.answer)
    return server
