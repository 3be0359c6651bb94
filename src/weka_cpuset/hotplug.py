"""Hotplug: notice that other cpus can be used, and apply the rules to them (rule 10).

The kernel tells of hotplug by uevents on a netlink socket, which a container without its host's
network namespace does not get, and which say nothing of cgroups. Some small files say the same
everywhere, and reading them once a second costs next to nothing. The whole topology is read
only when these have changed. All are read beside the event loop: a machine with 512 cpus has
thousands of files, and a read may wait for a cpu that is just coming or going.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from weka_cpuset.engine import Topology
from weka_cpuset.keeper import Keeper
from weka_cpuset.offload import Offload
from weka_cpuset.sysfs import TopologyUnreadable
from weka_cpuset.uevents import OpenSocket, heard
from weka_cpuset.usable import Usable

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often it is read which cpus can be used, in seconds."""

BURST_S = 0.05
"""What the kernel tells within so many seconds is looked at once: a core has two cpus, and a
memory module hundreds of blocks."""


class Hotplug:
    """Looks again and again at what can be used.

    Args:
        keeper: Whose ledger is brought to the new topology.
        read_usable: Reads which cpus and which memory can be used.
        read_topology: Reads the whole topology.
        offload: Runs these two where they hold up nobody.
        open_socket: Opens a socket that gets the kernel's events.
    """

    def __init__(
        self,
        keeper: Keeper,
        read_usable: Callable[[], Usable],
        read_topology: Callable[[], Topology],
        offload: Offload,
        open_socket: OpenSocket,
    ) -> None:
        self._keeper = keeper
        self._read_usable = read_usable
        self._read_topology = read_topology
        self._offload = offload
        self._open_socket = open_socket
        self._problem = ""

    async def run(self) -> None:
        """Look, until cancelled."""
        changed = asyncio.Event()
        with heard(self._open_socket, changed.set):
            while True:
                told = await self._pause(changed)
                try:
                    await self.look(told=told)
                except Exception as error:  # noqa: BLE001  # whatever it was, the agent works on
                    self._report(error)

    async def look(self, *, told: bool = False) -> None:
        """Compare what can be used with the ledger's machine, and bring the ledger to a new one.

        Args:
            told: Whether the kernel has told of a change. A cpu that is back already leaves
                nothing to be seen but what the kernel did to its containers meanwhile.

        Raises:
            TopologyUnreadable: The kernel's lists cannot be read.
        """
        if await self._offload(self._read_usable) != self._known():
            topology = await self._offload(self._read_topology)
            # The files are read one after the other; cpus may have changed meanwhile.
            if Usable(topology.online, topology.memory) != self._known():
                self._keeper.rehome(topology)
        elif told:
            self._keeper.doubt_kernel()
        self._problem = ""

    def _known(self) -> Usable:
        topology = self._keeper.ledger.topology
        return Usable(topology.online, topology.memory)

    async def _pause(self, changed: asyncio.Event) -> bool:
        """Wait until it is time to look; tell whether the kernel has told of a change."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await changed.wait()
                await asyncio.sleep(BURST_S)
        told = changed.is_set()
        changed.clear()
        return told

    def _report(self, error: Exception) -> None:
        """Log a problem when it is news."""
        if str(error) == self._problem:
            return
        self._problem = str(error)
        expected = isinstance(error, TopologyUnreadable)
        log.warning(
            "Cannot see which cpus can be used: %s", error, exc_info=None if expected else error
        )
