"""What a kubelet does on a node: the calls of a pod's life, in a kubelet's order."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nodestress import cgroups
from nodestress import cri_pb2 as pb
from nodestress.cri import CriClient

MIN_GRACE_S = 2
"""A kubelet gives every container at least so many seconds to end by itself, also when the pod
is deleted by force (Kubernetes: kuberuntime, minimumGracePeriodInSeconds)."""

WORKERS = 32
"""How many pods are seen to at the same time; each has a worker of its own in a kubelet."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod on the node.

    Attributes:
        config: What the runtime was told of it.
        sandbox: The id of its sandbox.
        containers: The ids of its containers by name.
    """

    config: pb.PodSandboxConfig
    sandbox: str
    containers: dict[str, str] = field(default_factory=dict)

    @property
    def cgroup(self) -> str:
        """Its cgroup, in the form that the runtime was told."""
        return self.config.linux.cgroup_parent


def run_sandbox(cri: CriClient, config: pb.PodSandboxConfig) -> Pod:
    """Make a pod's cgroup and its sandbox, without any container.

    Args:
        cri: The runtime.
        config: The sandbox.

    Raises:
        CriError: The runtime refused.
    """
    if is_path(config.linux.cgroup_parent):
        cgroups.make(config.linux.cgroup_parent, pod_values(config.linux.resources))
    Path(config.log_directory).mkdir(parents=True, exist_ok=True)
    return Pod(config, cri.run_pod_sandbox(config))


def create(cri: CriClient, pod: Pod, config: pb.ContainerConfig) -> None:
    """Create a container of a pod without starting it.

    Raises:
        CriError: The runtime refused.
    """
    pod.containers[config.metadata.name] = cri.create_container(pod.sandbox, config, pod.config)


def stop_containers(cri: CriClient, pod: Pod, grace_s: int) -> None:
    """Stop a pod's containers at the same time; they and the sandbox stay until removed."""
    in_parallel(lambda one: cri.stop_container(one, grace_s), pod.containers.values())


def delete(cri: CriClient, pod: Pod, grace_s: int) -> None:
    """Delete a pod: containers first, then the sandbox, then its cgroup.

    Args:
        cri: The runtime.
        pod: The pod.
        grace_s: As in `kubectl delete --grace-period`.

    Raises:
        CriError: The runtime refused.
    """
    stop_containers(cri, pod, max(grace_s, MIN_GRACE_S))
    cri.stop_pod_sandbox(pod.sandbox)
    for container in pod.containers.values():
        cri.remove_container(container)
    cri.remove_pod_sandbox(pod.sandbox)
    remove_cgroup(pod.cgroup)


def remove_cgroup(parent: str) -> None:
    """Remove a pod's cgroup, and end what is still in it; systemd removes its own."""
    if is_path(parent):
        cgroups.kill_all(parent)
        cgroups.remove(parent)


def is_path(parent: str) -> bool:
    """Tell whether a pod's cgroup is a path, which a kubelet makes, and not a slice."""
    return parent.startswith("/")


def pod_values(resources: pb.LinuxContainerResources) -> dict[str, dict[str, int | str]]:
    """Return a pod's own limits, in the files of the cgroup version that is mounted.

    Args:
        resources: The limits; 0 is none.

    Returns:
        File name -> value, for each controller.
    """
    quota, limit = resources.cpu_quota, resources.memory_limit_in_bytes
    if cgroups.hierarchy_of("cpuset").unified:
        return {
            "cpu": {"cpu.max": f"{quota or 'max'} {resources.cpu_period}"},
            "memory": {"memory.max": limit or "max"},
        }
    return {
        "cpu": {
            "cpu.shares": resources.cpu_shares,
            "cpu.cfs_period_us": resources.cpu_period,
            "cpu.cfs_quota_us": quota or -1,
        },
        "memory": {"memory.limit_in_bytes": limit or -1},
    }


def in_parallel(do: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
    """Do something for all items at the same time; the first error is raised at the end.

    Args:
        do: What is done.
        items: For each of these.

    Returns:
        What came of each, in order.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(do, item) for item in items]]
