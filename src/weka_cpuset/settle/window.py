"""Shared containers in their start window, taken off cpus that others own since their creation.

The runtime makes a container's cgroup from its record as it was when the start began. An update
that comes between then and PostStart changes the record and not the kernel, so the container
would run on another's cpus until PostStart tells of it. Here its cgroup is narrowed as soon as
it is there, before the container's process runs.

The ledger goes on doubting such a container, because the runtime may still write what its record
said before. So it is looked at again and again until PostStart, when settling tells it once more.
"""

import asyncio

from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import CpuSet, Phase
from weka_cpuset.handlers import Handlers
from weka_cpuset.settle.starting import START_S

LOOK_S = 0.01
"""Time between two looks, in seconds. From the cgroup to the container's own process a runtime
takes at least as long: runc starts it with a call of its own, after an event of NRI."""


class StartWindow:
    """Looks at the shared containers that an update has met before they run.

    An owner that is moved meanwhile is not among them: a part of its cpus is not what it asks
    for, and others may be on its new ones until the runtime is done with the reply.

    Args:
        handlers: Whose ledger says what they may have.
        cpusets: The kernel's files.
    """

    def __init__(self, handlers: Handlers, cpusets: Cpusets) -> None:
        self._handlers = handlers
        self._cpusets = cpusets
        self._since_s: dict[str, float] = {}
        self._timer: asyncio.Handle | None = None

    def watch(self) -> None:
        """Look as soon as the reply is made, and as long as a start may be under way."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_soon(self._look)

    def cancel(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop, ledger = asyncio.get_running_loop(), self._handlers.ledger
        overtaken = [
            one
            for one in ledger.doubts
            if one in ledger.shared and ledger.shared[one].phase is Phase.CREATED
        ]
        now_s = loop.time()
        self._since_s = {one: self._since_s.get(one, now_s) for one in overtaken}
        starts = [
            self._narrow(one) or since_s + START_S > now_s for one, since_s in self._since_s.items()
        ]
        self._timer = loop.call_later(LOOK_S, self._look) if any(starts) else None

    def _narrow(self, one: str) -> bool:
        """Take a container off cpus that it may not have; tell whether it has a cgroup."""
        ledger, path = self._handlers.ledger, self._handlers.cgroup_of(one)
        try:
            has = self._cpusets.read(path).cpus or ledger.topology.online
            cpus = has & ledger.told[one] & ledger.cpus_of(one)
            if cpus and cpus != has:
                self._cpusets.write(path, cpus, CpuSet.EMPTY)
        except (OSError, ValueError):
            # Not there yet; or it cannot be written, which settling tells of.
            return False
        return True
