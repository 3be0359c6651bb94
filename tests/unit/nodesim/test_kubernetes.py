"""What Kubernetes makes of a pod: quality of service, cgroups, numbers, and the class."""

import pytest

from nodesim.kubernetes import (
    CgroupDriver,
    cgroup_parent,
    demand_of,
    linux_resources,
    oom_score_of,
    pod_linux_resources,
    qos_of,
)
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Qos, Resources
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    FORBID_ANNOTATION,
    AnnotatedDemand,
    CpuSet,
    IntegerDemand,
    SharedDemand,
)

GI = 1 << 30
MACHINE = 64 * GI
ONLINE = CpuSet.parse("0-7")
UID = "6f2b1c5e-0a3d-4e62-9f11-0123456789ab"


def guaranteed(milli: int, memory: int = GI) -> Resources:
    """Return requests that equal their limits."""
    return Resources(milli, milli, memory, memory)


def container(
    resources: Resources, kind: ContainerKind = ContainerKind.APP, name: str = "main"
) -> ContainerSpec:
    """Return a container that runs until it is stopped."""
    return ContainerSpec(name, resources, kind)


def pod(
    *resources: Resources,
    annotations: dict[str, str] | None = None,
    whole: Resources | None = None,
    critical: bool = False,
) -> PodSpec:
    """Return a pod with one app container for each of the resources."""
    containers = tuple(container(one, name=f"app-{number}") for number, one in enumerate(resources))
    return PodSpec(
        "web",
        containers,
        uid=UID,
        annotations=annotations or {},
        resources=whole,
        critical=critical,
    )


@pytest.mark.parametrize(
    ("expected", "resources"),
    [
        (Qos.GUARANTEED, (guaranteed(100),)),
        (Qos.GUARANTEED, (guaranteed(1000), guaranteed(500))),
        (Qos.BURSTABLE, (guaranteed(1000), Resources())),
        (Qos.BURSTABLE, (guaranteed(1000), Resources(500, 1000, GI, GI))),
        (Qos.BURSTABLE, (Resources(1000, 1000),)),
        (Qos.BURSTABLE, (Resources(memory_request=GI, memory_limit=GI),)),
        (Qos.BURSTABLE, (Resources(0, 1000, GI, GI),)),
        (Qos.BURSTABLE, (Resources(cpu_request_m=1),)),
        (Qos.BEST_EFFORT, (Resources(),)),
        (Qos.BEST_EFFORT, (Resources(), Resources())),
    ],
)
def test_quality_of_service_looks_at_all_containers(
    expected: Qos, resources: tuple[Resources, ...]
) -> None:
    """Guaranteed needs equal cpu and memory in every container; BestEffort none in any."""
    assert expected == qos_of(pod(*resources))


@pytest.mark.parametrize("kind", [ContainerKind.INIT, ContainerKind.SIDECAR])
def test_init_containers_and_sidecars_count_for_the_quality_of_service(
    kind: ContainerKind,
) -> None:
    """One init container without limits makes a pod Burstable."""
    both = (container(Resources(), kind, "first"), container(guaranteed(1000)))
    assert Qos.BURSTABLE == qos_of(PodSpec("web", both))


@pytest.mark.parametrize(
    ("expected", "whole"),
    [
        (Qos.GUARANTEED, guaranteed(2000)),
        (Qos.BURSTABLE, Resources(1000, 2000, GI, GI)),
        (Qos.BEST_EFFORT, Resources()),
    ],
)
def test_resources_of_the_pod_alone_decide_the_quality_of_service(
    expected: Qos, whole: Resources
) -> None:
    """What the containers ask for does not matter once the pod itself asks."""
    for own in (Resources(), guaranteed(1000), Resources(100, 200)):
        assert expected == qos_of(pod(own, whole=whole))


@pytest.mark.parametrize(
    ("milli", "shares", "quota"),
    [
        (1, 2, 1000),
        (9, 9, 1000),
        (10, 10, 1000),
        (11, 11, 1100),
        (1000, 1024, 100_000),
        (1500, 1536, 150_000),
        (256_000, 262_144, 25_600_000),
        (300_000, 262_144, 30_000_000),
    ],
)
def test_cpu_numbers_follow_the_kubelet(milli: int, shares: int, quota: int) -> None:
    """Shares are cut off at both ends; a quota is at least a millisecond."""
    web = pod(guaranteed(milli))
    found = linux_resources(web, web.containers[0], MACHINE)
    assert (shares, quota, 100_000, GI) == (
        found.shares,
        found.quota,
        found.period,
        found.memory_limit,
    )


