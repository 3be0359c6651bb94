"""A thousand peers that break every rule leave nothing behind and disturb nobody.

Both ends take them: a runtime that listens, and a plugin that connects. The peers are made
from a fixed seed, one fifth of each kind.
"""

import asyncio
import gc
import random
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import assert_never

import pytest

from nri import (
    Identity,
    InheritedEndpoint,
    PluginConnection,
    PluginLink,
    RegistrationFailed,
    RuntimeSettings,
    SocketEndpoint,
    Timeouts,
    connect,
)
from nri.messages import Container, CreateContainerRequest
from tests.unit.nri.peers import IDENTITY, RecordingPlugin, RecordingRuntime

PEERS = 1000
BATCH = 50
WARM_UP = 2
"""Batches that are not measured: they fill caches of the interpreter once."""
MAX_GROWTH_BYTES = 512 * 1024
"""Half a kilobyte per peer: less than one leaked connection object each."""
PATIENCE_S = 0.1
"""How long the good side waits for a peer that says nothing."""


class Kind(Enum):
    """What is wrong with a peer."""

    RANDOM = "random bytes"
    CUT = "a frame that is cut off"
    WRONG_IDS = "ids that do not exist or are used twice"
    OVERSIZED = "lengths beyond all limits"
    HALF_OPEN = "nothing, or half a header, and silence"


KINDS = list(Kind)


def message(stream_id: int, kind: int, body: bytes = b"") -> bytes:
    """One ttrpc message."""
    return struct.pack(">IIBB", len(body), stream_id, kind, 0) + body


def frame(channel: int, payload: bytes) -> bytes:
    """One frame of the multiplexer."""
    return struct.pack(">II", channel, len(payload)) + payload


def malformed(kind: Kind, rng: random.Random) -> bytes:
    """Makes the bytes of one peer."""
    match kind:
        case Kind.RANDOM:
            return rng.randbytes(rng.randrange(1, 4096))
        case Kind.CUT:
            whole = frame(rng.choice([1, 2]), message(1, rng.choice([1, 2]), rng.randbytes(200)))
            return whole[: rng.randrange(1, len(whole))]
        case Kind.WRONG_IDS:
            messages = [message(rng.randrange(6), rng.randrange(5)) for _ in range(20)]
            return b"".join(frame(rng.randrange(8), each) for each in messages)
        case Kind.OVERSIZED:
            if rng.random() < 0.5:
                return struct.pack(">II", rng.choice([1, 2, 9]), rng.randrange(1 << 27, 1 << 32))
            header = struct.pack(">IIBB", rng.randrange(1 << 29, 1 << 32), 1, 1, 0)
            return frame(1, header) + frame(2, header)
        case Kind.HALF_OPEN:
            return rng.choice([b"", b"\0\0\0\2\0\0", frame(2, b"\0\0\0"), frame(1, b"\0\0\0")])
        case _:
            assert_never(kind)


async def play(sock: socket.socket, kind: Kind, rng: random.Random) -> None:
    """Says what such a peer says, and ends in one of several ways."""
    loop = asyncio.get_running_loop()
    with sock, suppress(OSError):  # the other side may be gone first
        await loop.sock_sendall(sock, malformed(kind, rng))
        if kind is not Kind.HALF_OPEN and rng.random() < 0.5:
            return
        if rng.random() < 0.3:
            sock.shutdown(socket.SHUT_WR)
        while await loop.sock_recv(sock, 4096):
            pass


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    tasks: int
    descriptors: int
    bytes: int

    @classmethod
    def now(cls) -> "Footprint":
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        return cls(len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir())), held)

    def assert_no_growth_since(self, before: "Footprint") -> None:
        assert self.tasks == before.tasks
        assert self.descriptors == before.descriptors
        assert self.bytes - before.bytes < MAX_GROWTH_BYTES


@dataclass
class Runtime:
    """A runtime that listens, and takes every client in a task of its own."""

    listener: socket.socket
    patience_s: float = 5.0
    links: asyncio.Queue[PluginLink] = field(default_factory=asyncio.Queue)
    failures: list[Exception] = field(default_factory=list)
    unexpected: list[BaseException] = field(default_factory=list)
    _accepting: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self) -> None:
        """Accepts for ever."""
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self.listener)
            task = asyncio.create_task(self._accept(sock))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def settled(self) -> None:
        """Waits until every client that was accepted is linked or dropped."""
        while self._accepting:
            await asyncio.wait(set(self._accepting))

    async def _accept(self, sock: socket.socket) -> None:
        settings = RuntimeSettings(registration_timeout_s=self.patience_s, request_timeout_s=5)
        try:
            self.links.put_nowait(await PluginLink.accept(sock, RecordingRuntime(), settings))
        except RegistrationFailed as failure:
            self.failures.append(failure.with_traceback(None))
        except BaseException as error:
            self.unexpected.append(error)
            raise


