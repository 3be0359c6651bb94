"""What a runtime is told of a pod."""

from pathlib import Path

import pytest

from nodesim.command import life_of
from nodesim.kubernetes import CgroupDriver
from nodestress.orders import OWNER_LABEL, Setting, cgroup_of, container_config, sandbox_config
from tests.unit.nodestress.nodes import annotated, integer
from weka_cpuset.cgroups import relative_path


def setting(driver: CgroupDriver) -> Setting:
    """Return a node with 8 GiB of memory."""
    return Setting("image", driver, "/above", 8 << 30, Path("/logs"))


def test_an_integer_pod_is_told_as_a_kubelet_tells_it() -> None:
    """Whole cpus, a Guaranteed pod's oom score, and no limit that was not asked for."""
    pod = integer("a", 2)
    told = container_config(
        pod, pod.containers[0], 0, setting(CgroupDriver.CGROUPFS)
    ).linux.resources

    assert (told.cpu_shares, told.cpu_quota, told.cpu_period) == (2048, 200_000, 100_000)
    assert told.memory_limit_in_bytes == 1 << 20
    assert told.oom_score_adj == -997


def test_annotations_reach_the_runtime() -> None:
    """The agent reads them from the sandbox."""
    config = sandbox_config(annotated("a", "3"), setting(CgroupDriver.CGROUPFS))

    assert config.annotations["weka.io/cores-ids"] == "3"


def test_a_command_lives_as_the_manifests_does() -> None:
    """Whatever the manifest's command is: it ends as late, and as willingly."""
    pod = annotated("a", "3", 15.0)
    config = container_config(pod, pod.containers[0], 1, setting(CgroupDriver.CGROUPFS))

    assert life_of(config.command).life_s == 15.0
    assert config.metadata.attempt == 1


@pytest.mark.parametrize("driver", CgroupDriver)
def test_a_containers_cgroup_is_below_its_pods(driver: CgroupDriver) -> None:
    """For both drivers; the label says where, so that it can be removed."""
    config = sandbox_config(integer("a"), setting(driver))
    parent = config.linux.cgroup_parent
    found = relative_path(cgroup_of(parent, "id", driver))

    assert config.labels[OWNER_LABEL] == parent
    assert "id" in found.name
    assert parent.lstrip("/").split("/")[-1] in found.parts
