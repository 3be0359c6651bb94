"""`weka-cpuset topology`: what it shows, what it writes, and what it says of mistakes."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nodesim.machines import MACHINES
from nodesim.sysfs_files import write_sysfs
from weka_cpuset.cli import commands
from weka_cpuset.engine import CpuSet
from weka_cpuset.machine_file import decode


def topology(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(commands, ["topology", *map(str, arguments)])


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_every_named_machine_is_shown(name: str) -> None:
    """Each online core, each node and each offline cpu is in the text."""
    shown = topology("--machine", name)
    assert shown.exit_code == 0
    assert shown.output.startswith(f"{name}: ")
    machine = MACHINES[name]
    words = set(shown.output.split())
    assert {str(core) for core in machine.topology().cores} <= words
    assert all(f"node {node.id}: " in shown.output for node in machine.nodes)
    assert (f"offline: {machine.offline}" in shown.output) == bool(machine.offline)
    assert all(len(line) <= 100 for line in shown.output.splitlines()[1:])


def test_json_tells_the_same_facts() -> None:
    """Programs get the groups, the memory and the distances."""
    facts = json.loads(topology("--machine", "memoryless", "--json").output)
    machine = MACHINES["memoryless"]
    assert str(machine.online) == facts["online"]
    assert len(machine.cpus) == facts["counts"]["cpus"]
    assert [node.has_memory for node in machine.nodes] == [one["memory"] for one in facts["nodes"]]
    borrowed = [one for one in facts["nodes"] if not one["memory"]]
    assert all(one["mems"] != str(one["id"]) for one in borrowed)
    assert [node.distances[0] for node in machine.nodes] == [
        one["distances"]["0"] for one in facts["nodes"]
    ]
    cpus = [CpuSet.parse(package["cpus"]) for package in facts["packages"]]
    assert list(machine.topology().packages) == cpus


def test_this_machine_is_shown() -> None:
    """Without options it is the machine that the command runs on."""
    shown = topology()
    assert shown.exit_code == 0
    assert "this machine: " in shown.output


def test_captured_machine_is_the_same_elsewhere(tmp_path: Path) -> None:
    """The whole way: the kernel's files, the file of --capture, and --machine with it."""
    write_sysfs(MACHINES["4-nodes"], tmp_path / "sys")
    file = tmp_path / "db-17.json"
    captured = topology("--sysfs", tmp_path / "sys", "--capture", file)
    assert captured.exit_code == 0
    machine = decode(file.read_bytes(), "db-17.json")
    assert machine.name == "db-17"
    assert machine.cpus == MACHINES["4-nodes"].cpus
    elsewhere = topology("--machine", file, "--json")
    here = topology("--sysfs", tmp_path / "sys", "--json")
    assert json.loads(elsewhere.output) == json.loads(here.output) | {"name": "db-17"}


def test_capture_to_the_standard_output_is_nothing_but_the_file() -> None:
    """`-` is for pipes, such as from a pod on the node."""
    shown = topology("--machine", "smt4", "--capture", "-")
    assert MACHINES["smt4"] == decode(shown.stdout_bytes, "-")


def test_capture_replaces_the_file_whole(tmp_path: Path) -> None:
    """An older capture gives way; all may read the new one, and nothing else is left behind."""
    file = tmp_path / "machine.json"
    file.write_text("old")
    file.chmod(0o600)
    old = os.umask(0o077)
    try:
        assert topology("--machine", "1x2", "--capture", file).exit_code == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [file] == list(tmp_path.iterdir())
    assert MACHINES["1x2"] == decode(file.read_bytes(), "machine.json")


def test_capture_follows_a_link(tmp_path: Path) -> None:
    """Who keeps captures elsewhere behind a link keeps the link."""
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    assert topology("--machine", "1x2", "--capture", link).exit_code == 0
    assert link.is_symlink()
    assert (tmp_path / "real.json").is_file()


def test_capture_never_replaces_a_device(tmp_path: Path) -> None:
    """`--capture /dev/null` by root would otherwise take the null device away."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    shown = topology("--machine", "1x2", "--capture", pipe)
    assert shown.exit_code == 2
    assert str(pipe) in shown.stderr
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_full_disk_leaves_the_older_capture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture that cannot be finished changes nothing."""
    file = tmp_path / "machine.json"
    file.write_text("old")

    def full(handle: int, mode: int) -> None:
        del handle, mode
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fchmod", full)
    shown = topology("--machine", "1x2", "--capture", file)
    assert shown.exit_code == 2
    assert "No space left" in shown.stderr
    assert file.read_text() == "old"
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--machine", "2x9"], "2x8-smt2"),
        (["--machine", "missing.json"], "missing.json"),
        (["--machine", "/dev/zero"], "/dev/zero"),
        (["--sysfs", "/dev/null"], "/dev/null"),
        (["--capture", "/nowhere/machine.json"], "/nowhere/machine.json"),
        (["--capture", "/"], "printable"),
        (["--machine", "1x2", "--capture", "/"], "regular file"),
        (["--machine", "1x2", "--capture", "a\0b"], "a file that can be written"),
        (["--machine", "1x2", "--sysfs", "/sys"], "one of them"),
        (["--machine", "1x2", "--json", "--capture", "-"], "without --json"),
    ],
)
def test_mistake_ends_with_code_2_and_what_would_be_right(arguments: list[str], words: str) -> None:
    """Nothing is shown, and the reason is one that helps."""
    shown = topology(*arguments)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert words in shown.stderr
