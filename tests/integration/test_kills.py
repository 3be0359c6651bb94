"""The runtime killed at any point, and the agent killed while it settles: the rules hold."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.message import Message

from nodesim.sysfs_files import write_sysfs
from nri import messages
from tests.dying_runtime import (
    INTEGER,
    MACHINE,
    POINTS,
    SHARED,
    Callbacks,
    TreeNode,
    successor,
)
from tests.integration.test_connection_life import BACK_S, STOPPED_S, in_time, listening
from tests.integration.test_daemon import DEADLINE_S, agent, stop
from tests.small_runtime import Pod


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the machine's sysfs, one for the socket, and one for cgroup files."""
    write_sysfs(MACHINE, tmp_path / "sys")
    (tmp_path / "nri").mkdir()
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def options(root: Path, way: str) -> list[str]:
    """Return options of the agent: where all is, and how it settles."""
    socket, cgroups = str(root / "nri" / "nri.sock"), str(root / "cgroup")
    return ["--socket", socket, "--cgroups", cgroups, "--settle-way", way]


@pytest.mark.asyncio
@pytest.mark.parametrize("point", POINTS)
async def test_killed_runtime_has_a_successor_with_the_same_agent(root: Path, point: str) -> None:
    """SIGKILL at any point: the agent is back in two seconds, nobody shares, nothing leaks."""
    way = "update" if point == "while settling" else "cgroup"
    async with agent(root, *options(root, way)) as process:
        await _live_and_die(root, point)
        with listening(root) as listener:
            async with in_time(BACK_S):
                node = await successor(listener, root)
            await node.create(Pod("late", 3000))
            _check_owners(node)
            if SHARED.name not in node.pods:
                await node.create(SHARED)
            await node.delete_all(set(node.pods) - {SHARED.name})
            await _has(node, SHARED.name, len(MACHINE.online))
            await node.create(Pod("all", 15000))
            _check_owners(node)
        assert process.returncode is None
        async with in_time(STOPPED_S):
            assert await stop(process) == 0


@pytest.mark.asyncio
async def test_settles_although_its_runtime_was_killed(root: Path) -> None:
    """What a killed runtime leaves due is written to the cgroup files without any runtime."""
    async with agent(root, *options(root, "cgroup")):
        await _live_and_die(root, "before settling")
        file = next((root / "cgroup").rglob("podshared/*/cpuset.cpus"))
        async with asyncio.timeout(DEADLINE_S):
            while file.read_text().strip() != str(MACHINE.online):
                await asyncio.sleep(0.02)


class _Holding(Callbacks):
    """Does what the agent asks for and never answers.

    Attributes:
        asked: Set once it was asked.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def update_containers(
        self, request: messages.UpdateContainersRequest
    ) -> "asyncio.Future[Message]":
        """Do it, and promise an answer."""
        super().update_containers(request)
        self.asked.set()
        return asyncio.get_running_loop().create_future()


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["cgroup", "update"])
async def test_agent_killed_while_settling_has_a_successor_that_finishes(
    root: Path, way: str
) -> None:
    """SIGKILL between two updates of a pass: the next agent knows who was not told."""
    callbacks, pool = _Holding(), len(MACHINE.online) - 2
    with listening(root) as listener:
        async with agent(root, *options(root, way)) as process:
            node = await successor(listener, root, callbacks)
            for name in ("shared-1", "shared-2"):
                await node.create(Pod(name, 100, guaranteed=False))
            await node.create(INTEGER)
            node.save(root, without=[INTEGER.name])
            stopped = _write_that_hangs(node.file("shared-2"))
            with stopped if way == "cgroup" else contextlib.nullcontext():
                await node.delete(INTEGER.name)
                if way == "cgroup":
                    await _has(node, "shared-1", len(MACHINE.online))
                else:
                    async with asyncio.timeout(DEADLINE_S):
                        await callbacks.asked.wait()
                process.kill()
                await process.wait()
        assert [len(node.enforced(f"shared-{number}")) for number in (1, 2)] == [pool + 2, pool]
        async with agent(root, *options(root, way)):
            async with asyncio.timeout(DEADLINE_S):
                again = await successor(listener, root)
            await again.create(Pod("late", 3000))
            _check_owners(again)
            await again.delete("late")
            for name in ("shared-1", "shared-2"):
                await _has(again, name, len(MACHINE.online))


async def _live_and_die(root: Path, point: str) -> None:
    """Run a runtime with two pods until it is killed at a point."""
    async with asyncio.timeout(DEADLINE_S):
        runtime = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.dying_runtime", str(root), point
        )
        assert await runtime.wait() == -signal.SIGKILL


@contextlib.contextmanager
def _write_that_hangs(file: Path) -> Iterator[None]:
    """Let whoever opens a file wait, as for a kernel that is slow; undo that at the end."""
    before = file.read_text()
    file.unlink()
    os.mkfifo(file)
    yield
    file.unlink()
    file.write_text(before)


async def _has(node: TreeNode, name: str, count: int) -> None:
    """Wait until a container has so many cpus."""
    async with asyncio.timeout(DEADLINE_S):
        while len(node.enforced(name)) != count:
            await asyncio.sleep(0.02)


def _check_owners(node: TreeNode) -> None:
    """Check that nobody is on the cpus of an integer container, by the cgroup files."""
    cpus = {name: node.enforced(name) for name in node.pods}
    for owner, pod in node.pods.items():
        if pod.guaranteed:
            assert len(cpus[owner]) == pod.milli_cpus // 1000
            assert all(cpus[owner].isdisjoint(cpus[one]) for one in cpus if one != owner)
