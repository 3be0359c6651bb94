"""The command: options, exit status, both forms of output."""

import errno
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from tests.unit.weka_cpuset.check import trees
from weka_cpuset.check.show import Report
from weka_cpuset.cli import commands

CONFIG = """
version = 3
[plugins.'io.containerd.nri.v1.nri']
disable = false
socket_path = '{folder}/nri.sock'
plugin_path = '{folder}/plugins'
"""


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The files of a node that is fit for the agent."""
    write_sysfs(grid("one", packages=1, cores=4, threads=2), tmp_path / "sys")
    trees.write(tmp_path / "cgroup", trees.V2)
    trees.write_processes(tmp_path / "proc", [["containerd"], ["kubelet"]])
    unix = "Num RefCount Protocol Flags Type St Inode Path\n"
    unix += f"0: 00000002 00000000 00010000 0001 01 42 {tmp_path}/nri.sock\n"
    trees.write(tmp_path / "proc", {"net/unix": unix, "locks": ""})
    trees.write(tmp_path, {"config.toml": CONFIG.format(folder=tmp_path)})
    (tmp_path / "plugins").mkdir()
    trees.write(tmp_path / "kubelet", {"config.yaml": "cpuManagerPolicy: none\n"})
    with trees.bound_socket(tmp_path / "nri.sock"):
        pass
    return tmp_path


def check(node: Path, *more: str) -> Result:
    """Run the command against the node."""
    arguments = [
        "check",
        f"--socket={node}/nri.sock",
        f"--sysfs={node}/sys",
        f"--cgroups={node}/cgroup",
        f"--proc={node}/proc",
        f"--kubelet-root={node}/kubelet",
        f"--runtime-config={node}/config.toml",
        "--runtime=containerd 2.1.9",
    ]
    return CliRunner().invoke(commands, [*arguments, *more])


def test_a_fit_node_is_status_0(node: Path) -> None:
    """Warnings do not count: this runtime cannot fail closed."""
    result = check(node, "--json")
    report = msgspec.json.decode(result.stdout, type=Report)
    assert 0 == result.exit_code
    assert (0, 0) == (report.counts["problem"], report.counts["unknown"])
    assert report.counts["warning"] > 0


def test_a_problem_is_status_1(node: Path) -> None:
    """One problem is enough."""
    (node / "kubelet" / "config.yaml").write_text("cpuManagerPolicy: static\n")
    result = check(node)
    assert 1 == result.exit_code
    assert "problem: 1" in result.stdout
    assert 1 == check(node, "--json").exit_code


def test_what_is_unknown_is_status_0(node: Path) -> None:
    """What cannot be read is said, and is not held against the node."""
    (node / "config.toml").write_text("version = [")
    result = check(node)
    assert 0 == result.exit_code
    assert "not valid TOML" in result.stdout


def test_a_connect_has_to_be_asked_for(node: Path) -> None:
    """The socket of the node is bound, and nobody listens; only a connect can tell."""
    assert 0 == check(node).exit_code
    result = check(node, "--connect")
    assert 1 == result.exit_code
    assert "refuses connections" in result.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--runtime=docker 1"],
        ["--runtime=2.1.9"],
        ["--reserved-cpus=many"],
        ["--socket=relative"],
        ["--config=/none"],
        ["--unknown"],
    ],
)
def test_a_wrong_option_is_status_2(wrong: list[str], node: Path) -> None:
    """Bad input is told from a bad node, and says what would be right."""
    result = check(node, *wrong)
    assert 2 == result.exit_code
    assert not result.stdout
    assert result.stderr


def test_the_settings_file_counts(node: Path) -> None:
    """The check looks where the agent will look."""
    file = node / "settings.yaml"
    file.write_text("cpus: {reserved: 0-7}\n")
    assert "no cpu is left" in check(node, f"--config={file}").stdout


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with the digest of its content."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_written(node: Path) -> None:
    """A check leaves a node as it was."""
    before = contents(node), {path: path.stat().st_mtime_ns for path in node.rglob("*")}
    check(node, "--connect")
    assert before == (contents(node), {path: path.stat().st_mtime_ns for path in node.rglob("*")})


def test_unreadable_files_are_unknown(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rights to read it, a file is unknown and the reason says what helps."""
    really_open = Path.open

    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "config.toml":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really_open(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    result = check(node)
    assert 0 == result.exit_code
    assert "run as root" in " ".join(result.stdout.split())
