"""The class by the manifest, and the class that the agent tells from the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from nodesim.kubernetes import CgroupDriver, demand_of
from nodesim.records import Container, Sandbox
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources
from tests.machines import flat
from tests.property.workloads import pods
from weka_cpuset.engine import ContainerFacts, Demand, EngineError, SharedDemand, classify
from weka_cpuset.translate import container_facts, pod_facts

MACHINE = flat(8)
GI = 1 << 30
DRIVERS = st.sampled_from(CgroupDriver)


def demand_by_numbers(
    pod: PodSpec, container: ContainerSpec, live: list[ContainerSpec], driver: CgroupDriver
) -> Demand | None:
    """Return what the engine makes of a runtime's messages; None if it refuses."""
    sandbox = Sandbox.make("p", pod, driver)

    def facts(spec: ContainerSpec) -> ContainerFacts:
        return container_facts(Container.make(spec.name, sandbox, spec, driver).message)

    siblings = [facts(one) for one in live if one != container]
    try:
        return classify(pod_facts(sandbox.message), facts(container), MACHINE, siblings).demand
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
    whole = Resources(milli, milli, GI, GI)
    two = tuple(ContainerSpec(name) for name in ("one", "two"))
    pod = PodSpec("web", two, uid=pod.uid, resources=whole)
    for container in two:
        assert SharedDemand() == demand_of(pod, container, MACHINE.online)
        assert SharedDemand() == demand_by_numbers(pod, container, list(two), driver)
