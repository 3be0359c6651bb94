"""What Kubernetes makes of a pod before a runtime hears of it.

The API server and the kubelet turn requests and limits into a quality of service class, a
cgroup and the numbers of the OCI runtime specification. The rules and constants are theirs
(pkg/kubelet/cm, pkg/kubelet/qos, pkg/kubelet/kuberuntime, pkg/apis/core/v1/helper/qos).

`demand_of` tells a container's class from its manifest alone. It is what the checker believes,
so it shares nothing with `weka_cpuset.engine.classify`, which has only the numbers to go by.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Qos, Resources
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    FORBID_ANNOTATION,
    NUMA_ANNOTATION,
    SMT_ANNOTATION,
    AnnotatedDemand,
    CpuListError,
    CpuSet,
    Demand,
    IntegerDemand,
    Numa,
    Preference,
    SharedDemand,
    Smt,
)

PERIOD_US = 100_000
"""The length of a cpu quota period in µs (kubelet's `cpuCFSQuotaPeriod` by default)."""

SHARES_PER_CPU = 1024
SHARES_MIN = 2
SHARES_MAX = 262_144
"""The limits of cpu.shares in the kernel."""

QUOTA_MIN_US = 1000
"""The least cpu quota that the kernel takes, in µs."""

GUARANTEED_SCORE = -997
BEST_EFFORT_SCORE = 1000
BURSTABLE_SCORE_MIN = BEST_EFFORT_SCORE + GUARANTEED_SCORE
BURSTABLE_SCORE_MAX = BEST_EFFORT_SCORE - 1
"""oom_score_adj by class; those of Burstable pods stay apart from both others."""

MILLI_PER_CPU = 1000


class CgroupDriver(Enum):
    """How a kubelet names cgroups."""

    CGROUPFS = "cgroupfs"
    SYSTEMD = "systemd"


@dataclass(frozen=True, slots=True)
class Derived:
    """What a runtime is told of the resources of a container or a pod.

    Attributes:
        shares: `cpu.shares` as in the OCI specification.
        quota: CPU quota in µs for each period; 0: none.
        period: The period in µs.
        memory_limit: Memory limit in bytes; 0: none.
        oom_score_adj: The kernel's badness adjustment; 0 for a pod, which is not told any.
    """

    shares: int
    quota: int
    period: int
    memory_limit: int
    oom_score_adj: int


# ---- quality of service ----


def qos_of(pod: PodSpec) -> Qos:
    """Return a pod's quality of service class.

    App and init containers count alike. Resources of the pod itself, once there are any,
    decide alone (KEP-2837).
    """
    asked = [pod.resources] if pod.resources is not None else [c.resources for c in pod.containers]
    if all(one == Resources() for one in asked):
        return Qos.BEST_EFFORT
    return Qos.GUARANTEED if all(map(_is_guaranteed, asked)) else Qos.BURSTABLE


def _is_guaranteed(asked: Resources) -> bool:
    return (
        0 < asked.cpu_limit_m == asked.cpu_request_m
        and 0 < asked.memory_limit == asked.memory_request
    )


# ---- what the runtime is told ----


def linux_resources(pod: PodSpec, container: ContainerSpec, machine_memory_bytes: int) -> Derived:
    """Return what a kubelet asks a runtime to apply to a container.

    A container without a limit of its own is given the pod's, if the pod has one.

    Args:
        pod: The pod.
        container: One of its containers.
        machine_memory_bytes: Memory of the machine, in bytes; the oom score depends on it.
    """
    own = container.resources
    whole = pod.resources or Resources()
    limit_m = own.cpu_limit_m or whole.cpu_limit_m
    # A request of 0 next to a limit of its own was written so: the API server fills in a
    # missing one. Without such a limit the request is missing, and the limit stands in.
    request_m = own.cpu_request_m or (0 if own.cpu_limit_m else limit_m)
    return Derived(
        shares=_shares(request_m),
        quota=_quota_us(limit_m),
        period=PERIOD_US,
        memory_limit=own.memory_limit or whole.memory_limit,
        oom_score_adj=oom_score_of(pod, container, machine_memory_bytes),
    )


def pod_linux_resources(pod: PodSpec) -> Derived:
    """Return what a kubelet tells a runtime of a whole pod when its sandbox is made.

    It is the pod's own resources where they are given, and else the most that its containers
    can have at one time.
    """
    asked = pod.resources or Resources()
    total = most_at_one_time(pod)
    request_m = asked.cpu_request_m or total.cpu_request_m
    limit_m = asked.cpu_limit_m or total.cpu_limit_m
    return Derived(
        shares=_shares(request_m),
        quota=_quota_us(limit_m),
        period=PERIOD_US,
        memory_limit=asked.memory_limit or total.memory_limit,
        oom_score_adj=0,
    )


def most_at_one_time(pod: PodSpec) -> Resources:
    """Return the most that a pod's containers ask for together.

    Init containers run one at a time, next to the sidecars that were started before them;
    app containers run together, next to all sidecars.
    """
    beside = peak = Resources()
    for container in pod.containers:
        match container.kind:
            case ContainerKind.SIDECAR:
                beside = _sum((beside, container.resources))
                peak = _larger(peak, beside)
            case ContainerKind.INIT:
                peak = _larger(peak, _sum((beside, container.resources)))
            case ContainerKind.APP:
                pass
            case unknown:
                assert_never(unknown)
    return _larger(peak, _sum((beside, *_resources(pod, ContainerKind.APP))))


def oom_score_of(pod: PodSpec, container: ContainerSpec, machine_memory_bytes: int) -> int:
    """Return a container's oom_score_adj: the more of the memory it asked for, the lower.

    Args:
        pod: The pod.
        container: One of its containers.
        machine_memory_bytes: Memory of the machine, in bytes.
    """
    if pod.critical:
        return GUARANTEED_SCORE
    match qos_of(pod):
        case Qos.GUARANTEED:
            return GUARANTEED_SCORE
        case Qos.BEST_EFFORT:
            return BEST_EFFORT_SCORE
        case Qos.BURSTABLE:
            asked = _memory_that_counts(pod, container)
            score = BEST_EFFORT_SCORE - BEST_EFFORT_SCORE * asked // machine_memory_bytes
            return min(BURSTABLE_SCORE_MAX, max(BURSTABLE_SCORE_MIN, score))
        case unknown:
            assert_never(unknown)


def cgroup_parent(pod: PodSpec, driver: CgroupDriver) -> str:
    """Return a pod's cgroup, in the form that a kubelet tells a runtime.

    Args:
        pod: The pod; its uid is part of the name.
        driver: The kubelet's cgroup driver.
    """
    qos = qos_of(pod)
    tier = () if qos is Qos.GUARANTEED else (qos.value.lower(),)
    match driver:
        case CgroupDriver.CGROUPFS:
            return "/".join(("", "kubepods", *tier, f"pod{pod.uid}"))
        case CgroupDriver.SYSTEMD:
            # A dash separates the levels of slices, so the uid must not have one.
            uid = pod.uid.replace("-", "_")
            return "-".join(("kubepods", *tier, f"pod{uid}")) + ".slice"
        case unknown:
            assert_never(unknown)


def _shares(milli: int) -> int:
    return min(SHARES_MAX, max(SHARES_MIN, milli * SHARES_PER_CPU // MILLI_PER_CPU))


def _quota_us(milli: int) -> int:
    return max(QUOTA_MIN_US, milli * PERIOD_US // MILLI_PER_CPU) if milli else 0


def _memory_that_counts(pod: PodSpec, container: ContainerSpec) -> int:
    """Return the memory request that a Burstable container's oom score is reckoned by.

    A sidecar is at least as safe as the app container that asks for least.
    """
    own = container.resources.memory_request
    if container.kind is ContainerKind.SIDECAR:
        own = max(own, min(app.memory_request for app in _resources(pod, ContainerKind.APP)))
    return own + _left_to_each(pod)


def _left_to_each(pod: PodSpec) -> int:
    """Return each container's part of what the pod asks for beyond its containers."""
    if pod.resources is None or not pod.resources.memory_request:
        return 0
    rest = pod.resources.memory_request - most_at_one_time(pod).memory_request
    return max(0, rest) // len(pod.containers)


def _resources(pod: PodSpec, kind: ContainerKind) -> Iterator[Resources]:
    return (one.resources for one in pod.containers if one.kind is kind)


def _sum(several: Iterable[Resources]) -> Resources:
    every = tuple(several)
    return Resources(
        sum(one.cpu_request_m for one in every),
        sum(one.cpu_limit_m for one in every),
        sum(one.memory_request for one in every),
        sum(one.memory_limit for one in every),
    )


def _larger(one: Resources, other: Resources) -> Resources:
    return Resources(
        max(one.cpu_request_m, other.cpu_request_m),
        max(one.cpu_limit_m, other.cpu_limit_m),
        max(one.memory_request, other.memory_request),
        max(one.memory_limit, other.memory_limit),
    )


# ---- the class by the manifest ----


def demand_of(pod: PodSpec, container: ContainerSpec, online: CpuSet) -> Demand | None:
    """Tell what a container must get, by its manifest (placement rules, "Classes").

    Args:
        pod: The pod.
        container: One of its containers.
        online: The cpus that are online.

    Returns:
        Its demand; None if it names cpus that cannot be used, so that it must be refused.
    """
    named = _text(pod, CORES_ANNOTATION, container)
    if named is not None:
        cpus = _listed(named)
        return AnnotatedDemand(cpus) if cpus and cpus <= online else None
    forbidden = _forbidden(pod, container)
    count, rest = divmod(container.resources.cpu_limit_m, MILLI_PER_CPU)
    # With resources of the pod itself, containers share a limit that belongs to none of them.
    own = qos_of(pod) is Qos.GUARANTEED and pod.resources is None
    if own and count >= 1 and not rest:
        return IntegerDemand(count, forbidden, _preference(pod))
    return SharedDemand(forbidden)


def _preference(pod: PodSpec) -> Preference:
    """Return how a pod wants its cpus to lie; words that do not exist say nothing."""
    smt = {str(one): one for one in Smt}.get(pod.annotations.get(SMT_ANNOTATION, ""))
    numa = {str(one): one for one in Numa}.get(pod.annotations.get(NUMA_ANNOTATION, ""))
    return Preference(smt or Smt.PREFER_SIBLINGS, numa or Numa.PACK)


def _text(pod: PodSpec, annotation: str, container: ContainerSpec) -> str | None:
    """Return what an annotation says for a container; None if it says nothing.

    What is said for the container alone counts before what is said for all.
    """
    text = pod.annotations.get(f"{annotation}.{container.name}")
    if text is None:
        return pod.annotations.get(annotation)
    return None if text == "none" else text


def _forbidden(pod: PodSpec, container: ContainerSpec) -> CpuSet:
    """Return the cpus that are forbidden to a container; a list that is none is as if missing."""
    text = _text(pod, FORBID_ANNOTATION, container)
    if text is None:
        return CpuSet.EMPTY
    cpus = _listed(text)
    if cpus is None:
        cpus = _listed(pod.annotations.get(FORBID_ANNOTATION, ""))
    return cpus or CpuSet.EMPTY


def _listed(text: str) -> CpuSet | None:
    """Return the cpus of a list; None if it is no list."""
    try:
        return CpuSet.parse(text)
    except CpuListError:
        return None
