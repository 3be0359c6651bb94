"""Recordings of the whole agent: what was decided is decided again, and nothing is told."""

import asyncio
import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nri
from nodesim.machines import grid
from nodesim.simulation import Simulation
from nodesim.storm import storm
from nodesim.sysfs_files import write_sysfs
from nri import Event, messages, nri_pb2
from tests.machines import LAPTOP
from tests.small_runtime import Pod, accept_plugin
from weka_cpuset.engine import CORES_ANNOTATION, Rules
from weka_cpuset.handlers import Handlers
from weka_cpuset.keeper import Keeper
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import Recorder
from weka_cpuset.record.repeat import Outcome, repeat

MACHINE = grid("2x4-smt2", packages=2, cores=4, threads=2)
DEADLINE_S = 20.0
SECRET = "token-8c6976e5b541"  # noqa: S105  # what must not be found again


def replayed(path: Path) -> Outcome:
    """Replay a file."""
    with path.open("rb") as lines:
        return repeat(lines, lambda _: None)


def record_storm(path: Path, seed: int, events: int) -> None:
    """Record a simulated storm, with faults and restarts."""
    scenario = storm("2x16-smt2", seed, events)
    settings = (("record.file", str(path)), ("record.max_bytes", str(1 << 30)))
    Simulation(dataclasses.replace(scenario, settings=(*scenario.settings, *settings))).run()


def test_ten_thousand_events_are_decided_as_they_were(tmp_path: Path) -> None:
    """The whole agent in a storm with faults and restarts: a replay finds no difference."""
    record_storm(tmp_path / "recording", seed=4, events=14_000)
    found = replayed(tmp_path / "recording")
    assert found.questions >= 10_000
    assert (found.difference, found.lost, found.cut_lines) == (None, 0, [])
    assert found.starts > 1


@pytest.mark.asyncio
async def test_the_agent_records_and_the_command_replays(tmp_path: Path) -> None:
    """`run --record FILE`, over a real socket, then `replay FILE`, in another process."""
    write_sysfs(MACHINE, tmp_path / "sys")
    program = (sys.executable, "-m", "weka_cpuset.cli")
    arguments = [
        *("run", "--socket", str(tmp_path / "nri.sock"), "--sysfs", str(tmp_path / "sys")),
        *("--cgroups", str(tmp_path / "cgroup"), "--record", str(tmp_path / "recording")),
    ]
    process = await asyncio.create_subprocess_exec(*program, *arguments, stderr=subprocess.DEVNULL)
    async with asyncio.timeout(DEADLINE_S):
        settings = nri.RuntimeSettings(name="test")
        node = await accept_plugin(tmp_path / "nri.sock", MACHINE, settings)
        await node.create(Pod("shared", 100, guaranteed=False))
        await node.create(Pod("integer", 2000))
        with pytest.raises(nri.StatusError):
            await node.create(Pod("wrong", 100, annotations={CORES_ANNOTATION: "99"}))
        await node.delete_all(["integer", "shared"])
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    shown = subprocess.run(
        [*program, "replay", "--show", str(tmp_path / "recording")],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert shown.returncode == 0, shown.stderr
    for text in ("Synchronize of 0", "integer/main", "CoresOffline", "Stop ", "same: "):
        assert text in shown.stdout


def test_no_secret_of_a_pod_is_recorded(tmp_path: Path) -> None:
    """Arguments, environment, mounts, labels and other annotations stay out of the file."""
    texts = {f"key-{SECRET}": SECRET}
    file = RecordFile(tmp_path / "recording", 1 << 22, {})
    handlers = Handlers(
        Keeper(LAPTOP, Rules(), dry_run=False, recorder=Recorder(file, lambda: 0.0))
    )
    sandbox = messages.PodSandbox(
        id="p", uid="u", name="web", annotations={**texts, CORES_ANNOTATION: "1"}, labels=texts
    )
    container = messages.Container(
        id="c",
        pod_sandbox_id="p",
        name="main",
        args=[SECRET],
        env=[f"PASSWORD={SECRET}"],
        mounts=[nri_pb2.Mount(destination=f"/{SECRET}", source=f"/{SECRET}")],
        labels=texts,
        annotations=texts,
    )
    handlers.create_container(messages.CreateContainerRequest(pod=sandbox, container=container))
    handlers.update_container(
        messages.UpdateContainerRequest(
            pod=sandbox,
            container=container,
            linux_resources=messages.LinuxResources(unified=texts),
        )
    )
    handlers.state_change(Event.POST_START_CONTAINER, sandbox, container)
    handlers.synchronize([sandbox], [container])
    file.close()
    recorded = (tmp_path / "recording").read_text()
    assert "web" in recorded
    assert SECRET not in recorded
    assert replayed(tmp_path / "recording").questions == 4