@dataclass
class GoodPair:
    """A plugin and a runtime that work while others misbehave."""

    plugin: PluginConnection
    link: PluginLink
    handler: RecordingPlugin
    asked: int = 0

    async def ask(self) -> None:
        """One request, one answer: the plugin still gets everything."""
        self.asked += 1
        request = CreateContainerRequest(container=Container(id=str(self.asked)))
        await self.link.create_container(request)
        assert self.handler.requests.pop() == request
        assert self.handler.requests == []
        assert self.handler.faults == []

    async def close(self) -> None:
        """Ends both."""
        self.plugin.close()
        assert await self.plugin.wait_closed() is None
        await self.link.wait_closed()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the one side listens."""
    return str(tmp_path / "nri.sock")


@asynccontextmanager
async def listening(path: str) -> AsyncIterator[socket.socket]:
    """A listening socket, and the measure of memory."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(path)
        listener.listen(BATCH * 2)
        tracemalloc.start()
        try:
            yield listener
        finally:
            tracemalloc.stop()


async def client(path: str, kind: Kind, rng: random.Random) -> None:
    """One malformed client of a runtime."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    await asyncio.get_running_loop().sock_connect(sock, path)
    await play(sock, kind, rng)


@pytest.mark.asyncio
async def test_runtime_survives_malformed_plugins(path: str) -> None:
    """Every one is dropped as a failed registration; a good plugin is served all the time."""
    rng = random.Random(1)  # noqa: S311  # a repeatable test
    async with listening(path) as listener:
        runtime = Runtime(listener)
        serving = asyncio.create_task(runtime.serve())
        handler = RecordingPlugin()
        plugin = await connect(SocketEndpoint(path), IDENTITY, handler)
        good = GoodPair(plugin, await runtime.links.get(), handler)
        runtime.patience_s = PATIENCE_S
        before = Footprint.now()
        for batch in range(WARM_UP + PEERS // BATCH):
            clients = [client(path, KINDS[n % len(KINDS)], rng) for n in range(BATCH)]
            await asyncio.gather(good.ask(), *clients)
            await runtime.settled()
            await good.ask()
            if batch == WARM_UP - 1:
                assert len(runtime.failures) == WARM_UP * BATCH
                runtime.failures.clear()
                before = Footprint.now()
        assert len(runtime.failures) == PEERS
        assert runtime.unexpected == []
        assert runtime.links.empty()
        runtime.failures.clear()
        Footprint.now().assert_no_growth_since(before)
        assert good.asked == 2 * (WARM_UP + PEERS // BATCH)
        await good.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def good_pair() -> GoodPair:
    """A plugin and a runtime on a socket pair of their own."""
    ours, theirs = socket.socketpair()
    handler = RecordingPlugin()
    plugin, link = await asyncio.gather(
        connect(InheritedEndpoint(theirs.detach()), IDENTITY, handler),
        PluginLink.accept(ours, RecordingRuntime(), RuntimeSettings(request_timeout_s=5)),
    )
    return GoodPair(plugin, link, handler)


async def foolish_runtimes(listener: socket.socket, rng: random.Random) -> None:
    """Takes a batch of plugins, and answers each with what is no answer."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as playing:
        for number in range(BATCH):
            sock, _ = await loop.sock_accept(listener)
            playing.create_task(play(sock, KINDS[number % len(KINDS)], rng))


async def attempt(path: str) -> None:
    """Connects to a runtime that will not do its part."""
    timeouts = Timeouts(register_s=PATIENCE_S)
    with pytest.raises(RegistrationFailed):
        await connect(
            SocketEndpoint(path), Identity("plugin", "10"), RecordingPlugin(), timeouts=timeouts
        )


@pytest.mark.asyncio
async def test_plugin_survives_malformed_runtimes(path: str) -> None:
    """Every attempt ends as a failed registration; another plugin of the process works on."""
    rng = random.Random(2)  # noqa: S311  # a repeatable test
    async with listening(path) as listener:
        good = await good_pair()
        before = Footprint.now()
        for batch in range(WARM_UP + PEERS // BATCH):
            attempts = [attempt(path) for _ in range(BATCH)]
            await asyncio.gather(good.ask(), foolish_runtimes(listener, rng), *attempts)
            await good.ask()
            if batch == WARM_UP - 1:
                before = Footprint.now()
        Footprint.now().assert_no_growth_since(before)
        assert good.asked == 2 * (WARM_UP + PEERS // BATCH)
        await good.close()
