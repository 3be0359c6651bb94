"""Hotplug: notice that other cpus are online, and apply the rules to them (rule 10).

The kernel tells of hotplug by uevents on a netlink socket, which a container without its host's
network namespace does not get. One small file says the same everywhere, and reading it once
a second costs next to nothing. The whole topology is read only when that file has changed.
Both are read beside the event loop: a machine with 512 cpus has thousands of files, and a read
may wait for a cpu that is just coming or going.
"""

import asyncio
import logging
from collections.abc import Callable

from weka_cpuset.engine import CpuSet, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.offload import Offload
from weka_cpuset.sysfs import TopologyUnreadable

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the list of online cpus is read, in seconds."""


class Hotplug:
    """Looks at the online cpus again and again.

    Args:
        handlers: Whose ledger is brought to the new topology.
        read_online: Reads which cpus are online.
        read_topology: Reads the whole topology.
        offload: Runs these two where they hold up nobody.
    """

    def __init__(
        self,
        handlers: Handlers,
        read_online: Callable[[], CpuSet],
        read_topology: Callable[[], Topology],
        offload: Offload,
    ) -> None:
        self._handlers = handlers
        self._read_online = read_online
        self._read_topology = read_topology
        self._offload = offload
        self._problem = ""

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  # whatever it was, the agent works on
                self._report(error)

    async def look(self) -> None:
        """Compare the online cpus with the ledger's, and bring the ledger to new ones.

        Raises:
            TopologyUnreadable: The kernel's lists cannot be read.
        """
        online = await self._offload(self._read_online)
        if online != self._handlers.ledger.topology.online:
            topology = await self._offload(self._read_topology)
            # The files are read one after the other; cpus may have changed meanwhile.
            if topology.online != self._handlers.ledger.topology.online:
                self._handlers.rehome(topology)
        self._problem = ""

    def _report(self, error: Exception) -> None:
        """Log a problem when it is news."""
        if str(error) == self._problem:
            return
        self._problem = str(error)
        expected = isinstance(error, TopologyUnreadable)
        log.warning(
            "Cannot see which cpus are online: %s", error, exc_info=None if expected else error
        )
