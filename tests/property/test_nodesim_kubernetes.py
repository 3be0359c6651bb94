"""The class by the manifest, and the class that the agent tells from the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from nodesim.kubernetes import (
    CgroupDriver,
    cgroup_parent,
    demand_of,
    linux_resources,
    pod_linux_resources,
)
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources
from tests.machines import flat
from tests.property.workloads import pods
from weka_cpuset.engine import (
    ContainerFacts,
    Demand,
    EngineError,
    PodFacts,
    SharedDemand,
    classify,
)

MACHINE = flat(8)
MEMORY = 64 << 30
DRIVERS = st.sampled_from(CgroupDriver)


def pod_facts(pod: PodSpec, driver: CgroupDriver) -> PodFacts:
    """Return what a runtime that tells all shows of a pod."""
    told = pod_linux_resources(pod)
    parent = cgroup_parent(pod, driver)
    return PodFacts(
        "p", pod.uid, pod.namespace, pod.name, pod.annotations, parent, told.quota, told.period
    )


def container_facts(pod: PodSpec, container: ContainerSpec) -> ContainerFacts:
    """Return what a runtime shows of a container."""
    told = linux_resources(pod, container, MEMORY)
    return ContainerFacts(
        id=container.name,
        pod_id="p",
        name=container.name,
        shares=told.shares,
        quota=told.quota,
        period=told.period,
        memory_limit=told.memory_limit,
        oom_score_adj=told.oom_score_adj,
    )


def demand_by_numbers(
    pod: PodSpec, container: ContainerSpec, live: list[ContainerSpec], driver: CgroupDriver
) -> Demand | None:
    """Return what the engine makes of the numbers; None if it refuses."""
    siblings = [container_facts(pod, one) for one in live if one != container]
    facts = container_facts(pod, container)
    try:
        return classify(pod_facts(pod, driver), facts, MACHINE, siblings).demand
    except EngineError:
        return None


def live_sets(pod: PodSpec) -> list[list[ContainerSpec]]:
    """Return which containers live together, step by step in the pod's life."""
    beside: list[ContainerSpec] = []
    steps = []
    for one in pod.containers:
        steps.append([*beside, one])
        if one.kind is not ContainerKind.INIT:
            beside.append(one)
    return steps


@given(pods(), DRIVERS)
def test_manifest_and_numbers_agree(pod: PodSpec, driver: CgroupDriver) -> None:
    """Whatever lives together, the engine tells each container's demand as the manifest does."""
    for live in live_sets(pod):
        for container in live:
            by_manifest = demand_of(pod, container, MACHINE.online)
            assert by_manifest == demand_by_numbers(pod, container, live, driver)


@given(pods(annotations=st.just({})), st.integers(1, 4).map(lambda cpus: cpus * 1000), DRIVERS)
def test_containers_that_share_the_pods_limit_are_recognised(
    pod: PodSpec, milli: int, driver: CgroupDriver
) -> None:
    """Two containers with no limit of their own are shared for both, once both live."""
    whole = Resources(milli, milli, MEMORY, MEMORY)
    two = tuple(ContainerSpec(name) for name in ("one", "two"))
    pod = PodSpec("web", two, uid=pod.uid, resources=whole)
    for container in two:
        assert SharedDemand() == demand_of(pod, container, MACHINE.online)
        assert SharedDemand() == demand_by_numbers(pod, container, list(two), driver)
