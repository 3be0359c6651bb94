"""The simulated kernel: cgroups, cpusets, and cpus that go away."""

import pytest

from nodesim.kernel import CgroupVersion, Kernel
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


# ---- version 2 ----


@pytest.fixture
def kernel2() -> Kernel:
    """A kernel of version 2 with one container on cpus 2 and 3, and cpu 8 offline."""
    kernel = Kernel(ALL, NODES, CgroupVersion.V2, ALL | CpuSet.parse("8"))
    kernel.make("/a", CpuSet.parse("2-3"), NONE)
    return kernel


def test_in_version_2_a_cpu_that_comes_back_is_used_again(kernel2: Kernel) -> None:
    """`cpuset.cpus` keeps what was asked for, `cpuset.cpus.effective` follows what is online."""
    asked = CpuSet.parse("2-3")
    assert ["/a"] == kernel2.use(ALL - CpuSet.parse("2"))
    assert (asked, CpuSet.parse("3")) == (kernel2.read("/a").cpus, kernel2.read("/a").effective)
    assert ["/a"] == kernel2.use(ALL)
    assert (asked, asked) == (kernel2.read("/a").cpus, kernel2.read("/a").effective)


def test_in_version_1_a_cpu_that_comes_back_stays_lost(kernel: Kernel) -> None:
    """Until somebody sets it."""
    kernel.use(ALL - CpuSet.parse("2"))
    assert [] == kernel.use(ALL)
    assert CpuSet.parse("3") == kernel.read("/a").cpus == kernel.read("/a").effective
    kernel.set("/a", CpuSet.parse("2-3"), NONE)
    assert CpuSet.parse("2-3") == kernel.read("/a").effective


def test_in_version_2_who_has_lost_all_cpus_runs_on_all_until_one_is_back(kernel2: Kernel) -> None:
    """An empty effective set is that of the parent."""
    kernel2.use(CpuSet.parse("0-1"))
    assert CpuSet.parse("0-1") == kernel2.read_cpus("/a")
    kernel2.use(CpuSet.parse("0-2"))
    assert CpuSet.parse("2") == kernel2.read_cpus("/a")


def test_in_version_2_who_is_not_pinned_follows_what_is_online(kernel2: Kernel) -> None:
    """Its files are empty; in version 1 they have what was online when it was made."""
    kernel2.make("/b", NONE, NONE)
    assert (NONE, NONE, ALL) == kernel2.read("/b")
    assert ["/b"] == kernel2.use(ALL | CpuSet.parse("8"))
    assert ALL | CpuSet.parse("8") == kernel2.read_cpus("/b")
    cgroup = kernel2.get("/b")
    assert cgroup is not None
    assert NODES == cgroup.effective_mems


def test_in_version_2_an_offline_cpu_can_be_asked_for(kernel2: Kernel) -> None:
    """It is used once it is there; one that does not exist is refused."""
    kernel2.set("/a", CpuSet.parse("3,8"), NONE)
    assert CpuSet.parse("3") == kernel2.read_cpus("/a")
    kernel2.use(ALL | CpuSet.parse("8"))
    assert CpuSet.parse("3,8") == kernel2.read_cpus("/a")
    with pytest.raises(OSError, match="does not exist"):
        kernel2.set("/a", CpuSet.parse("3,9"), NONE)
    assert CpuSet.parse("3,8") == kernel2.read("/a").cpus
