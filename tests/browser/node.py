"""An agent that shows a page, for a browser: no runtime, but its handlers answer as if."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from tests.agents import RUNTIME, agent_of
from tests.requests import create, start, stop
from weka_cpuset.address import Address
from weka_cpuset.engine import CORES_ANNOTATION, FORBID_ANNOTATION, CpuSet, Ledger, Topology
from weka_cpuset.web.work import server_of

T = TypeVar("T")
DEADLINE_S = 20.0


class ShownNode:
    """A node whose agent answers HTTP, on an event loop in a thread of its own.

    Args:
        topology: Its machine.
        loop: The agent's event loop, which runs.

    Attributes:
        url: Where the page is.
    """

    def __init__(self, topology: Topology, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._agent = agent_of(topology)
        self._agent.uptime.up(RUNTIME)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = Address("127.0.0.1", probe.getsockname()[1])
        self.url = f"http://{address}/"
        self._server = server_of(self._agent, address, {})
        self._serving: asyncio.Task[None] | None = None

    @property
    def ledger(self) -> Ledger:
        """What the page has to show."""
        return self._agent.keeper.ledger

    def serve(self) -> None:
        """Answer requests from now on."""

        async def begin() -> None:
            self._serving = asyncio.create_task(self._server.run())
            while True:
                try:
                    _, writer = await asyncio.open_connection(*self.url[7:-1].split(":"))
                except ConnectionError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result(DEADLINE_S)

    def silence(self) -> None:
        """Answer no more requests, and end those that are answered."""

        async def end() -> None:
            if self._serving is not None:
                self._serving.cancel()
                await asyncio.gather(self._serving, return_exceptions=True)
            while self._server.connections:
                await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(DEADLINE_S)

    def shared(self, *names: str, forbidden: str = "") -> None:
        """Start shared containers."""
        notes = {FORBID_ANNOTATION: forbidden} if forbidden else {}
        self.call(lambda: [start(self._agent.handlers, create(one, 100, notes)) for one in names])

    def integer(self, name: str, cpus: int) -> CpuSet:
        """Start a container with so many cpus of its own; return them."""
        return self.call(lambda: start(self._agent.handlers, create(name, 1000 * cpus)))

    def annotated(self, name: str, cores: str) -> CpuSet:
        """Start a container that names its cpus; return them."""
        request = create(name, 100, {CORES_ANNOTATION: cores})
        return self.call(lambda: start(self._agent.handlers, request))

    def end(self, name: str) -> None:
        """End a container."""
        self.call(lambda: stop(self._agent.handlers, create(name, 100)))

    def disconnect(self, problem: str) -> None:
        """Lose the runtime."""

        def lose() -> None:
            self._agent.uptime.down()
            self._agent.uptime.problem = problem

        self.call(lose)

    def call(self, work: Callable[[], T]) -> T:
        """Do something on the agent's event loop, as the runtime's requests are."""

        async def doing() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(DEADLINE_S)


@contextmanager
def shown_node(topology: Topology) -> Iterator[ShownNode]:
    """Have a node whose page can be opened."""
    made: Future[tuple[ShownNode, asyncio.Event]] = Future()

    async def work() -> None:
        node, over = ShownNode(topology, asyncio.get_running_loop()), asyncio.Event()
        made.set_result((node, over))
        await over.wait()

    thread = threading.Thread(target=asyncio.run, args=[work()], name="shown node")
    thread.start()
    node, over = made.result(DEADLINE_S)
    try:
        node.serve()
        yield node
    finally:
        node.silence()
        node.call(over.set)
        thread.join()
