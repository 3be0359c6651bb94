"""What pods can use: the kernel's cpus and memory, as far as they are left to pods."""

from pathlib import Path

import pytest

from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.engine import CpuSet
from weka_cpuset.usable import Usable, UsableReader

MACHINE = grid("2x2-smt2", packages=2, cores=2, threads=2, llc_cores=2)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Write a machine with two nodes and eight cpus."""
    write_sysfs(MACHINE, tmp_path / "sys")
    return tmp_path / "sys"


def pods_have(root: Path, cpus: str) -> CpusetTree:
    """Return a tree in which pods are left these cpus."""
    (root / "kubepods.slice").mkdir(parents=True)
    (root / "kubepods.slice/cpuset.cpus.effective").write_text(f"{cpus}\n")
    return CpusetTree(root)


def test_all_that_is_online_is_usable_before_there_is_a_cgroup_of_pods(
    tmp_path: Path, sysfs: Path
) -> None:
    """A node that boots has no pods; nor has a simulated one."""
    reader = UsableReader(sysfs, CpusetTree(tmp_path / "nothing"))
    assert Usable(MACHINE.online, CpuSet.of([0, 1])) == reader.read()
    assert MACHINE.topology() == reader.topology()


def test_cpus_that_are_not_left_to_pods_are_as_good_as_offline(tmp_path: Path, sysfs: Path) -> None:
    """What is read each second agrees with what is read after a change."""
    reader = UsableReader(sysfs, pods_have(tmp_path / "cgroup", "1-3,5"))
    topology = reader.topology()
    assert CpuSet.parse("1-3,5") == topology.online == reader.read().cpus
    assert reader.read() == Usable(topology.online, topology.memory)
    assert CpuSet.parse("1,5") == topology.core_of(1)


@pytest.mark.parametrize("cpus", ["", "64-65"])
def test_cgroup_that_leaves_nothing_is_not_believed(tmp_path: Path, sysfs: Path, cpus: str) -> None:
    """Pods would not run at all; an agent that places them nowhere would make it no better."""
    reader = UsableReader(sysfs, pods_have(tmp_path / "cgroup", cpus))
    assert reader.read().cpus == MACHINE.online
    assert reader.topology().online == MACHINE.online
