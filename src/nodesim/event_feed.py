"""What the simulated runtime tells plugins without asking them, and in which order.

Faithful to containerd in what plugins do not hear: of what a process of the runtime never
showed them, and of a second stop. A fault can hold an event back until another has passed, or
for a while if none comes.
"""

import asyncio
import contextlib
from collections.abc import Callable

from nodesim import clock
from nodesim.actions import FaultKind
from nodesim.faults import Faults
from nodesim.inventory import Inventory
from nodesim.observer import Observer, RuntimeAway
from nodesim.plugins import Plugins
from nodesim.records import Container, Phase, Sandbox
from nodesim.updates import Updates
from nri import Event, messages

HELD_BACK_S = 1.0
"""An event that comes late comes no later than this, in seconds: the runtime asks one thing after
the other."""


class EventFeed:
    """Tells plugins of events.

    Args:
        there: Returns the plugins' side of the runtime, or raises RuntimeAway.
        inventory: The runtime's records.
        updates: Applies what plugins answer to a stop.
        faults: What is broken on purpose.
        observer: Who is told of every event, also of those that plugins do not hear of.

    Attributes:
        events: How many events there were.
    """

    def __init__(
        self,
        there: Callable[[], Plugins],
        inventory: Inventory,
        updates: Updates,
        faults: Faults,
        observer: Observer,
    ) -> None:
        self.events = 0
        self._there = there
        self._inventory = inventory
        self._updates = updates
        self._faults = faults
        self._observer = observer
        self._swapped: list[tuple[Event, Sandbox, Container | None]] = []

    def count(self, event: Event, subject: str) -> None:
        """Take note of an event.

        Args:
            event: The event.
            subject: Name of its pod or container for people.
        """
        self.events += 1
        self._observer.event(event, subject)

    async def tell(
        self, event: Event, sandbox: Sandbox, container: Container | None = None
    ) -> None:
        """Tell plugins of an event that needs no answer.

        Args:
            event: The event.
            sandbox: The pod.
            container: The container; None for events of pods.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        subject = sandbox if container is None else container
        self.count(event, sandbox.spec.key if container is None else container.label)
        if subject.id not in self._inventory.told:
            return
        if self._faults and self._faults.strikes(FaultKind.SWAP, event.name, sandbox.spec.key):
            self._hold_back(event, sandbox, container)
            return
        async with self._there().turn():
            await self._there().tell(event, sandbox.message, _message(container))
            await self._deliver_swapped()

    async def tell_stop(self, container: Container) -> None:
        """Tell plugins once that a container has stopped, and apply what they answer.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if container.stop_told or container.id not in self._inventory.told:
            return
        container.stop_told = True
        self.count(Event.STOP_CONTAINER, container.label)
        if self._faults.strikes(FaultKind.SWAP, "STOP_CONTAINER", container.label):
            self._hold_back(Event.STOP_CONTAINER, container.sandbox, container)
            return
        async with self._there().turn():
            await self._deliver_stop(container)
            await self._deliver_swapped()

    def forget(self) -> None:
        """Forget what plugins were told, and what they were to be told: the process ends."""
        # What a new runtime is not told when it looks around is never told to plugins.
        self._inventory.told.clear()
        self._swapped.clear()

    async def _deliver_stop(self, container: Container) -> None:
        # Once a sandbox is gone from the record its events carry nothing but its id.
        sandbox = container.sandbox
        known = sandbox.id in self._inventory.sandboxes
        pod = sandbox.message if known else messages.PodSandbox(id=sandbox.id)
        request = messages.StopContainerRequest(pod=pod, container=container.message)
        answer = await self._there().stop(request)
        if container.phase is Phase.EXITED:
            container.show()
        await self._updates.apply(answer.updates, triggered=True)

    def _hold_back(self, event: Event, sandbox: Sandbox, container: Container | None) -> None:
        self._swapped.append((event, sandbox, container))
        clock.spawn(self._deliver_late(), "deliver an event that was held back")

    async def _deliver_late(self) -> None:
        await asyncio.sleep(HELD_BACK_S)
        if self._swapped:
            with contextlib.suppress(RuntimeAway):
                async with self._there().turn():
                    await self._deliver_swapped()

    async def _deliver_swapped(self) -> None:
        """Deliver the events that were held back until another one had passed."""
        swapped, self._swapped = self._swapped, []
        for event, sandbox, container in swapped:
            if event is Event.STOP_CONTAINER and container is not None:
                await self._deliver_stop(container)
            else:
                await self._there().tell(event, sandbox.message, _message(container))


def _message(container: Container | None) -> messages.Container | None:
    return None if container is None else container.message
