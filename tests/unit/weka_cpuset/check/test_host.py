"""The kernel's part: cgroup trees of both versions, socket, lock, plugin folder, cpus."""

import os
from pathlib import Path

import pytest

from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from tests.unit.weka_cpuset.check import trees
from weka_cpuset import instance
from weka_cpuset.check import host
from weka_cpuset.check.facts import CgroupTree, NotReadable, SocketState, Unknown
from weka_cpuset.engine import CpuSet

PROC = Path("/proc")


def test_cgroup_version_2(tmp_path: Path) -> None:
    """The pods' cgroup tells its controllers and its cpus."""
    found = host.read_cgroups(trees.write(tmp_path, trees.V2))
    expected = CgroupTree(2, "kubepods.slice", CpuSet.parse("0-7"), cpuset=True, writable=True)
    assert expected == found


def test_cgroup_version_2_without_the_controller(tmp_path: Path) -> None:
    """What the root has is not what the pods have."""
    trees.write(tmp_path, trees.V2 | {"kubepods.slice/cgroup.controllers": "cpu memory\n"})
    (tmp_path / "kubepods.slice/cpuset.cpus.effective").unlink()
    found = host.read_cgroups(tmp_path)
    assert (False, CpuSet.EMPTY) == (found.cpuset, found.pod_cpus)


def test_cgroup_version_2_before_the_first_pod(tmp_path: Path) -> None:
    """Without a pods' cgroup the root tells."""
    found = host.read_cgroups(trees.write(tmp_path, {"cgroup.controllers": "cpuset cpu\n"}))
    assert (None, True) == (found.pods, found.cpuset)


def test_cgroup_version_1(tmp_path: Path) -> None:
    """The tree is found from its parent and by itself."""
    trees.write(tmp_path, trees.V1)
    expected = CgroupTree(1, "kubepods", CpuSet.parse("0-5"), cpuset=True, writable=True)
    assert expected == host.read_cgroups(tmp_path)
    assert expected == host.read_cgroups(tmp_path / "cpuset")


def test_cgroup_version_1_without_the_controller(tmp_path: Path) -> None:
    """A kernel without the cpuset controller has the others."""
    found = host.read_cgroups(trees.write(tmp_path, {"memory/tasks": ""}))
    assert (1, False) == (found.version, found.cpuset)


def test_a_tree_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode counts for root; another user's rights say nothing of the agent's."""
    trees.write(tmp_path, trees.V2)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert host.read_cgroups(tmp_path).writable is False
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert isinstance(host.read_cgroups(tmp_path).writable, Unknown)


def test_a_read_only_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mount counts for root too."""
    values = [0] * 10
    values[8] = os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    assert host.read_cgroups(trees.write(tmp_path, trees.V2)).writable is False


def test_no_cgroup_tree(tmp_path: Path) -> None:
    """An empty folder is none."""
    with pytest.raises(NotReadable, match="no cgroup tree"):
        host.read_cgroups(tmp_path)


def test_a_cgroup_file_without_sense(tmp_path: Path) -> None:
    """A list that is none is named."""
    trees.write(tmp_path, trees.V1 | {"cpuset/kubepods/cpuset.cpus": "many\n"})
    with pytest.raises(NotReadable, match="kubepods"):
        host.read_cgroups(tmp_path)


@pytest.mark.parametrize("connect", [False, True])
def test_a_socket_from_before_is_seen_through(tmp_path: Path, *, connect: bool) -> None:
    """A socket file stays behind when the runtime ends; nobody listens to it."""
    path = tmp_path / "nri.sock"
    with trees.bound_socket(path) as server:
        server.listen()
        expected = SocketState.ACCEPTS if connect else SocketState.LISTENING
        assert expected is host.read_socket(path, PROC, connect=connect)
    expected = SocketState.REFUSES if connect else SocketState.SILENT
    assert expected is host.read_socket(path, PROC, connect=connect)


def test_a_socket_is_found_through_links(tmp_path: Path) -> None:
    """/var/run is a link, and the kernel's list has the path that the runtime used."""
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    with trees.bound_socket(tmp_path / "run" / "nri.sock") as server:
        server.listen()
        path = tmp_path / "link" / "nri.sock"
        assert SocketState.LISTENING is host.read_socket(path, PROC, connect=False)


def test_what_is_no_socket(tmp_path: Path) -> None:
    """A missing path and a plain file are told apart."""
    path = tmp_path / "nri.sock"
    assert SocketState.MISSING is host.read_socket(path, PROC, connect=False)
    path.touch()
    assert SocketState.NO_SOCKET is host.read_socket(path, PROC, connect=False)
    assert SocketState.MISSING is host.read_socket(path / "below", PROC, connect=False)


def test_the_agents_lock_is_seen_and_not_taken(tmp_path: Path) -> None:
    """The kernel's list of locks tells of an agent at work."""
    assert not host.is_locked(tmp_path, PROC)
    with instance.lock(tmp_path):
        assert host.is_locked(tmp_path, PROC)
    assert not host.is_locked(tmp_path / "none", PROC)


def test_no_list_of_locks(tmp_path: Path) -> None:
    """Without procfs the lock is not known."""
    with pytest.raises(NotReadable, match="locks"):
        host.is_locked(tmp_path, tmp_path)


def test_only_what_the_runtime_launches_counts(tmp_path: Path) -> None:
    """Executables and links, in the order of their names; no folders and no plain files."""
    trees.write(tmp_path, {"20-b": "", "10-a": "", "README": "", "30-folder/x": ""})
    for name in ("20-b", "10-a"):
        (tmp_path / name).chmod(0o700)
    (tmp_path / "40-link").symlink_to("nowhere")
    assert host.read_plugins(tmp_path) == ("10-a", "20-b", "40-link")
    assert host.read_plugins(tmp_path / "none") == ()


def test_cpus_are_read(tmp_path: Path) -> None:
    """Topology and the cpus that are present come from sysfs."""
    write_sysfs(grid("one", packages=1, cores=4, threads=2), tmp_path)
    assert host.read_topology(tmp_path).online == host.read_present(tmp_path)


def test_no_sysfs(tmp_path: Path) -> None:
    """Without sysfs neither is known."""
    for read in (host.read_topology, host.read_present):
        with pytest.raises(NotReadable):
            read(tmp_path)
