"""The virtual machine itself: its shape, and that it leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nodestress.waiting import wait_for
from tests.e2e.containerd_config import Series
from tests.vm.image import ROOT, Image
from tests.vm.kept import VmNode
from tests.vm.machine import CPUS, ScriptFailed
from tests.vm.truth import NODES, SIBLINGS, parse

RESTORE_AND_WAIT = """
import pathlib, sys, time
from tests.e2e.containerd_config import Series
from tests.vm import image
from tests.vm.machine import Machine

one = Machine(image.build(), Series(sys.argv[1]), pathlib.Path(sys.argv[2]))
one.restore()
print(one.pid, flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.quick


def test_shape(node: VmNode) -> None:
    """20 cpus, two nodes with memory, two threads a core, and cgroups of version 2."""
    system = "/sys/devices/system"
    told = node.machine.run(
        f"cat {system}/cpu/online {system}/node/node*/cpulist"
        f" {system}/cpu/cpu*/topology/thread_siblings_list; cat /proc/mounts"
    ).splitlines()

    assert parse(told[0]) == parse(f"0-{CPUS - 1}")
    assert [parse(line) for line in told[1:3]] == list(NODES)
    assert {parse(line) for line in told[3 : 3 + CPUS]} == set(SIBLINGS)
    assert any(line.startswith("cgroup /sys/fs/cgroup cgroup2") for line in told)


def test_pods_are_started_by_crun(node: VmNode) -> None:
    """It is what containerd finds by the name of runc; with runc itself all takes twice as long."""
    told = node.machine.run(
        "PATH=$(tr '\\0' '\\n' < /proc/$(pidof containerd)/environ | sed -n 's/^PATH=//p')"
        " runc --version"
    )

    assert told.startswith("crun ")


def test_failing_script_says_so(node: VmNode) -> None:
    """What a failed script wrote, and its status, are in the error."""
    with pytest.raises(ScriptFailed, match="status 3 from 'echo oops") as caught:
        node.machine.run("echo oops; exit 3")
    assert caught.value.output.strip() == "oops"


def test_nothing_is_left_when_the_tests_are_killed(
    built: Image,  # noqa: ARG001  # first of all
    series: Series,
    tmp_path: Path,
) -> None:
    """The machine ends with the process that started it, whatever ends that."""
    command = [sys.executable, "-c", RESTORE_AND_WAIT, series.value, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        owner.send_signal(signal.SIGKILL)

    wait_for("the machine to end", lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
