"""Which processes matter."""

from pathlib import Path

import pytest

from tests.unit.weka_cpuset.check.trees import write, write_processes
from weka_cpuset.check.facts import NotReadable, Programs
from weka_cpuset.check.processes import (
    find_kubelet,
    find_programs,
    find_runtime,
    option,
    read_processes,
)
from weka_cpuset.check.runtime_rules import sets_cpusets

CONTAINERD = ["/usr/bin/containerd", "-c", "/etc/own.toml"]
KUBELET = ["/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml"]


def test_runtime_and_kubelet_are_found(tmp_path: Path) -> None:
    """A shim is no runtime, and what has no command line is passed over."""
    write(tmp_path, {"7/cmdline": "", "self/cmdline": "x", "9/comm": "gone"})
    shim = ["/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io"]
    processes = read_processes(write_processes(tmp_path, [shim, CONTAINERD, KUBELET]))
    runtime, kubelet = find_runtime(processes), find_kubelet(processes)
    assert runtime is not None
    assert (2, "containerd") == (runtime.pid, runtime.program)
    assert kubelet is not None
    assert tuple(KUBELET) == kubelet.arguments


@pytest.mark.parametrize(
    "arguments",
    [["-c", "/own"], ["-l", "debug", "--config", "/own"], ["--config=/own"]],
)
def test_an_option_has_a_value(arguments: list[str], tmp_path: Path) -> None:
    """An option is found in each way of writing it."""
    (process,) = read_processes(write_processes(tmp_path, [["containerd", *arguments]]))
    assert option(process, "--config", "-c") == "/own"
    assert option(process, "--root") is None


def test_agents_and_rivals_are_told_apart(tmp_path: Path) -> None:
    """Agents count in each form of their start; other commands of the program do not."""
    agents = [
        ["/usr/bin/python3", "/usr/bin/weka-cpuset", "run"],
        ["/opt/nri/plugins/99-weka-cpuset"],
        ["weka-cpuset", "--socket", "/run/nri/nri.sock"],
    ]
    others = [["python3", "weka-cpuset", "check"], ["vi", "x", "weka-cpuset"], ["python3"]]
    rivals = [["/bin/dracpu"], ["/bin/nri-resource-policy-balloons", "-v"]]
    processes = read_processes(
        write_processes(tmp_path, [CONTAINERD, *agents, *others, *rivals, ["dracpu"]])
    )
    expected = Programs(agents=3, rivals=("dracpu", "nri-resource-policy-balloons"))
    assert expected == find_programs(processes, sets_cpusets)


def test_a_hidden_host_is_not_an_empty_one(tmp_path: Path) -> None:
    """In a pid name space of its own the check does not claim that there are no rivals."""
    processes = read_processes(write_processes(tmp_path, [["sh"]]))
    with pytest.raises(NotReadable, match="in sight"):
        find_programs(processes, sets_cpusets)


def test_no_procfs(tmp_path: Path) -> None:
    """A folder without processes is no procfs."""
    with pytest.raises(NotReadable, match="no process"):
        read_processes(tmp_path)


def test_a_command_line_that_is_no_text(tmp_path: Path) -> None:
    """A process that wrote over its command line does not disturb."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cmdline").write_bytes(b"\xff\xfe")
    assert len(read_processes(tmp_path)) == 1
