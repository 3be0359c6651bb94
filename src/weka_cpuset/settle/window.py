"""Shared containers in their start window, taken off cpus that others own since their creation.

The runtime makes a container's cgroup from its record as it was when the start began. An update
that comes between then and RUNNING changes the record and not the kernel, so the container
would run on another's cpus until PostStart tells of it. Here its cgroup is narrowed soon after
it is made, as a rule before the container's process runs.

The ledger goes on doubting such a container, because the runtime may still write what its record
said before. So it is looked at again and again until PostStart, when settling tells it once more.
"""

import asyncio

from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import CpuSet, Phase
from weka_cpuset.keeper import Keeper

LOOK_S = 0.01
"""Time between two looks at first, in seconds. Containerd takes some 10 ms from a container's
task, which has its cgroup, to the container's own process..."""

LOOK_PART = 100
"""... and longer on a node where starts take long. So this part of the time that has passed since
the last reply is waited in addition: after 5 s there are 60 ms between two looks."""

START_MAX_S = 120.0
"""No start takes longer, in seconds: a kubelet gives up a call to the runtime after two minutes
(`runtimeRequestTimeout`)."""


class StartWindow:
    """Looks at the shared containers that an update has met before they run.

    An owner that is moved meanwhile is not among them: a part of its cpus is not what it asks
    for, and others may be on its new ones until the runtime is done with the reply.

    Args:
        keeper: Whose ledger says what they may have.
        cpusets: The kernel's files.
    """

    def __init__(self, keeper: Keeper, cpusets: Cpusets) -> None:
        self._keeper = keeper
        self._cpusets = cpusets
        self._since_s = 0.0
        self._timer: asyncio.Handle | None = None

    def watch(self) -> None:
        """Look now, and for as long as a start may take that is under way.

        A start that begins later takes a record which has the update.
        """
        loop = asyncio.get_running_loop()
        self._since_s = loop.time()
        self.cancel()
        self._timer = loop.call_soon(self._look)

    def cancel(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop, ledger = asyncio.get_running_loop(), self._keeper.ledger
        self._timer = None
        overtaken = [
            one
            for one in ledger.doubts
            if one in ledger.shared and ledger.shared[one].phase is Phase.CREATED
        ]
        for one in overtaken:
            self._narrow(one)
        passed_s = loop.time() - self._since_s
        if overtaken and passed_s < START_MAX_S:
            self._timer = loop.call_later(LOOK_S + passed_s / LOOK_PART, self._look)

    def _narrow(self, one: str) -> None:
        """Take a container off cpus that it may not have, if it has a cgroup."""
        ledger, path = self._keeper.ledger, self._keeper.cgroup_of(one)
        try:
            has = self._cpusets.read(path).cpus or ledger.topology.online
            cpus = has & ledger.told[one] & ledger.cpus_of(one)
            if cpus and cpus != has:
                self._cpusets.write(path, cpus, CpuSet.EMPTY)
        except (OSError, ValueError):
            # Not there yet; or it cannot be read or written, which settling tells of.
            return
