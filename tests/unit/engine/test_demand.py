"""Classes: told exactly from what a runtime shows of a container."""

from typing import Any

import pytest

from weka_cpuset.engine import (
    AnnotatedDemand,
    Class,
    ContainerFacts,
    CoresOffline,
    Cpu,
    CpuSet,
    IntegerDemand,
    InvalidCores,
    PodFacts,
    Refusal,
    SharedDemand,
    Topology,
    Why,
    classify,
)
from weka_cpuset.engine.demand import forbidden_of

EIGHT = Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(8)])
GUARANTEED = "/kubepods/pod0123"
KINDS = {
    AnnotatedDemand: Class.ANNOTATED,
    IntegerDemand: Class.INTEGER,
    SharedDemand: Class.SHARED,
}


def pod(
    annotations: dict[str, str] | None = None, parent: str = GUARANTEED, quota: int = 0
) -> PodFacts:
    """Return a pod; `quota` is its own limit for each 100 ms, if it has one."""
    return PodFacts("p", "u", "ns", "n", annotations or {}, parent, quota, 100_000 if quota else 0)


def container(
    milli: int, *, name: str = "main", memory: int = 1 << 30, oom: int | None = -997, **other: int
) -> ContainerFacts:
    """Return a container with a limit, and equal request, in thousandths of a cpu."""
    values: dict[str, Any] = {
        "shares": min(262144, max(2, milli * 1024 // 1000)),
        "quota": milli * 100,
        "period": 100_000,
    }
    return ContainerFacts(
        f"c-{name}", "p", name, memory_limit=memory, oom_score_adj=oom, **(values | other)
    )


@pytest.mark.parametrize(
    ("milli", "count"), [(1000, 1), (2000, 2), (64_000, 64), (256_000, 256), (300_000, 300)]
)
def test_whole_limit_of_a_guaranteed_pod_is_integer(milli: int, count: int) -> None:
    """A whole number of cpus is integer, also beyond where shares saturate."""
    found = classify(pod(), container(milli), EIGHT)
    assert IntegerDemand(count, CpuSet.EMPTY) == found.demand


@pytest.mark.parametrize("milli", [1, 100, 999, 1001, 1500, 2999])
def test_part_of_a_cpu_is_shared(milli: int) -> None:
    """There is no tolerance: 2999 thousandths are not three cpus."""
    assert KINDS[type(classify(pod(), container(milli), EIGHT).demand)] is Class.SHARED


@pytest.mark.parametrize(
    ("parent", "kind"),
    [
        ("/kubepods/podU", Class.INTEGER),
        ("/kubepods/burstable/podU", Class.SHARED),
        ("/kubepods/besteffort/podU", Class.SHARED),
        ("kubepods-podU_1.slice", Class.INTEGER),
        ("kubepods-burstable-podU_1.slice", Class.SHARED),
        ("kubepods-besteffort-podU_1.slice", Class.SHARED),
        ("/kubelet/kubepods/podU", Class.INTEGER),
        ("kubelet-kubepods-burstable-podU_1.slice", Class.SHARED),
        ("kubelet-kubepods-podU_1.slice", Class.INTEGER),
    ],
)
def test_cgroup_parent_tells_the_quality_of_service(parent: str, kind: Class) -> None:
    """Both drivers' names are understood; a critical burstable pod has oom score -997 too."""
    assert kind is KINDS[type(classify(pod(parent=parent), container(2000), EIGHT).demand)]


@pytest.mark.parametrize(("oom", "kind"), [(-997, Class.INTEGER), (999, Class.SHARED)])
def test_oom_score_decides_where_the_parent_does_not_tell(oom: int, kind: Class) -> None:
    """Without cgroups per class of service the oom score is what is left to go by."""
    assert (
        kind is KINDS[type(classify(pod(parent="/other"), container(2000, oom=oom), EIGHT).demand)]
    )


@pytest.mark.parametrize("quota", [0, -1])
def test_disabled_quota_leaves_the_shares(quota: int) -> None:
    """With kubelet's quota switched off whole shares of a Guaranteed pod tell the number."""
    found = classify(pod(), container(3000, quota=quota), EIGHT)
    assert IntegerDemand(3, CpuSet.EMPTY) == found.demand
    part = classify(pod(), container(1500, quota=quota), EIGHT)
    assert KINDS[type(part.demand)] is Class.SHARED


def test_no_memory_limit_is_not_guaranteed() -> None:
    """A Guaranteed pod has a memory limit on each container."""
    assert KINDS[type(classify(pod(), container(2000, memory=0), EIGHT).demand)] is Class.SHARED


def test_request_below_the_limit_is_shared() -> None:
    """Shares that do not belong to the quota mean that request and limit differ."""
    assert KINDS[type(classify(pod(), container(2000, shares=1024), EIGHT).demand)] is Class.SHARED


def test_pod_level_limit_is_not_taken_for_each_containers_own() -> None:
    """Containers that inherit the pod's limit look whole, and share."""
    first, second = container(2000, name="a"), container(2000, name="b")
    found = classify(pod(quota=200_000), second, EIGHT, [first])
    assert KINDS[type(found.demand)] is Class.SHARED
    own = classify(pod(quota=400_000), second, EIGHT, [first])
    assert KINDS[type(own.demand)] is Class.INTEGER


def test_annotation_wins_over_requests() -> None:
    """A pod that names its cpus gets them whatever it asks for; its forbidden list is ignored."""
    notes = {"weka.io/cores-ids": "1,3", "weka.io/forbid-core-ids": "1"}
    for facts in (container(2000), container(100)):
        assert AnnotatedDemand(CpuSet.of([1, 3])) == classify(pod(notes), facts, EIGHT).demand


@pytest.mark.parametrize("text", ["", " ", "a", "3-1", "0-4000000000", "1;2", "-1"])
def test_invalid_list_says_what_would_be_right(text: str) -> None:
    """A list that cannot be read is refused with the text and an example."""
    with pytest.raises(InvalidCores) as caught:
        classify(pod({"weka.io/cores-ids": text}), container(100), EIGHT)
    assert "weka.io/cores-ids" in str(caught.value)
    assert "0,2-3" in str(caught.value)


def test_offline_cpus_are_named() -> None:
    """A list with cpus that are not online is refused; the message has them and the online ones."""
    with pytest.raises(CoresOffline) as caught:
        classify(pod({"weka.io/cores-ids": "6-9"}), container(100), EIGHT)
    assert "8-9" in str(caught.value)
    assert "0-7" in str(caught.value)


def test_forbidden_cpus_bind_integer_and_shared() -> None:
    """The forbidden list is part of the demand; cpus that do not exist in it do no harm."""
    notes = {"weka.io/forbid-core-ids": "2,99"}
    for facts in (container(2000), container(100)):
        found = classify(pod(notes), facts, EIGHT)
        assert isinstance(found.demand, IntegerDemand | SharedDemand)
        assert 2 in found.demand.forbidden
        assert found.notices == ()


def test_unreadable_forbidden_list_is_ignored_with_a_warning() -> None:
    """A forbidden list that does not parse keeps nobody off, and says so."""
    found = classify(pod({"weka.io/forbid-core-ids": "x"}), container(2000), EIGHT)
    assert IntegerDemand(2, CpuSet.EMPTY) == found.demand
    (notice,) = found.notices
    assert "weka.io/forbid-core-ids" in str(notice)


@pytest.mark.parametrize("milli", [500, 1000])
def test_pod_level_limit_is_told_by_all_limits_together(milli: int) -> None:
    """One container with the pod's limit is proof as soon as another has any limit."""
    first, second = container(2000, name="a"), container(milli, name="b")
    assert classify(pod(quota=200_000), first, EIGHT, [second]).why is Why.POD_LEVEL


def test_stale_pod_limit_proves_nothing() -> None:
    """A container that was resized beyond what the runtime shows of its pod stays integer."""
    found = classify(pod(quota=200_000), container(3000), EIGHT)
    assert found.demand == IntegerDemand(3)
    halves = [container(1000, name=name) for name in ("a", "b")]
    found = classify(pod(quota=150_000), halves[0], EIGHT, halves[1:])
    assert found.demand == IntegerDemand(1)


def test_shares_alone_prove_nothing_without_the_cgroup() -> None:
    """Without quota and without a telling cgroup a container is shared; so are saturated shares."""
    bare = container(2000, quota=0)
    assert classify(None, bare, EIGHT).why is Why.NOT_WHOLE
    assert classify(pod(), container(256_000, quota=0), EIGHT).why is Why.NOT_WHOLE
    assert classify(None, container(2000), EIGHT).why is Why.WHOLE_CPUS


OWN = {"weka.io/cores-ids": "1-2", "weka.io/cores-ids.main": "3", "weka.io/cores-ids.proxy": "none"}


@pytest.mark.parametrize(
    ("name", "cpus"), [("main", CpuSet.of([3])), ("other", CpuSet.of([1, 2])), ("proxy", None)]
)
def test_list_of_one_container_wins_over_the_list_for_all(name: str, cpus: CpuSet | None) -> None:
    """Each has its own list, else the one for all; a container that is left out has none."""
    found = classify(pod(OWN), container(100, name=name), EIGHT)
    assert found.demand == (SharedDemand() if cpus is None else AnnotatedDemand(cpus))


def test_container_left_out_of_the_list_is_judged_by_its_resources() -> None:
    """A sidecar with a whole cpu limit beside a storage process keeps cpus of its own."""
    assert classify(pod(OWN), container(2000, name="proxy"), EIGHT).demand == IntegerDemand(2)


def test_list_for_one_container_alone_leaves_the_others_as_they_are() -> None:
    """Without a list for all only the named container is annotated."""
    notes = {"weka.io/cores-ids.main": "3"}
    assert classify(pod(notes), container(2000, name="main"), EIGHT).why is Why.ANNOTATION
    assert classify(pod(notes), container(2000, name="other"), EIGHT).why is Why.WHOLE_CPUS


@pytest.mark.parametrize(("text", "error"), [("x", InvalidCores), ("6-9", CoresOffline)])
def test_refusal_names_the_annotation_that_is_wrong(text: str, error: type[Refusal]) -> None:
    """Of several lists the user must see which one to mend."""
    notes = {"weka.io/cores-ids": "1", "weka.io/cores-ids.main": text}
    with pytest.raises(error) as caught:
        classify(pod(notes), container(100, name="main"), EIGHT)
    assert "annotation weka.io/cores-ids.main " in str(caught.value)


def test_none_for_all_containers_is_no_list() -> None:
    """Whoever wants no list at all leaves the annotation out; the word is for one container."""
    with pytest.raises(InvalidCores):
        classify(pod({"weka.io/cores-ids": "none"}), container(100), EIGHT)


@pytest.mark.parametrize(("own", "forbidden"), [("5", "5"), ("none", ""), ("", "")])
def test_forbidden_list_of_one_container_wins_over_the_list_for_all(
    own: str, forbidden: str
) -> None:
    """Its own list counts, though it be empty."""
    notes = {"weka.io/forbid-core-ids": "2", "weka.io/forbid-core-ids.main": own}
    found = classify(pod(notes), container(2000, name="main"), EIGHT)
    assert found.demand == IntegerDemand(2, CpuSet.parse(forbidden))
    assert found.notices == ()
    assert forbidden_of(pod(notes), "other") == (CpuSet.of([2]), ())


def test_unreadable_forbidden_list_of_one_container_leaves_the_list_for_all_in_force() -> None:
    """A slip of the pen in one list opens no cpu that the other one forbids."""
    notes = {"weka.io/forbid-core-ids": "2", "weka.io/forbid-core-ids.main": "x"}
    found = classify(pod(notes), container(2000, name="main"), EIGHT)
    assert found.demand == IntegerDemand(2, CpuSet.of([2]))
    (notice,) = found.notices
    assert "annotation weka.io/forbid-core-ids.main " in str(notice)
