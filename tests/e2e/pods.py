"""Pods as a user writes them, and the resources that a kubelet derives from them.

The rules are the kubelet's: quality of service class, CPU shares and quota, oom_score_adj and
cgroup parent (Kubernetes: pkg/kubelet/cm, pkg/kubelet/qos, pkg/kubelet/kuberuntime).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Final
from uuid import uuid4

from nodestress import cri_pb2 as pb

CPU_PERIOD_US: Final = 100_000
MIN_QUOTA_US: Final = 1_000
MIN_SHARES: Final = 2
MAX_SHARES: Final = 262_144
GUARANTEED_OOM_SCORE: Final = -997
BEST_EFFORT_OOM_SCORE: Final = 1000
SUFFIXES: Final = {"": Fraction(1), "m": Fraction(1, 1000)} | {
    letters: Fraction(base**power)
    for base, names in ((1000, "k M G T"), (1024, "Ki Mi Gi Ti"))
    for power, letters in enumerate(names.split(), start=1)
}
# Ends at once when it is asked to.
SLEEP: Final = ("sh", "-c", "trap exit TERM; sleep 1000000 & wait")
# Deaf to SIGTERM, as the first process of a container is when it has no handler for it.
DEAF: Final = ("sleep", "1000000")


class QosClass(Enum):
    """A pod's quality of service class; the value is its part of the cgroup path."""

    GUARANTEED = ""
    BURSTABLE = "/burstable"
    BEST_EFFORT = "/besteffort"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container of a pod: quantities as in a manifest, such as `1500m` and `100Mi`.

    A quantity that is None is not in the manifest; the API server fills a missing request with
    the limit.
    """

    name: str = "main"
    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None
    command: tuple[str, ...] = SLEEP

    @property
    def cpu_limit_m(self) -> int:
        """The CPU limit in thousandths of a cpu; 0 if there is none."""
        return _scaled(self.cpu_limit, 1000)

    @property
    def cpu_request_m(self) -> int:
        """The CPU request in thousandths of a cpu; 0 if there is none."""
        return _scaled(self.cpu_request or self.cpu_limit, 1000)

    @property
    def memory_limit_bytes(self) -> int:
        """The memory limit in bytes; 0 if there is none."""
        return _scaled(self.memory_limit, 1)

    @property
    def memory_request_bytes(self) -> int:
        """The memory request in bytes; 0 if there is none."""
        return _scaled(self.memory_request or self.memory_limit, 1)

    @property
    def is_guaranteed(self) -> bool:
        """Whether cpu and memory have limits that equal the requests."""
        return (
            0 < self.cpu_limit_m == self.cpu_request_m
            and 0 < self.memory_limit_bytes == self.memory_request_bytes
        )

    @property
    def asks_for_nothing(self) -> bool:
        """Whether there is neither a request nor a limit."""
        return not (self.cpu_request_m or self.memory_request_bytes)


@dataclass(frozen=True, slots=True)
class PodSpec:
    """A pod as a user writes it."""

    name: str
    containers: tuple[ContainerSpec, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    namespace: str = "default"
    host_pid: bool = False
    # Short: a shell that is stopped before it has its handler is deaf to SIGTERM until then.
    grace_s: int = 2
    uid: str = field(default_factory=lambda: str(uuid4()))

    @property
    def qos(self) -> QosClass:
        """The pod's quality of service class."""
        if all(container.is_guaranteed for container in self.containers):
            return QosClass.GUARANTEED
        if all(container.asks_for_nothing for container in self.containers):
            return QosClass.BEST_EFFORT
        return QosClass.BURSTABLE


def integer(name: str, cpus: int, command: tuple[str, ...] = SLEEP) -> PodSpec:
    """A Guaranteed pod with one container that asks for whole cpus."""
    return PodSpec(
        name, (ContainerSpec(cpu_limit=str(cpus), memory_limit="100Mi", command=command),)
    )


def shared(name: str, command: tuple[str, ...] = SLEEP) -> PodSpec:
    """A Burstable pod with one container that asks for parts of a cpu."""
    container = ContainerSpec(
        cpu_request="50m",
        cpu_limit="100m",
        memory_request="50Mi",
        memory_limit="50Mi",
        command=command,
    )
    return PodSpec(name, (container,))


def annotated(name: str, cpu_ids: str, command: tuple[str, ...] = SLEEP) -> PodSpec:
    """A pod that names its cpus, with the requests of a shared one."""
    return PodSpec(
        name, shared(name, command).containers, annotations={"weka.io/cores-ids": cpu_ids}
    )


def container_resources(
    pod: PodSpec, container: ContainerSpec, node_memory_bytes: int
) -> pb.LinuxContainerResources:
    """What a kubelet sends with CreateContainer and UpdateContainerResources."""
    resources = _resources([container])
    resources.oom_score_adj = _oom_score(pod, container, node_memory_bytes)
    return resources


def pod_resources(pod: PodSpec) -> pb.LinuxContainerResources:
    """What a kubelet sends with RunPodSandbox: the sum over the containers."""
    return _resources(pod.containers)


def _resources(containers: Iterable[ContainerSpec]) -> pb.LinuxContainerResources:
    chosen = tuple(containers)
    return pb.LinuxContainerResources(
        cpu_period=CPU_PERIOD_US,
        cpu_quota=_quota(sum(container.cpu_limit_m for container in chosen)),
        cpu_shares=_shares(sum(container.cpu_request_m for container in chosen)),
        memory_limit_in_bytes=sum(container.memory_limit_bytes for container in chosen),
    )


def _shares(milli: int) -> int:
    return min(MAX_SHARES, max(MIN_SHARES, milli * 1024 // 1000))


def _quota(milli: int) -> int:
    return max(MIN_QUOTA_US, milli * CPU_PERIOD_US // 1000) if milli else 0


def _oom_score(pod: PodSpec, container: ContainerSpec, node_memory_bytes: int) -> int:
    match pod.qos:
        case QosClass.GUARANTEED:
            return GUARANTEED_OOM_SCORE
        case QosClass.BEST_EFFORT:
            return BEST_EFFORT_OOM_SCORE
        case QosClass.BURSTABLE:
            score = 1000 - 1000 * container.memory_request_bytes // node_memory_bytes
            return min(999, max(3, score))


def _scaled(quantity: str | None, per_unit: int) -> int:
    """A Kubernetes quantity in units of 1/`per_unit`, rounded up; 0 for None."""
    if quantity is None:
        return 0
    match = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", quantity)
    assert match, f"{quantity!r} is not a quantity"
    exact = Fraction(match[1]) * SUFFIXES[match[2]] * per_unit
    return -int(-exact // 1)
