"""How the simulated runtime gives containers other cpusets: on record, and in the kernel.

Faithful to containerd in what can go wrong: an update of a container that does not run yet
reaches only the record, one that the kernel refuses is taken back, and a plugin is not told.
"""

import asyncio
from collections.abc import Iterable

from nodesim.actions import FaultKind
from nodesim.faults import Faults
from nodesim.inventory import Inventory
from nodesim.kernel import Kernel
from nodesim.observer import Mishap, Observer
from nodesim.records import Container, Phase
from nri import messages

UPDATE_S = 0.010
"""One update of a running container: a call of runc (10 ms)."""
RECORD_S = 0.0025
"""One update of a container that does not run (2 to 3 ms)."""


class Updates:
    """Applies cpusets.

    Args:
        inventory: The runtime's records.
        kernel: What they are applied to.
        faults: What is broken on purpose.
        observer: Who is told of what went wrong.

    Attributes:
        applied: How many updates that plugins asked for were applied.
    """

    def __init__(
        self, inventory: Inventory, kernel: Kernel, faults: Faults, observer: Observer
    ) -> None:
        self.applied = 0
        self._inventory = inventory
        self._kernel = kernel
        self._faults = faults
        self._observer = observer

    async def apply(
        self, updates: Iterable[messages.ContainerUpdate], *, triggered: bool = False
    ) -> bool:
        """Apply what plugins ask for, one update after the other; the event's turn must be held.

        Args:
            updates: The updates; unknown containers are skipped.
            triggered: Whether they came with the reply to an event.

        Returns:
            Whether all succeeded that may not fail silently.
        """
        succeeded = True
        for update in updates:
            container = self._inventory.containers.get(update.container_id)
            if container is None and update.container_id in self._inventory.coming:
                self._inventory.coming[update.container_id].passed_over = True
            if container is not None:
                self.applied += 1
                cpu = update.linux.resources.cpu
                done = await self.set(container, cpu.cpus, cpu.mems)
                succeeded &= done or update.ignore_failure or triggered
        return succeeded

    def drop(self, updates: Iterable[messages.ContainerUpdate]) -> None:
        """Take note that updates are not applied, and that no plugin learns it."""
        for update in updates:
            container = self._inventory.containers.get(update.container_id)
            if container is not None:
                self._observer.mishap(container, Mishap.FAILED)

    async def set(self, container: Container, cpus: str, mems: str) -> bool:
        """Apply one cpuset.

        Args:
            container: The container.
            cpus: Its cpus; empty: as they are.
            mems: Its memory nodes, likewise.

        Returns:
            Whether that succeeded.
        """
        running = container.phase is Phase.RUNNING
        await asyncio.sleep(UPDATE_S if running else RECORD_S)
        if container.removing:
            return False
        if self._faults.strikes(FaultKind.FAIL_UPDATE, "", container.label):
            self._observer.mishap(container, Mishap.FAILED)
            return False
        before = (container.cpus, container.mems)
        container.pin(cpus, mems)
        container.outdated |= container.bundled
        if container.bundled or container.phase is Phase.STARTING:
            self._observer.mishap(container, Mishap.START)
        if container.phase is not Phase.RUNNING:
            return True
        if self._faults.strikes(FaultKind.LOSE_UPDATE, "", container.label):
            self._observer.mishap(container, Mishap.LOST)
            return True
        return self._enforce(container, before)

    def _enforce(self, container: Container, before: tuple[str, str]) -> bool:
        """Give a container what is on record; roll the record back if the kernel says no."""
        try:
            self._kernel.set(container.path, *container.cpuset)
        except OSError:
            container.pin(*before)
            return False
        return True
