"""Cgroup paths of every driver and version, and writing to them."""

from pathlib import Path

import pytest

from weka_cpuset.cgroups import EFFECTIVE_FILES, CpusetTree, relative_path, sees_all_processes
from weka_cpuset.engine import CpuSet


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("/kubepods/podU/ID", "kubepods/podU/ID"),
        ("kubepods/burstable/podU/ID", "kubepods/burstable/podU/ID"),
        (
            "kubepods-burstable-podU.slice:cri-containerd:ID",
            "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU.slice/"
            "cri-containerd-ID.scope",
        ),
        ("kubepods.slice:crio:ID", "kubepods.slice/crio-ID.scope"),
    ],
)
def test_path_of_each_driver(reported: str, expected: str) -> None:
    """The path is found for the cgroupfs driver and for systemd's nested slices."""
    assert expected == str(relative_path(reported))


@pytest.mark.parametrize("reported", ["", "/", "/kubepods/../../etc", ".."])
def test_path_that_leaves_the_tree_is_refused(reported: str) -> None:
    """A path is never followed out of the cgroup tree."""
    with pytest.raises(ValueError, match=r".*"):
        relative_path(reported)


@pytest.mark.parametrize("hierarchy", ["", "cpuset"], ids=["v2", "v1"])
def test_cpus_and_memory_nodes_are_written(tmp_path: Path, hierarchy: str) -> None:
    """Both versions have the same files below their own root; empty nodes are left alone."""
    group = tmp_path / hierarchy / "kubepods" / "podU" / "ID"
    group.mkdir(parents=True)
    (tmp_path / hierarchy / "cpuset.cpus").touch()
    (group / "cpuset.cpus").touch()
    tree = CpusetTree(tmp_path)
    tree.write("/kubepods/podU/ID", CpuSet.of([0, 2, 3]), CpuSet.EMPTY)
    assert (group / "cpuset.cpus").read_text() == "0,2-3"
    assert not (group / "cpuset.mems").exists()
    (group / "cpuset.mems").touch()
    tree.write("/kubepods/podU/ID", CpuSet.of([0]), CpuSet.of([1]))
    assert (group / "cpuset.mems").read_text() == "1"


