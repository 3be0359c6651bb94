"""The agent as a plugin that the runtime launches itself: no arguments, no environment.

It is launched in both of its forms: installed with pip, and as the self-contained executable.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodestress.waiting import wait_for
from tests.e2e import kernel, reaper
from tests.e2e.agent import PROGRAM
from tests.e2e.containerd import Containerd
from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import Kubelet
from tests.e2e.placement import Watch, assert_settled
from tests.e2e.pods import annotated, integer, shared
from tools.release.executable import build
from weka_cpuset import __version__

FILE_NAME = "99-weka-cpuset"

pytestmark = pytest.mark.timeout(300)  # the first build of the executable compiles for minutes


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The self-contained executable, built from this checkout."""
    target = tmp_path_factory.mktemp("executable") / "weka-cpuset"
    build(target)
    return target


@pytest.fixture(params=["installed", "executable"])
def runtime(folder: Path, series: Series, request: pytest.FixtureRequest) -> Iterator[Containerd]:
    """A containerd that has launched the agent from its plugin folder."""
    containerd = Containerd(series, folder)
    plugin = containerd.layout.plugins / FILE_NAME
    match request.param:
        case "installed":
            plugin.symlink_to(PROGRAM)
        case "executable":
            shutil.copy2(request.getfixturevalue("executable"), plugin)
        case more:
            # The settings file of a launched agent is at a fixed place, and so not the test's.
            executable = request.getfixturevalue("executable")
            options = f"--socket {containerd.layout.nri_socket} --log-file {plugin}.log {more}"
            plugin.write_text(f"#!/bin/sh\nexec {executable} run {options}\n")
            plugin.chmod(0o755)
    try:
        containerd.start()
        yield containerd
    finally:
        containerd.close()


def launched(runtime: Containerd) -> list[int]:
    """The processes of the launched agent."""
    mark = str(runtime.layout.plugins / FILE_NAME)
    return [
        pid
        for pid in reaper.processes(runtime.layout.folder)
        if any(word.startswith(mark) for word in kernel.command_line(pid))
    ]


def test_launched_agent_places_pods(runtime: Containerd, kubelet: Kubelet) -> None:
    """Under its file's name, without arguments, the agent does all it does elsewhere."""
    with Watch(kubelet) as watch:
        pods = [kubelet.run(shared("shared")), kubelet.run(integer("integer", 1))]
        watch.add(*pods)
        assert_settled(kubelet, pods)
    kubelet.delete(pods.pop())
    assert_settled(kubelet, pods)
    pods.append(kubelet.run(annotated("annotated", "0")))
    assert_settled(kubelet, pods)
    assert len(launched(runtime)) == 1


def test_launched_agent_ends_with_the_runtime(runtime: Containerd, kubelet: Kubelet) -> None:
    """The runtime sends no signal to its plugins; the agent ends by itself, and is replaced."""
    first = launched(runtime)
    pods = kubelet.run_all([shared("shared"), integer("integer", 1)])
    assert_settled(kubelet, pods)

    runtime.stop()
    wait_for("the agent to end", lambda: not any(map(kernel.is_alive, first)))
    runtime.start()

    assert len(launched(runtime)) == 1
    assert_settled(kubelet, pods)
    kubelet.delete(pods.pop())
    pods.append(kubelet.run(integer("successor", 1)))
    assert_settled(kubelet, pods)


@pytest.mark.parametrize("runtime", ["--log-level debug"], indirect=True)
def test_launched_agent_that_was_too_slow(
    runtime: Containerd, kubelet: Kubelet, series: Series
) -> None:
    """The runtime drops it: 1.7 lets it live, so it is back by the socket; 2.1 kills it."""
    (agent,) = launched(runtime)
    assert os.getpriority(os.PRIO_PROCESS, agent) < 0, "the runtime waits for it, so it goes first"
    os.kill(agent, signal.SIGSTOP)
    pods = [kubelet.run(shared("unplaced"))]  # after the runtime's two seconds of patience
    if series is Series.V2_1:
        wait_for("the agent to be killed", lambda: not kernel.is_alive(agent))
        return
    os.kill(agent, signal.SIGCONT)
    pods.append(kubelet.run(integer("placed", 1)))

    assert_settled(kubelet, pods)
    assert launched(runtime) == [agent]


@pytest.mark.parametrize("runtime", ["--reserved-cpus many"], indirect=True)
def test_mistake_in_the_settings_does_not_stop_the_node(
    runtime: Containerd, kubelet: Kubelet
) -> None:
    """Otherwise containerd 1.7 would end; the agent starts with the defaults instead."""
    pods = kubelet.run_all([shared("shared"), integer("integer", 1)])

    assert_settled(kubelet, pods)
    assert len(launched(runtime)) == 1


@pytest.mark.usefixtures("machine")
def test_executable_needs_nothing_of_the_host(executable: Path, tmp_path: Path) -> None:
    """It runs where there is no other file: no Python, no libc, no folder to write to."""
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    shutil.copy2(executable, root / "weka-cpuset")
    command = 'mount -t proc proc "$0/proc" && chroot "$0" /weka-cpuset version'

    shown = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, str(root)],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (shown.stdout.strip(), shown.stderr) == (__version__, "")


@pytest.mark.usefixtures("machine")
def test_executable_has_all_of_the_program(executable: Path, tmp_path: Path) -> None:
    """Each command is there, and what the agent imports only while it runs."""
    helped = subprocess.run([executable, "--help"], env={}, capture_output=True, check=False)
    assert (helped.returncode, helped.stderr) == (0, b"")
    listen = tmp_path / "http.sock"
    options = ["--socket", str(tmp_path / "nri.sock"), "--http-listen", str(listen)]
    with subprocess.Popen([executable, "run", *options], env={}) as agent:
        try:
            wait_for("HTTP", listen.exists)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.connect(str(listen))
                client.sendall(
                    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                answer = client.makefile("rb").read()
        finally:
            agent.terminate()
    assert answer.startswith(b"HTTP/1.1 200")
    assert agent.returncode == 0
