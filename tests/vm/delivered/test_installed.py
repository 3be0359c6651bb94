"""The executable of the release on a host, from its installation to its removal."""

import io
import tarfile
from pathlib import Path

import pytest

from nodestress.waiting import wait_for
from tests.e2e.pods import annotated, integer, shared
from tests.vm.image import NODE
from tests.vm.machine import Machine
from tests.vm.node import READY_TIMEOUT_S, Runtime, VmKubelet
from tests.vm.truth import ALL, NODES, Truth, memory_nodes, parse
from tools.release import executable
from weka_cpuset.engine import CpuSet

PROGRAM = "/opt/release/weka-cpuset"
PLUGIN = NODE.plugins / "99-weka-cpuset"
# Reads what the kernel says to it, first of all.
ASKS = ("grep", "_allowed_list", "/proc/self/status")
# Without any environment, as the runtime launches it.
BARE = f"env -i {PROGRAM}"


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The self-contained executable, built from this checkout, as a tar file for the machine."""
    target = tmp_path_factory.mktemp("executable") / "weka-cpuset"
    executable.build(target)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(target, PROGRAM.lstrip("/"))
    return buffer.getvalue()


def agents(machine: Machine) -> list[int]:
    """The processes of the launched agent."""
    return [int(pid) for pid in machine.run(f"pidof {PLUGIN.name} || true").split()]


def test_first_pod_after_the_boot_is_right_and_removal_frees_all(
    machine: Machine, runtime: Runtime, release: bytes
) -> None:
    """Launched at boot it places the very first pod; taken away, all have the whole machine."""
    machine.send(release)
    machine.run(f"{BARE} install --runtime-launched --write; sync")

    machine.reboot()
    runtime.wait_ready()

    kubelet = VmKubelet(runtime)
    truth = Truth(machine, kubelet)
    first = kubelet.run(annotated("first", "15,16", ASKS))
    kubelet.wait_exited(first)
    cpus, mems = (parse(line.partition(":")[2]) for line in kubelet.log_of(first))
    assert cpus == parse("15-16")
    assert mems == memory_nodes(cpus)
    pods = kubelet.run_all([integer("integer", 2), shared("shared"), annotated("named", "17")])
    truth.assert_settled(pods)
    assert not truth.history().broken
    (agent,) = agents(machine)
    assert mapped_files(machine, agent) == {PLUGIN}, "it needs nothing else of the host"

    machine.run(f"{BARE} uninstall --runtime-launched --write")
    runtime.restart()
    wait_for("the agent to end", lambda: not agents(machine), READY_TIMEOUT_S)
    assert ALL not in {truth.cpus_of(pod) for pod in pods}
    machine.run(f"{BARE} release --write")

    pods.append(kubelet.run(shared("late")))
    everywhere = CpuSet.of(range(len(NODES)))
    assert {(truth.cpus_of(pod), truth.mems_of(pod)) for pod in pods} == {(ALL, everywhere)}


def mapped_files(machine: Machine, pid: int) -> set[Path]:
    """The files that a process has in its memory."""
    lines: str = machine.ask("read", path=f"/proc/{pid}/maps")
    found = (line.split(maxsplit=5) for line in lines.splitlines())
    return {Path(fields[5]) for fields in found if len(fields) > 5 and fields[5].startswith("/")}
