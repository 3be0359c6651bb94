"""What a kubelet tells a runtime of a pod: the messages that make it."""

from dataclasses import dataclass
from pathlib import Path

from nodesim import kubernetes
from nodesim.command import Life, command_of
from nodesim.kubernetes import CgroupDriver, Derived
from nodesim.workload import ContainerSpec, PodSpec
from nodestress import cri_pb2 as pb

OWNER_LABEL = "weka-cpuset/test"
"""Every sandbox of the test has this label, so that it is found and removed in any state. Its
value is the pod's cgroup."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What pods are made of on one node.

    Attributes:
        image: The image that containers run; it has `sh` and `sleep`.
        driver: How cgroups are named.
        cgroup_root: The cgroup above `kubepods`, for the cgroupfs driver; empty: the root.
        memory_bytes: The node's memory, in bytes.
        logs: A folder for the containers' output.
    """

    image: str
    driver: CgroupDriver
    cgroup_root: str
    memory_bytes: int
    logs: Path


def sandbox_config(pod: PodSpec, setting: Setting) -> pb.PodSandboxConfig:
    """Return what a kubelet sends to make a pod's sandbox.

    Args:
        pod: The pod; its uid is set.
        setting: The node.
    """
    parent = kubernetes.cgroup_parent(pod, setting.driver)
    if setting.driver is CgroupDriver.CGROUPFS:
        parent = setting.cgroup_root + parent
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=pod.name, uid=pod.uid, namespace=pod.namespace, attempt=0
        ),
        log_directory=str(setting.logs / f"{pod.namespace}_{pod.name}_{pod.uid}"),
        labels=_labels(pod) | {OWNER_LABEL: parent},
        annotations=dict(pod.annotations) | {"kubernetes.io/config.source": "api"},
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=parent,
            security_context=pb.LinuxSandboxSecurityContext(namespace_options=_namespaces()),
            overhead=pb.LinuxContainerResources(),
            resources=_resources(kubernetes.pod_linux_resources(pod)),
        ),
    )


def container_config(
    pod: PodSpec, container: ContainerSpec, attempt: int, setting: Setting
) -> pb.ContainerConfig:
    """Return what a kubelet sends to make a container.

    Its command lives as long as the manifest's, and heeds SIGTERM if that does.

    Args:
        pod: The pod.
        container: One of its containers.
        attempt: How many attempts there were before.
        setting: The node.
    """
    life = Life(container.life_s, container.exit_code, container.heeds_term)
    derived = kubernetes.linux_resources(pod, container, setting.memory_bytes)
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=container.name, attempt=attempt),
        image=pb.ImageSpec(image=setting.image),
        command=command_of(life),
        labels=_labels(pod) | {"io.kubernetes.container.name": container.name},
        annotations={
            "io.kubernetes.container.restartCount": str(attempt),
            "io.kubernetes.pod.terminationGracePeriod": str(int(pod.grace_s)),
        },
        log_path=f"{container.name}_{attempt}.log",
        linux=pb.LinuxContainerConfig(
            resources=_resources(derived),
            security_context=pb.LinuxContainerSecurityContext(namespace_options=_namespaces()),
        ),
    )


def cgroup_of(parent: str, container_id: str, driver: CgroupDriver) -> str:
    """Return a container's cgroup, in the form in which a runtime reports it.

    Args:
        parent: The pod's cgroup.
        container_id: The container's id.
        driver: How cgroups are named.
    """
    if driver is CgroupDriver.SYSTEMD:
        return f"{parent}:cri-containerd:{container_id}"
    return f"{parent}/{container_id}"


def _resources(derived: Derived) -> pb.LinuxContainerResources:
    return pb.LinuxContainerResources(
        cpu_period=derived.period,
        cpu_quota=derived.quota,
        cpu_shares=derived.shares,
        memory_limit_in_bytes=derived.memory_limit,
        oom_score_adj=derived.oom_score_adj,
    )


def _labels(pod: PodSpec) -> dict[str, str]:
    return {
        "io.kubernetes.pod.name": pod.name,
        "io.kubernetes.pod.namespace": pod.namespace,
        "io.kubernetes.pod.uid": pod.uid,
    }


def _namespaces() -> pb.NamespaceOption:
    # The host's network: the test needs no network plugin.
    return pb.NamespaceOption(network=pb.NODE, pid=pb.CONTAINER, ipc=pb.POD)
