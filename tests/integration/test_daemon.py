"""The agent as a process, against a small runtime at a real socket."""

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import nri
from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from tests.small_runtime import NoCallbacks, Node, Pod, accept_plugin
from weka_cpuset import instance
from weka_cpuset.engine import CORES_ANNOTATION, CpuSet

MACHINE = grid("2x4-smt2", packages=2, cores=4, threads=2)
DEADLINE_S = 20.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the machine's sysfs; the socket and the log are put here too."""
    write_sysfs(MACHINE, tmp_path / "sys")
    return tmp_path


def arguments(root: Path, *more: str) -> list[str]:
    """Return the command line of an agent that works in `root`."""
    return [
        *(sys.executable, "-m", "weka_cpuset.cli", "run"),
        *("--socket", str(root / "nri.sock"), "--sysfs", str(root / "sys")),
        # The small runtime has no cgroup files; those of this machine are not for its cpus.
        *("--cgroups", str(root / "cgroup")),
        # Not the port of an agent that this machine may have.
        *("--http-listen", str(root / "http.sock")),
        *("--log-format", "json", "--log-level", "debug", "--settle-way", "reply", *more),
    ]


@asynccontextmanager
async def agent(root: Path, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the agent, and make sure that it ends."""
    with (root / "agent.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*arguments(root, *more), stderr=log)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def accept(root: Path) -> Node:
    """Be a runtime and wait for the agent."""
    (root / "nri.sock").unlink(missing_ok=True)
    return await accept_plugin(root / "nri.sock", MACHINE, nri.RuntimeSettings(name="test"))


async def stop(process: asyncio.subprocess.Process) -> int:
    """Ask the agent to stop and return its exit code."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        return await process.wait()


async def grown(node: Node, name: str) -> CpuSet:
    """Give the agent replies to answer until a shared container has the whole machine again."""
    for number in itertools.count():
        if len(node.cpusets[name]) == len(MACHINE.online):
            return node.cpusets[name]
        await node.create(Pod(f"passing-{number}", 100, guaranteed=False))
        await node.delete(f"passing-{number}")
        await asyncio.sleep(0.1)  # growth waits until a burst is over
    raise AssertionError("there is always another number")


def log_of(root: Path) -> list[dict[str, object]]:
    """Return the agent's log lines."""
    return [json.loads(line) for line in (root / "agent.log").read_text().splitlines()]


@pytest.mark.asyncio
async def test_each_class_gets_its_cpus(root: Path) -> None:
    """Over a real socket: shared, integer and annotated pods are placed by the rules."""
    async with agent(root) as process:
        node = await accept(root)
        await node.create(Pod("shared", 100, guaranteed=False))
        assert CpuSet.of(range(16)) == node.cpusets["shared"]
        await node.create(Pod("integer", 2000))
        assert len(node.cpusets["integer"]) == 2
        assert node.cpusets["integer"].isdisjoint(node.cpusets["shared"])
        named = str(node.cpusets["integer"])
        await node.create(Pod("named", 100, annotations={CORES_ANNOTATION: named}))
        assert str(node.cpusets["named"]) == named
        assert len(node.cpusets["integer"]) == 2
        everyone = [node.cpusets[name] for name in ("shared", "integer", "named")]
        assert sum(len(cpus) for cpus in everyone) <= 16
        assert len(everyone[0] | everyone[1] | everyone[2]) == sum(map(len, everyone))
        await node.delete_all(["integer", "named"])
        assert CpuSet.of(range(16)) == await grown(node, "shared")
        assert await stop(process) == 0
    messages = [str(line["message"]) for line in log_of(root)]
    assert "Removing container" in messages
    assert any(line.get("reason") == "container removal" for line in log_of(root))


@pytest.mark.asyncio
async def test_refusal_reaches_the_runtime_and_changes_nothing(root: Path) -> None:
    """A pod that names a missing cpu is refused with a message that says what is wrong."""
    async with agent(root):
        node = await accept(root)
        await node.create(Pod("shared", 100, guaranteed=False))
        with pytest.raises(nri.StatusError) as caught:
            await node.create(Pod("wrong", 100, annotations={CORES_ANNOTATION: "3-99"}))
        assert "99" in caught.value.message
        assert list(node.cpusets) == ["shared"]
        await node.create(Pod("right", 100, annotations={CORES_ANNOTATION: "3"}))


@pytest.mark.asyncio
async def test_runtime_restart_is_survived_and_pods_keep_their_cpus(root: Path) -> None:
    """When the runtime goes and comes back, the agent comes back and touches nothing."""
    async with agent(root) as process:
        node = await accept(root)
        for pod in (Pod("shared", 100, guaranteed=False), Pod("integer", 3000)):
            await node.create(pod)
        before = dict(node.cpusets)
        for _ in range(3):
            node._link.abort()
            again = await accept(root)
            again.cpusets, again._pods, again._ids = dict(before), node._pods, node._ids
            again.history.clear()
            await again.synchronize()
            assert again.history == []
            node = again
        await node.delete("integer")
        assert CpuSet.of(range(16)) == await grown(node, "shared")
        assert await stop(process) == 0


@pytest.mark.asyncio
async def test_agent_restart_rebuilds_from_the_report(root: Path) -> None:
    """A killed agent's successor knows from the report who owns what."""
    async with agent(root) as first:
        node = await accept(root)
        for pod in (Pod("shared", 100, guaranteed=False), Pod("integer", 2000)):
            await node.create(pod)
        first.kill()
        await first.wait()
    async with agent(root):
        again = await accept(root)
        again.cpusets, again._pods, again._ids = node.cpusets, node._pods, node._ids
        again._numbers = node._numbers
        await again.synchronize()
        await again.create(Pod("second", 2000))
        assert again.cpusets["second"].isdisjoint(again.cpusets["integer"])
        assert again.cpusets["second"].isdisjoint(again.cpusets["shared"])


@pytest.mark.asyncio
async def test_missing_socket_is_waited_for_and_said_once(root: Path) -> None:
    """Without a runtime the agent says so once, goes on trying, and stops when asked."""
    async with agent(root) as process:
        while not any("Not connected" in str(line["message"]) for line in log_of(root)):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert process.returncode is None
        assert await stop(process) == 0
    warnings = [line for line in log_of(root) if line["level"] == "warning"]
    assert len(warnings) == 1
    assert str(root / "nri.sock") in str(warnings[0]["message"])


@pytest.mark.asyncio
async def test_socket_that_is_not_nri_is_survived(root: Path) -> None:
    """A server that talks nonsense, and one that hangs up, do not end the agent."""
    async with agent(root) as process:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.settimeout(0)
            listener.bind(str(root / "nri.sock"))
            listener.listen()
            loop = asyncio.get_running_loop()
            for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50, b""):
                peer, _ = await loop.sock_accept(listener)
                with peer:
                    await loop.sock_sendall(peer, answer)
        node = await accept(root)
        await node.create(Pod("integer", 1000))
        assert len(node.cpusets["integer"]) == 1
        assert await stop(process) == 0