def test_without_a_limit_there_is_no_quota() -> None:
    """A period is told all the same."""
    web = pod(Resources(cpu_request_m=500))
    found = linux_resources(web, web.containers[0], MACHINE)
    assert (512, 0, 100_000, 0) == (found.shares, found.quota, found.period, found.memory_limit)


def test_a_request_of_zero_gets_the_least_shares() -> None:
    """A zero that somebody wrote next to a limit is not replaced by the limit."""
    web = pod(Resources(0, 2000))
    found = linux_resources(web, web.containers[0], MACHINE)
    assert (2, 200_000) == (found.shares, found.quota)


def test_containers_without_limits_get_those_of_the_pod() -> None:
    """Each gets the whole of it, and shares to match; a limit of its own stays."""
    web = pod(Resources(), Resources(500, 1000, GI, 2 * GI), whole=guaranteed(4000, 8 * GI))
    first, second = (linux_resources(web, one, MACHINE) for one in web.containers)
    assert (4096, 400_000, 8 * GI) == (first.shares, first.quota, first.memory_limit)
    assert (512, 100_000, 2 * GI) == (second.shares, second.quota, second.memory_limit)


def test_a_pod_is_told_the_sum_of_its_app_containers() -> None:
    """Apps run together."""
    found = pod_linux_resources(pod(guaranteed(1000), guaranteed(1500)))
    assert (2560, 250_000, 2 * GI, 0) == (
        found.shares,
        found.quota,
        found.memory_limit,
        found.oom_score_adj,
    )


def test_a_pod_is_told_the_most_that_runs_at_one_time() -> None:
    """Init containers run one by one, next to the sidecars that came before them."""
    first = container(guaranteed(3000), ContainerKind.INIT, "first")
    side = container(guaranteed(1000), ContainerKind.SIDECAR, "side")
    second = container(guaranteed(2500), ContainerKind.INIT, "second")
    main = container(guaranteed(2000))
    cases = {
        (first, main): 3000,
        (first, side, main): 3000,
        (side, first, main): 4000,
        (first, side, second, main): 3500,
        (side, main): 3000,
    }
    for containers, milli in cases.items():
        assert milli * 100 == pod_linux_resources(PodSpec("web", containers)).quota


def test_a_pod_with_resources_of_its_own_is_told_those() -> None:
    """They replace the sum, each where it is given."""
    found = pod_linux_resources(pod(guaranteed(1000), whole=Resources(3000, 4000)))
    assert (3072, 400_000, GI) == (found.shares, found.quota, found.memory_limit)


