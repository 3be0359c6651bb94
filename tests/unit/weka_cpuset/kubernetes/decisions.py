"""Decisions that are told to Kubernetes, for tests."""

from weka_cpuset.decided import Decided, Moved, PodName
from weka_cpuset.engine import CpuSet

TWO, OTHER = CpuSet.parse("2-3"), CpuSet.parse("4-5")


def pod(name: str) -> PodName:
    """Return what Kubernetes knows a pod by."""
    return PodName("default", name, f"uid-{name}")


def refused(name: str, refusal: str = "NotEnoughCpus", reason: str = "no room") -> Decided:
    """Return the refusal of a pod's only container."""
    return Decided(
        "CreateContainer",
        "refused",
        f"id-{name}",
        f"default/{name}/main",
        refusal=refusal,
        reason=reason,
        pod=pod(name),
    )


def moved(*names: str) -> Decided:
    """Return the creation of `named`, for which the containers of these pods were moved."""
    moves = [Moved(f"id-{one}", f"default/{one}/main", TWO, OTHER, pod(one)) for one in names]
    return Decided(
        "CreateContainer",
        "placed",
        "id-named",
        "default/named/main",
        "annotated",
        after=TWO,
        moves=tuple(moves),
        pod=pod("named"),
    )
