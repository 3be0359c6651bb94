"""The simulated kernel: cgroups, cpusets, and cpus that go away."""

import pytest

from nodesim.kernel import Kernel
from weka_cpuset.engine import CpuSet

ALL = CpuSet.parse("0-7")
NODES = CpuSet.parse("0-1")
NONE = CpuSet.EMPTY


@pytest.fixture
def kernel() -> Kernel:
    """A kernel with one container on cpus 2 and 3."""
    kernel = Kernel(ALL, NODES)
    kernel.make("/a", CpuSet.parse("2-3"), NONE)
    return kernel


def test_a_container_without_a_cpuset_has_all(kernel: Kernel) -> None:
    """What nobody pins may run everywhere."""
    kernel.make("/b", NONE, NONE)
    assert ALL == kernel.read_cpus("/b")


def test_every_change_is_told(kernel: Kernel) -> None:
    """The observer hears of each single change, by the runtime or by the agent."""
    heard: list[str] = []
    kernel.on_change = heard.append
    kernel.set("/a", CpuSet.parse("4"), NONE)
    kernel.write("/a", CpuSet.parse("5"), CpuSet.parse("1"))
    assert ["/a", "/a"] == heard
    cgroup = kernel.get("/a")
    assert cgroup is not None
    assert (CpuSet.parse("5"), CpuSet.parse("1")) == (cgroup.cpus, cgroup.mems)


@pytest.mark.parametrize("cpus", ["8", "3-9"])
def test_a_cpu_that_does_not_exist_is_refused(kernel: Kernel, cpus: str) -> None:
    """As in the kernel, nothing changes then."""
    with pytest.raises(OSError, match="does not exist"):
        kernel.set("/a", CpuSet.parse(cpus), NONE)
    assert CpuSet.parse("2-3") == kernel.read_cpus("/a")


def test_a_missing_cgroup_is_told_as_the_kernel_does(kernel: Kernel) -> None:
    """Whoever touches a cgroup that is gone gets ENOENT."""
    kernel.remove("/a")
    with pytest.raises(FileNotFoundError):
        kernel.read_cpus("/a")
    with pytest.raises(FileNotFoundError):
        kernel.write("/a", ALL, NONE)
    kernel.remove("/a")


def test_a_write_that_shall_fail_fails(kernel: Kernel) -> None:
    """Only the agent's own writes fail, the runtime's do not."""
    kernel.fails_write = lambda path: path == "/a"
    with pytest.raises(OSError, match="fault"):
        kernel.write("/a", ALL, NONE)
    kernel.set("/a", ALL, NONE)
    assert ALL == kernel.read_cpus("/a")


def test_a_cpu_that_goes_offline_is_lost(kernel: Kernel) -> None:
    """A cgroup loses the cpu; one that loses all of its cpus falls back to all."""
    kernel.make("/b", CpuSet.parse("2"), NONE)
    kernel.make("/c", CpuSet.parse("5"), NONE)
    online = ALL - CpuSet.parse("2")
    assert ["/a", "/b"] == kernel.use(online)
    assert CpuSet.parse("3") == kernel.read_cpus("/a")
    assert online == kernel.read_cpus("/b")
    assert CpuSet.parse("5") == kernel.read_cpus("/c")