@pytest.mark.parametrize(
    ("expected", "resources"),
    [
        (-997, guaranteed(100)),
        (1000, Resources()),
        (999, Resources(cpu_request_m=100)),
        (999, Resources(memory_request=1)),
        (500, Resources(memory_request=MACHINE // 2)),
        (3, Resources(memory_request=MACHINE)),
        (3, Resources(memory_request=2 * MACHINE)),
    ],
)
def test_oom_score_follows_the_quality_of_service(expected: int, resources: Resources) -> None:
    """Burstable containers lie between the two others, by their memory request."""
    web = pod(resources)
    assert expected == oom_score_of(web, web.containers[0], MACHINE)


def test_oom_score_of_a_critical_pod_tells_nothing() -> None:
    """It has the score of Guaranteed pods whatever it asks for."""
    web = pod(Resources(), critical=True)
    assert -997 == oom_score_of(web, web.containers[0], MACHINE)


def test_a_sidecar_is_at_least_as_safe_as_the_apps() -> None:
    """It has the oom score of the app that asks for least, or a lower one."""
    small, large = Resources(memory_request=MACHINE // 4), Resources(memory_request=MACHINE // 2)
    side = container(Resources(), ContainerKind.SIDECAR, "side")
    apps = (container(small), container(large, name="other"))
    assert 750 == oom_score_of(PodSpec("web", (side, *apps)), side, MACHINE)


def test_memory_that_only_the_pod_asks_for_is_spread_over_its_containers() -> None:
    """Each container's oom score counts its part of the rest."""
    whole = Resources(memory_request=MACHINE // 2)
    web = pod(Resources(memory_request=MACHINE // 4), Resources(), whole=whole)
    scores = [oom_score_of(web, one, MACHINE) for one in web.containers]
    assert [625, 875] == scores


@pytest.mark.parametrize(
    ("resources", "cgroupfs", "systemd"),
    [
        (guaranteed(1000), "/kubepods/pod{}", "kubepods-pod{}.slice"),
        (Resources(100), "/kubepods/burstable/pod{}", "kubepods-burstable-pod{}.slice"),
        (Resources(), "/kubepods/besteffort/pod{}", "kubepods-besteffort-pod{}.slice"),
    ],
)
def test_cgroup_parent_names_the_quality_of_service(
    resources: Resources, cgroupfs: str, systemd: str
) -> None:
    """Both drivers; systemd's slices have no dash within the uid."""
    web = pod(resources)
    assert cgroupfs.format(UID) == cgroup_parent(web, CgroupDriver.CGROUPFS)
    assert systemd.format(UID.replace("-", "_")) == cgroup_parent(web, CgroupDriver.SYSTEMD)


@pytest.mark.parametrize(
    ("count", "resources"),
    [
        (1, guaranteed(1000)),
        (300, guaranteed(300_000)),
        (0, guaranteed(1001)),
        (0, guaranteed(500)),
        (0, Resources(1000, 1000)),
        (0, Resources(500, 1000, GI, GI)),
        (0, Resources()),
    ],
)
def test_only_whole_limits_of_guaranteed_pods_are_integer(count: int, resources: Resources) -> None:
    """All others are shared; both know the forbidden cpus."""
    web = pod(resources, annotations={FORBID_ANNOTATION: "0-1,99"})
    forbidden = CpuSet.parse("0-1,99")
    expected = IntegerDemand(count, forbidden) if count else SharedDemand(forbidden)
    assert expected == demand_of(web, web.containers[0], ONLINE)


def test_one_container_is_integer_and_its_neighbour_shared() -> None:
    """The class belongs to the container."""
    web = pod(guaranteed(2000), guaranteed(1500))
    found = [demand_of(web, one, ONLINE) for one in web.containers]
    assert [IntegerDemand(2), SharedDemand()] == found


def test_a_limit_of_the_pod_is_nobodys_own() -> None:
    """With resources of the pod itself its containers are shared."""
    web = pod(Resources(), Resources(), whole=guaranteed(4000))
    assert {SharedDemand()} == {demand_of(web, one, ONLINE) for one in web.containers}


def test_a_forbidden_list_that_does_not_parse_is_ignored() -> None:
    """Nothing is forbidden then."""
    web = pod(Resources(), annotations={FORBID_ANNOTATION: "0-"})
    assert SharedDemand() == demand_of(web, web.containers[0], ONLINE)


@pytest.mark.parametrize("resources", [guaranteed(2000), Resources()])
def test_named_cpus_win_over_everything(resources: Resources) -> None:
    """An annotated container gets its list whatever it asks for or its pod forbids."""
    names = {CORES_ANNOTATION: "3,1-2", FORBID_ANNOTATION: "1"}
    web = pod(resources, annotations=names)
    assert AnnotatedDemand(CpuSet.parse("1-3")) == demand_of(web, web.containers[0], ONLINE)


@pytest.mark.parametrize("text", ["", " ", "7-8", "a", "3-1", "0-4000000000", "1,,2", "-1"])
def test_named_cpus_that_cannot_be_used_are_to_be_refused(text: str) -> None:
    """Bad syntax, an empty list, and cpus that are not online."""
    web = pod(guaranteed(2000), annotations={CORES_ANNOTATION: text})
    assert demand_of(web, web.containers[0], ONLINE) is None


OWN = {
    CORES_ANNOTATION: "1",
    f"{CORES_ANNOTATION}.app-1": "2-3",
    f"{CORES_ANNOTATION}.app-2": "none",
    FORBID_ANNOTATION: "4",
    f"{FORBID_ANNOTATION}.app-2": "5",
}


def test_what_is_said_for_one_container_counts_before_what_is_said_for_all() -> None:
    """Each has its own list, the one for all, or, left out, what its resources make of it."""
    web = pod(guaranteed(2000), guaranteed(2000), guaranteed(2000), annotations=OWN)
    expected = [
        AnnotatedDemand(CpuSet.of([1])),
        AnnotatedDemand(CpuSet.of([2, 3])),
        IntegerDemand(2, CpuSet.of([5])),
    ]
    assert expected == [demand_of(web, one, ONLINE) for one in web.containers]


def test_one_forbidden_list_that_cannot_be_read_leaves_the_one_for_all() -> None:
    """It is as if it were missing."""
    notes = {FORBID_ANNOTATION: "4", f"{FORBID_ANNOTATION}.app-0": "4-"}
    web = pod(Resources(), annotations=notes)
    assert SharedDemand(CpuSet.of([4])) == demand_of(web, web.containers[0], ONLINE)