def test_missing_cgroup_is_an_os_error(tmp_path: Path) -> None:
    """A container that has gone has no cgroup; nothing is made in its place."""
    with pytest.raises(FileNotFoundError):
        CpusetTree(tmp_path).write("/kubepods/gone", CpuSet.of([0]), CpuSet.EMPTY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hierarchy", ["", "cpuset"], ids=["v2", "v1"])
def test_container_is_dead_only_when_no_process_is_left_in_or_below_it(
    tmp_path: Path, hierarchy: str
) -> None:
    """A process in a child cgroup counts; a cgroup that is not there proves nothing."""
    group = tmp_path / hierarchy / "kubepods" / "ID"
    (group / "child").mkdir(parents=True)
    (tmp_path / hierarchy / "cpuset.cpus").touch()
    below = group / "child" / "cgroup.procs"

    def has(processes: str) -> None:
        (group / "cgroup.procs").touch()
        below.write_text(processes)
        (group / "cgroup.events").write_text(f"populated {int(bool(processes))}\nfrozen 0\n")

    tree = CpusetTree(tmp_path, sees_all=True)
    has("17\n")
    assert not tree.is_dead("/kubepods/ID")
    has("")
    assert tree.is_dead("/kubepods/ID")
    assert not tree.is_dead("/kubepods/gone")
    assert not tree.is_dead("")


def test_agent_in_a_pod_takes_no_running_container_for_dead(tmp_path: Path) -> None:
    """With version 1 it sees no process of any other pod; that is not to say there is none."""
    group = tmp_path / "cpuset" / "kubepods" / "ID"
    group.mkdir(parents=True)
    (tmp_path / "cpuset" / "cpuset.cpus").touch()
    (group / "cgroup.procs").touch()

    assert not CpusetTree(tmp_path, sees_all=False).is_dead("/kubepods/ID")


def test_host_is_told_from_a_pod_by_its_pid_name_space(tmp_path: Path) -> None:
    """Any other name space than the kernel's first, and one that cannot be read, is no host."""
    other = tmp_path / "pid"
    other.touch()

    assert not sees_all_processes(other)
    assert not sees_all_processes(tmp_path / "missing")


@pytest.mark.parametrize("hierarchy", ["", "cpuset"], ids=["v2", "v1"])
def test_what_is_enforced_is_read_back(tmp_path: Path, hierarchy: str) -> None:
    """Cpus, nodes and what is left of the cpus; older kernels do not tell the last."""
    group = tmp_path / hierarchy / "kubepods" / "ID"
    group.mkdir(parents=True)
    (tmp_path / hierarchy / "cpuset.cpus").touch()
    (group / "cpuset.cpus").write_text("0-3\n")
    (group / "cpuset.mems").write_text("0\n")
    tree = CpusetTree(tmp_path)
    cpus, mems = CpuSet.of(range(4)), CpuSet.of([0])
    assert tree.read("/kubepods/ID") == (cpus, mems, None)
    (group / EFFECTIVE_FILES[bool(hierarchy)]).write_text("0-1\n")
    assert tree.read("/kubepods/ID") == (cpus, mems, CpuSet.of(range(2)))
    (group / "cpuset.cpus").write_text("\n")
    assert tree.read("/kubepods/ID").cpus == CpuSet.EMPTY


@pytest.mark.parametrize("hierarchy", ["", "cpuset"], ids=["v2", "v1"])
@pytest.mark.parametrize(
    ("pods", "names"),
    [
        ("kubepods/podU", ("{}", "{}")),
        ("kubepods.slice/kubepods-podU.slice", ("cri-containerd-{}.scope", "crio-{}.scope")),
        ("kubelet.slice/kubelet-kubepods.slice/x.slice", ("cri-containerd-{}.scope", "{}")),
    ],
)
def test_containers_of_pods_are_listed_wherever_kubelet_puts_them(
    tmp_path: Path, hierarchy: str, pods: str, names: tuple[str, str]
) -> None:
    """What is below a container, or is none of a pod's, is left out."""
    root = tmp_path / hierarchy
    folders = {name.format(number * 64) for name, number in zip(names, "ab", strict=True)}
    for name in folders:
        (root / pods / name / ("c" * 64)).mkdir(parents=True)
    (root / "system.slice" / f"docker-{'d' * 64}.scope").mkdir(parents=True)
    (root / pods / "cpuset.cpus").touch()
    (root / "cpuset.cpus").touch()
    assert CpusetTree(tmp_path).containers() == folders


def test_no_containers_are_seen_where_there_is_no_tree(tmp_path: Path) -> None:
    """An agent that does not see the host's cgroups sees none come and go."""
    assert CpusetTree(tmp_path / "nowhere").containers() == frozenset()


def test_an_image_that_is_pulled_slowly_is_no_container_without_a_word(tmp_path: Path) -> None:
    """A sandbox that waits for its first container is not taken for one the runtime hides.

    The agent connected again to a healthy runtime when a pod's image took long to pull.
    """
    pod, sandbox, container = tmp_path / "kubepods/podU", "a" * 64, "b" * 64
    (pod / sandbox).mkdir(parents=True)
    assert CpusetTree(tmp_path).containers() == frozenset()
    (pod / container).mkdir()
    assert CpusetTree(tmp_path).containers() == {sandbox, container}


PODS_FOLDERS = (
    "kubepods",
    "kubepods.slice",
    "kubelet/kubepods",
    "kubelet.slice/kubelet-kubepods.slice",
    "a/b/kubepods",
)


@pytest.mark.parametrize("folder", PODS_FOLDERS)
@pytest.mark.parametrize("hierarchy", ["", "cpuset"], ids=["v2", "v1"])
def test_cpus_of_all_pods_are_found_whatever_driver_and_prefix(
    tmp_path: Path, hierarchy: str, folder: str
) -> None:
    """Only the nearest folder of that name counts, and what is now left to it."""
    root = tmp_path / hierarchy
    for other in ("system.slice/kubepods.service", f"{folder}/burstable", "not-kubepods-at-all"):
        (root / other).mkdir(parents=True)
    (root / "cpuset.cpus").touch()
    tree = CpusetTree(tmp_path)
    assert tree.pods_cpus() is None
    effective = root / folder / EFFECTIVE_FILES[hierarchy == "cpuset"]
    effective.write_text("0-5\n")
    assert CpuSet.of(range(6)) == tree.pods_cpus()
    effective.write_text("0-3\n")
    assert CpuSet.of(range(4)) == tree.pods_cpus()


def test_cpus_of_all_pods_are_unknown_without_pods_and_found_in_a_new_place(tmp_path: Path) -> None:
    """A kubelet makes the folder, and one with another driver makes another."""
    tree = CpusetTree(tmp_path)
    assert tree.pods_cpus() is None
    for folder in ("kubepods", "kubepods.slice"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cpuset.cpus.effective").write_text("1")
        assert CpuSet.of([1]) == tree.pods_cpus()
        (tmp_path / folder / "cpuset.cpus.effective").unlink()
        (tmp_path / folder).rmdir()
        assert tree.pods_cpus() is None