@pytest.mark.asyncio
async def test_second_agent_waits_for_the_first(root: Path) -> None:
    """Of two agents at one runtime, one connects and the other one waits for its end."""
    async with agent(root) as first:
        await accept(root)
        with pytest.raises(instance.AnotherInstance), instance.lock(root):
            pass
        async with agent(root) as second:
            while not any("another agent" in str(line["message"]) for line in log_of(root)):
                await asyncio.sleep(0.05)
            assert await stop(first) == 0
            node = await accept(root)
            await node.create(Pod("integer", 1000))
            assert await stop(second) == 0


@pytest.mark.asyncio
async def test_dry_run_changes_nothing(root: Path) -> None:
    """In a dry run every pod is let in and left alone."""
    async with agent(root, "--dry-run"):
        node = await accept(root)
        await node.create(Pod("integer", 2000))
        await node.create(Pod("wrong", 100, annotations={CORES_ANNOTATION: "99"}))
        assert {CpuSet.of(range(16))} == set(node.cpusets.values())


@pytest.mark.asyncio
async def test_launched_plugin_outlives_its_connection(root: Path) -> None:
    """On an inherited connection the agent serves; cut off by a living runtime it goes on."""
    ours, theirs = socket.socketpair()
    program = root / "99-weka-cpuset"
    program.write_text(f"#!{sys.executable}\nfrom weka_cpuset.cli import main\nmain()\n")
    program.chmod(0o755)
    with theirs:
        os.set_inheritable(theirs.fileno(), True)
        process = subprocess.Popen(
            [
                str(program),
                "run",
                "--socket",
                str(root / "none.sock"),
                "--sysfs",
                str(root / "sys"),
            ],
            env={"NRI_PLUGIN_SOCKET": str(theirs.fileno()), "NRI_PLUGIN_IDX": "99"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        async with asyncio.timeout(DEADLINE_S):
            link = await nri.PluginLink.accept(ours, NoCallbacks(), nri.RuntimeSettings())
            assert (link.index, link.name) == ("99", "weka-cpuset")
            node = Node(MACHINE, link)
            await node.create(Pod("integer", 1000))
            assert len(node.cpusets["integer"]) == 1
            link.close()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--plugin-index", "100"], "nri.index: '100' (--plugin-index) is not allowed"),
        (["--reserved-cpus", "x"], "cpus.reserved: 'x' (--reserved-cpus) is not allowed"),
        (["--config", "/no/such/file"], "'/no/such/file'"),
        (["--sysfs", "/no/such/folder"], "/no/such/folder"),
    ],
)
def test_bad_setting_ends_with_code_2_and_one_line(
    root: Path, flags: list[str], expected: str
) -> None:
    """What can never work ends the agent at once, with one line on standard error."""
    ended = subprocess.run(
        arguments(root, *flags), capture_output=True, text=True, check=False, timeout=20
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert expected in ended.stderr


def test_old_command_line_still_works() -> None:
    """The flags of the component that this one replaces work without a command."""
    ended = subprocess.run(
        [sys.executable, "-m", "weka_cpuset.cli", "--socket", "relative"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert ended.returncode == 2
    assert "nri.socket: 'relative' (--socket)" in ended.stderr
