"""Taking the agent away for good, and taking over from the component of the same name."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import nri
from nodestress.waiting import wait_for
from nri import messages
from tests.e2e import kernel
from tests.e2e.agent import EXIT_TIMEOUT_S, PROGRAM, Agent
from tests.e2e.containerd import Containerd
from tests.e2e.kubelet import Kubelet
from tests.e2e.placement import assert_settled
from tests.e2e.pods import integer, shared
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.release.releaser import Releaser
from weka_cpuset.settings import Settings
from weka_cpuset.sysfs import read_topology


def release(runtime: Containerd, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `weka-cpuset release` against a runtime."""
    return subprocess.run(
        [str(PROGRAM), "release", "--socket", str(runtime.layout.nri_socket), *more],
        capture_output=True,
        text=True,
        check=False,
    )


def test_release_gives_every_container_the_machine_back(
    runtime: Containerd, kubelet: Kubelet, agent: Agent
) -> None:
    """In the kernel, and in the runtime's record."""
    agent.start()
    pods = kubelet.run_all([shared("shared"), integer("integer", 1)])
    assert_settled(kubelet, pods)
    refused = release(runtime, "--write")
    agent.stop()

    told = release(runtime)
    narrow = [kernel.allowed_cpus(kubelet.pid(pod)) for pod in pods]
    done = release(runtime, "--write")

    whole = kernel.online_cpus()
    assert refused.returncode == 1
    assert "another agent" in refused.stderr
    assert (told.returncode, done.returncode) == (0, 0)
    assert whole not in narrow
    assert [kernel.allowed_cpus(kubelet.pid(pod)) for pod in pods] == [whole, whole]
    assert "0 containers" in release(runtime).stdout


def test_release_that_stays_ends_as_soon_as_it_is_asked(runtime: Containerd) -> None:
    """Also as the first process of a container: such a pod is gone before its grace period."""
    with first_process(runtime.layout.nri_socket) as (pid, process):
        assert process.stdout is not None
        assert process.stdout.readline() == "0 containers\n"
        os.kill(pid, signal.SIGTERM)
        assert process.wait(EXIT_TIMEOUT_S) == 0


def test_release_can_be_ended_while_it_waits_for_the_runtime(
    machine: None,  # noqa: ARG001  # first of all
    folder: Path,
) -> None:
    """A runtime that says nothing does not cost the pod its grace period; the status says so."""
    silent = folder / "nri.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(silent))
        listener.listen()
        with first_process(silent) as (pid, process):
            connection, _ = listener.accept()
            with connection:
                os.kill(pid, signal.SIGTERM)
                assert process.wait(EXIT_TIMEOUT_S) == 1


@contextmanager
def first_process(nri_socket: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A release that stays, as the first process of a PID namespace; yields its number here."""
    command = [str(PROGRAM), "release", "--socket", str(nri_socket), "--write", "--stay"]
    with subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            yield int(wait_for("the process", children.read_text)), process
        finally:
            process.kill()  # and its child with it


class Predecessor(Releaser):
    """The Go component, as far as its cpusets go: it leaves each container the one it chose.

    Args:
        chosen: The cpus by the pod's name.
    """

    def __init__(self, chosen: Mapping[str, str]) -> None:
        super().__init__(
            read_topology(Settings().sysfs), CpusetTree(Settings().cgroups), write=True
        )
        self._chosen = chosen

    def synchronize(
        self, pods: Sequence[messages.PodSandbox], containers: Sequence[messages.Container]
    ) -> Sequence[messages.ContainerUpdate]:
        """Set them."""
        names = {pod.id: pod.name for pod in pods}
        return [
            nri.cpu_update(one.id, self._chosen[names[one.pod_sandbox_id]]) for one in containers
        ]


async def serve(runtime: Containerd, plugin: Predecessor, done: Callable[[], bool]) -> None:
    """Be connected until something is so."""
    endpoint = nri.SocketEndpoint(str(runtime.layout.nri_socket))
    connection = await nri.connect(endpoint, nri.Identity("weka-cpuset", "99"), plugin)
    await asyncio.to_thread(wait_for, "the predecessor's cpusets", done)
    connection.close()
    await connection.wait_closed()


def test_agent_takes_over_from_its_predecessor(
    runtime: Containerd, kubelet: Kubelet, agent: Agent
) -> None:
    """What it left right stays; what breaks the rules is put right: here a shared container."""
    owner, other = kubelet.run_all([integer("owner", 1), shared("other")])
    predecessor, pid = Predecessor({"owner": "1", "other": "0-1"}), kubelet.pid(owner)
    asyncio.run(serve(runtime, predecessor, lambda: kernel.allowed_cpus(pid) == {1}))

    agent.start()

    assert_settled(kubelet, [owner, other])
    assert kernel.allowed_cpus(pid) == {1}
