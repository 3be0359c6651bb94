"""Every way in which the connection can end, or not begin, ends in a registered agent again."""

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import nri
from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from nri import messages, services
from tests.integration.test_daemon import DEADLINE_S, agent, log_of, stop
from tests.small_runtime import NoCallbacks, Node, Pod
from weka_cpuset.engine import CpuSet

MACHINE = grid("2x4-smt2", packages=2, cores=4, threads=2)

BACK_S = 2.0
"""The agent is registered again so many seconds after its runtime is back."""

STOPPED_S = 1.0
"""It stops within so many seconds of being asked."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the machine's sysfs, and one with the socket as a runtime has."""
    write_sysfs(MACHINE, tmp_path / "sys")
    (tmp_path / "nri").mkdir()
    return tmp_path


def config(root: Path, **timeouts: float) -> list[str]:
    """Return options: the socket in a folder of its own, and some short timeouts."""
    lines = [f"  {key}: {value}" for key, value in timeouts.items()]
    text = "\n".join(["nri:", f"  socket: {root}/nri/nri.sock", *lines])
    (root / "config.yaml").write_text(text + "\n")
    return ["--config", str(root / "config.yaml"), "--socket", str(root / "nri" / "nri.sock")]


@contextlib.contextmanager
def listening(root: Path) -> Iterator[socket.socket]:
    """Listen as a runtime does: what is at the path gives way, and stays when it ends."""
    path = root / "nri" / "nri.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(0)
        listener.bind(str(path))
        listener.listen()
        yield listener


async def accept(listener: socket.socket) -> socket.socket:
    """Wait for the next connection of the agent."""
    sock, _ = await asyncio.get_running_loop().sock_accept(listener)
    return sock


async def synchronized(listener: socket.socket, like: Node | None = None) -> Node:
    """Take the agent in, report what runs, and return the node."""
    link = await nri.PluginLink.accept(await accept(listener), NoCallbacks(), nri.RuntimeSettings())
    node = Node(MACHINE, link)
    if like is not None:
        node.cpusets, node._pods, node._ids = dict(like.cpusets), like._pods, like._ids
        node._numbers = like._numbers
    await node.synchronize()
    return node


@contextlib.asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """Check that a block takes no longer."""
    begin_s = time.monotonic()
    async with asyncio.timeout(DEADLINE_S):
        yield
    assert time.monotonic() - begin_s <= seconds


@pytest.mark.asyncio
@pytest.mark.parametrize("remounted", [False, True], ids=["socket-replaced", "folder-remounted"])
async def test_registered_soon_after_a_runtime_that_was_long_away(
    root: Path, *, remounted: bool
) -> None:
    """The pauses have grown meanwhile; the new socket ends them, in a new folder too."""
    async with agent(root, *config(root)) as process:
        with listening(root) as listener:
            node = await synchronized(listener)
            await node.create(Pod("integer", 2000))
            node._link.abort()
        await asyncio.sleep(3.5)
        if remounted:
            shutil.rmtree(root / "nri")
            (root / "nri").mkdir()
        with listening(root) as listener:
            async with in_time(BACK_S):
                again = await synchronized(listener, node)
            assert again.history == []
            await again.create(Pod("other", 2000))
            assert again.cpusets["other"].isdisjoint(again.cpusets["integer"])
        async with in_time(STOPPED_S):
            assert await stop(process) == 0


@pytest.mark.asyncio
async def test_refused_registration_is_repeated(root: Path) -> None:
    """A runtime that says no five times, and then yes, has the agent within two seconds."""
    async with agent(root, *config(root)) as process:
        with listening(root) as listener:
            for _ in range(5):
                with await accept(listener) as sock:
                    session = nri.Session(nri.Side.RUNTIME)
                    data = await asyncio.get_running_loop().sock_recv(sock, 1 << 16)
                    session.receive_data(data)
                    stream = next(
                        one.stream_id
                        for one in session.events_received()
                        if isinstance(one, nri.RequestReceived)
                    )
                    session.reply_error(stream, nri.Status.UNKNOWN, "not now")
                    answer = b"".join(session.data_to_send())
                    await asyncio.get_running_loop().sock_sendall(sock, answer)
            async with in_time(BACK_S):
                await synchronized(listener)
        assert process.returncode is None
    warnings = [line for line in log_of(root) if line["level"] == "warning"]
    assert sum("not now" in str(line["message"]) for line in warnings) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("registered", [False, True])
async def test_half_open_runtime_is_given_up(root: Path, *, registered: bool) -> None:
    """One that accepts and stays silent, before or after the registration, is left in time."""
    short = config(root, registration_timeout_s=0.3, synchronize_timeout_s=0.3)
    async with agent(root, *short) as process:
        with listening(root) as listener:
            sock = await accept(listener)
            if registered:
                link = await nri.PluginLink.accept(sock, NoCallbacks(), nri.RuntimeSettings())
                async with in_time(BACK_S):
                    await link.wait_closed()
            async with in_time(BACK_S):
                await synchronized(listener)
            sock.close()
        assert process.returncode is None


