"""Pods drawn at random, as a user may write them."""

from collections.abc import Mapping

from hypothesis import strategies as st

from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy
from weka_cpuset.engine import CORES_ANNOTATION, FORBID_ANNOTATION

MILLI = st.sampled_from([0, 1, 9, 10, 100, 999, 1000, 1001, 1500, 2000, 3000, 256_000, 257_000])
MEMORY = st.sampled_from([0, 1, 1 << 20, 100 << 20, 1 << 30, 1 << 40])
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
CPU_LISTS = st.sampled_from(["0", "1-3", "0,2-3,7", "", "8", "0-", "x", "3-1", "0-4000000000"])
LABELS = st.dictionaries(NAMES, st.text("ab 0:#-'\n", max_size=8), max_size=2)
_LISTS = (CORES_ANNOTATION, FORBID_ANNOTATION)
_OF_CONTAINERS = [f"{one}.c{number}" for one in _LISTS for number in (0, 1)]
ANNOTATIONS = st.dictionaries(
    st.sampled_from([*_LISTS, *_OF_CONTAINERS]), CPU_LISTS | st.just("none"), max_size=4
)
SECONDS = st.one_of(
    st.sampled_from([0.0, 1.0, 30.0]), st.integers(0, 10_000).map(lambda milli: milli / 1000)
)


@st.composite
def resources(draw: st.DrawFn) -> Resources:
    """Draw resources, often with requests that equal their limits."""
    cpu, memory = draw(MILLI), draw(MEMORY)
    if draw(st.booleans()):
        return Resources(cpu, cpu, memory, memory)
    return Resources(
        cpu_request_m=draw(st.sampled_from([cpu, cpu // 2, 0])),
        cpu_limit_m=cpu,
        memory_request=draw(st.sampled_from([memory, memory // 2])),
        memory_limit=draw(st.sampled_from([memory, 0])),
    )


@st.composite
def containers(draw: st.DrawFn) -> tuple[ContainerSpec, ...]:
    """Draw init containers and sidecars, then at least one app."""
    kinds = draw(st.lists(st.sampled_from([ContainerKind.INIT, ContainerKind.SIDECAR]), max_size=2))
    kinds += [ContainerKind.APP] * draw(st.integers(1, 3))
    return tuple(
        ContainerSpec(
            name=f"c{number}",
            resources=draw(resources()),
            kind=kind,
            life_s=draw(st.none() | SECONDS),
            exit_code=draw(st.sampled_from([0, 0, 1, 137])),
            heeds_term=draw(st.booleans()),
        )
        for number, kind in enumerate(kinds)
    )


def pods(
    annotations: st.SearchStrategy[Mapping[str, str]] = ANNOTATIONS,
    whole: st.SearchStrategy[Resources | None] = st.none(),  # noqa: B008  # a value, not a draw
) -> st.SearchStrategy[PodSpec]:
    """Draw pods.

    Args:
        annotations: Draws their annotations.
        whole: Draws the resources of the pod itself.
    """
    return st.builds(
        PodSpec,
        name=NAMES,
        containers=containers(),
        namespace=NAMES,
        uid=st.uuids().map(str),
        annotations=annotations,
        labels=LABELS,
        resources=whole,
        restart_policy=st.sampled_from(RestartPolicy),
        grace_s=SECONDS,
        owner=st.sampled_from(["", "Deployment/web", "StatefulSet/db"]),
        critical=st.booleans(),
    )
