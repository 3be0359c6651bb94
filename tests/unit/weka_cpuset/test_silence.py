"""A runtime that keeps the connection and calls no more is given up, an idle one is not."""

import asyncio

import pytest

from weka_cpuset.offload import at_once
from weka_cpuset.silence import LOOK_S, PATIENCE_S, Forgotten, wait_called

HOUR_S = 3600.0


class Node:
    """A connection and the containers beside it.

    Attributes:
        containers: The containers that have a cgroup.
        lost: How the connection ends; None: with a call.
    """

    def __init__(self) -> None:
        self.containers = frozenset({"a", "b"})
        self.lost: Exception | None = None
        self._called = asyncio.Event()

    async def wait_called(self) -> None:
        """Wait for the first call."""
        await self._called.wait()
        if self.lost is not None:
            raise self.lost

    def call(self) -> None:
        """Let the wait end."""
        self._called.set()

    def listed(self) -> frozenset[str]:
        """List the containers."""
        return self.containers


async def changed(node: Node, containers: str) -> "asyncio.Task[None]":
    """Begin to wait; after a quiet hour there are other containers."""
    waiting = asyncio.create_task(wait_called(node, node.listed, at_once))
    await asyncio.sleep(HOUR_S)
    assert not waiting.done()
    node.containers = frozenset(containers)
    return waiting


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize("containers", ["abc", "a", "ac"])
async def test_containers_that_come_or_go_without_a_call_end_the_wait(
    containers: str, looptime: float
) -> None:
    """An idle node is silent for hours; then one second and the patience are enough."""
    with pytest.raises(Forgotten, match="tells nothing"):
        await (await changed(Node(), containers))
    assert looptime <= HOUR_S + LOOK_S + PATIENCE_S


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_call_that_follows_a_change_proves_the_runtime(looptime: float) -> None:
    """A runtime that waits for another plugin first tells of it a little later."""
    node = Node()
    waiting = await changed(node, "abc")
    asyncio.get_running_loop().call_later(PATIENCE_S - LOOK_S, node.call)
    await waiting
    assert looptime < HOUR_S + PATIENCE_S


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_end_of_the_connection_is_passed_on() -> None:
    """It is no silence."""
    node = Node()
    waiting = await changed(node, "ab")
    node.lost = ConnectionError("gone")
    node.call()
    with pytest.raises(ConnectionError, match="gone"):
        await waiting


@pytest.mark.asyncio
async def test_first_call_ends_all_looking() -> None:
    """Nothing is left that lists containers for ever."""
    node = Node()
    before = asyncio.all_tasks()
    node.call()
    await wait_called(node, node.listed, at_once)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
