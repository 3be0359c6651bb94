"""Notice that a runtime keeps the connection and has forgotten the agent.

Before NRI 0.7 a plugin whose answer to Synchronize comes too late, on a node that has no cpu left
for it, stays connected and is never called again. The wire does not show it: an idle node is as
silent. Containers show it: they come and go among the kernel's cgroups, and the runtime tells of
none. One event proves the contrary for as long as the connection lives, so nothing is looked at
after the first one. Connecting again costs such a runtime no more than a report; a new one, which
has to stop its other work for that, closes the connection itself.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from weka_cpuset.offload import Offload

LOOK_S = 1.0
"""How often the containers' cgroups are listed, in seconds."""

PATIENCE_S = 3.0
"""So long after a container has come or gone the runtime is given up, in seconds. It tells of
that within milliseconds, unless it waits for another plugin: 2 s for each answer."""


class Called(Protocol):
    """A connection, as far as it matters here."""

    async def wait_called(self) -> None:
        """Wait for the first event after the synchronisation; raises when the connection ends."""


class Forgotten(Exception):
    """The runtime has forgotten the agent and keeps its connection."""

    def __str__(self) -> str:
        return "containers come and go, and the runtime tells nothing of them"


async def wait_called(
    connection: Called, list_containers: Callable[[], frozenset[str]], offload: Offload
) -> None:
    """Wait until the runtime has called the agent for the first time.

    Args:
        connection: A connection that has just been synchronized.
        list_containers: Lists the containers that have a cgroup, of all pods.
        offload: Runs that where it holds up nobody.

    Raises:
        Forgotten: Containers came or went without a call.
        nri.NriError: The connection has ended.
    """
    called = asyncio.create_task(connection.wait_called(), name="first call")
    change = asyncio.create_task(_wait_change(list_containers, offload), name="silence")
    try:
        await asyncio.wait({called, change}, return_when=asyncio.FIRST_COMPLETED)
        if called.done():
            return called.result()
        change.result()
        raise Forgotten
    finally:
        called.cancel()
        change.cancel()


async def _wait_change(list_containers: Callable[[], frozenset[str]], offload: Offload) -> None:
    """Wait until some time after other containers have a cgroup than now."""
    before = await offload(list_containers)
    # The kernel tells nobody that there is one more folder in its tree.
    while await offload(list_containers) == before:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(PATIENCE_S)