@pytest.mark.asyncio
async def test_stops_in_time_whatever_it_waits_for(root: Path) -> None:
    """Without a runtime, with a silent one, and with one that never reports."""
    async with agent(root, *config(root)) as process:
        while not (root / "agent.log").read_text():
            await asyncio.sleep(0.02)
        async with in_time(STOPPED_S):
            assert await stop(process) == 0
    for registered in (False, True):
        with listening(root) as listener:
            async with agent(root, *config(root)) as process:
                with await accept(listener) as sock:
                    if registered:
                        await nri.PluginLink.accept(
                            sock.dup(), NoCallbacks(), nri.RuntimeSettings()
                        )
                    async with in_time(STOPPED_S):
                        assert await stop(process) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "point", ["before register", "in Synchronize", "before the reply", "after the reply", "in Stop"]
)
async def test_killed_agent_has_a_successor_that_keeps_the_rules(root: Path, point: str) -> None:
    """SIGKILL at any point: the next agent rebuilds from the report, and nobody shares a cpu."""
    with listening(root) as listener:
        async with agent(root, *config(root)) as process:
            if point == "before register":
                node = None
                with await accept(listener):
                    process.kill()
            else:
                node = await synchronized(listener)
                await node.create(Pod("shared", 100, guaranteed=False))
                await node.create(Pod("integer", 2000))
                await _kill(process, node, point)
            await process.wait()
        async with agent(root, *config(root)) as process:
            async with asyncio.timeout(DEADLINE_S):
                again = await synchronized(listener, node)
                await again.create(Pod("late", 3000))
            taken = [cpus for name, cpus in again.cpusets.items() if name in again.pods]
            assert sum(len(cpus) for cpus in taken) == len(
                CpuSet.of(cpu for cpus in taken for cpu in cpus)
            )
            async with in_time(STOPPED_S):
                assert await stop(process) == 0


async def _kill(process: asyncio.subprocess.Process, node: Node, point: str) -> None:
    """Kill the agent while the runtime waits for it, or right afterwards."""
    match point:
        case "in Synchronize":
            waiting = asyncio.ensure_future(node.synchronize())
        case "before the reply":
            waiting = asyncio.ensure_future(node.create(Pod("new", 1000)))
        case "after the reply":
            waiting = asyncio.ensure_future(node.create(Pod("new", 1000)))
            await waiting
        case _:
            waiting = asyncio.ensure_future(node.delete("integer"))
    process.kill()
    with contextlib.suppress(nri.NriError):
        await waiting
    for name in set(node.pods) - set(node.cpusets):
        # The runtime goes on without a plugin that it lost: the container runs everywhere.
        del node._pods[name]


@pytest.mark.asyncio
async def test_connection_cut_at_every_byte_of_a_creation(root: Path) -> None:
    """Wherever a request breaks off, the agent comes back and has leaked nothing."""
    session = nri.Session(nri.Side.RUNTIME)
    request = messages.CreateContainerRequest(
        pod=messages.PodSandbox(id="p", uid="u", name="n", namespace="d"),
        container=messages.Container(id="cut", pod_sandbox_id="p", name="c"),
    )
    for _ in range(4):  # stream ids must rise; the session of the link has used some
        session.call(services.CREATE_CONTAINER, request)
    data = b"".join(session.data_to_send())
    data = data[-(len(data) // 4) :]
    short = config(root, reconnect_min_s=0.01, reconnect_max_s=0.01)
    async with agent(root, *short) as process:
        with listening(root) as listener:
            async with asyncio.timeout(60):
                for size in range(len(data) + 1):
                    sock = await accept(listener)
                    with sock.dup() as raw:
                        link = await nri.PluginLink.accept(
                            sock, NoCallbacks(), nri.RuntimeSettings()
                        )
                        await link.synchronize([], [])
                        raw.sendall(data[:size])
                        raw.shutdown(socket.SHUT_RDWR)
                        link.abort()
                node = await synchronized(listener)
                await node.create(Pod("all", 15000))
            assert len(node.cpusets["all"]) == 15
        assert await stop(process) == 0


@pytest.mark.asyncio
async def test_full_disk_of_the_log_stops_nothing(root: Path) -> None:
    """Where no log line can be written any more, events are answered as before."""
    async with agent(root, *config(root), "--log-file", "/dev/full") as process:
        with listening(root) as listener:
            async with asyncio.timeout(DEADLINE_S):
                node = await synchronized(listener)
                for number in range(20):
                    await node.create(Pod(f"pod-{number}", 1000))
                    await node.delete(f"pod-{number}")
            assert process.returncode is None
            async with in_time(STOPPED_S):
                assert await stop(process) == 0
