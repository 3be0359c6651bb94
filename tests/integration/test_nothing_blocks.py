"""Events are answered while everything around the agent hangs."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nri
from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from tests.small_runtime import Pod, accept_plugin

MACHINE = grid("1x8", packages=1, cores=8, threads=1)


@pytest.mark.asyncio
@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_hanging_log_output_and_file_system_delay_no_event(
    tmp_path: Path, log_format: str
) -> None:
    """With a log pipe that nobody reads and a sysfs that hangs, every event has its answer."""
    write_sysfs(MACHINE, tmp_path / "sys")
    reader, writer = os.pipe()
    agent = subprocess.Popen(
        [
            *(sys.executable, "-m", "weka_cpuset.cli", "run", "--log-level", "debug"),
            *("--socket", str(tmp_path / "nri.sock"), "--sysfs", str(tmp_path / "sys")),
            *("--cgroups", str(tmp_path / "cgroup"), "--log-format", log_format),
        ],
        stderr=writer,
    )
    os.close(writer)
    try:
        async with asyncio.timeout(40):
            node = await accept_plugin(
                tmp_path / "nri.sock", MACHINE, nri.RuntimeSettings(name="test")
            )
            # A read of a pipe without a writer never ends: a file system that hangs.
            online = tmp_path / "sys/devices/system/cpu/online"
            online.unlink()
            os.mkfifo(online)
            slowest_s = 0.0
            # 300 pods log far more than the 64 KiB that a pipe holds.
            for number in range(300):
                started_s = time.monotonic()
                await node.create(Pod(f"pod-{number}", 1000))
                await node.delete(f"pod-{number}")
                slowest_s = max(slowest_s, time.monotonic() - started_s)
            assert agent.poll() is None
            # Six events; the runtime allows 2 s for each.
            assert slowest_s < 2
    finally:
        agent.kill()
        agent.wait()
        os.close(reader)
