"""Messages to facts and decisions to messages: nothing is lost, nothing missing is an error."""

import pytest

from nri import messages
from weka_cpuset import translate
from weka_cpuset.engine import Adjustment, CpuSet, CpusetUpdate, Phase, Step


def full_container() -> messages.Container:
    """Return a container with every part that the facts are made of."""
    return messages.Container(
        id="c1",
        pod_sandbox_id="p1",
        name="main",
        linux=messages.LinuxContainer(
            oom_score_adj=messages.OptionalInt(value=-997),
            resources=messages.LinuxResources(
                cpu=messages.LinuxCPU(
                    shares=messages.OptionalUInt64(value=2048),
                    quota=messages.OptionalInt64(value=200_000),
                    period=messages.OptionalUInt64(value=100_000),
                    cpus="2-3",
                    mems="0",
                ),
                memory=messages.LinuxMemory(limit=messages.OptionalInt64(value=1 << 30)),
            ),
        ),
    )


def test_pod_facts_have_all_that_a_class_depends_on() -> None:
    """Identity, annotations, cgroup parent and pod-level limits arrive."""
    facts = translate.pod_facts(
        messages.PodSandbox(
            id="p1",
            uid="u1",
            namespace="ns",
            name="pod",
            annotations={
                "weka.io/cores-ids": "1",
                "weka.io/forbid-core-ids.main": "2",
                "weka.io/cores-ids-of-others": "3",
                "example.org/secret": "x",
            },
            linux=messages.LinuxPodSandbox(
                cgroup_parent="/kubepods/podu1",
                pod_resources=messages.LinuxResources(
                    cpu=messages.LinuxCPU(
                        quota=messages.OptionalInt64(value=300_000),
                        period=messages.OptionalUInt64(value=100_000),
                    )
                ),
            ),
        )
    )
    assert (facts.id, facts.uid, facts.namespace, facts.name) == ("p1", "u1", "ns", "pod")
    read = {"weka.io/cores-ids": "1", "weka.io/forbid-core-ids.main": "2"}
    assert dict(facts.annotations) == read
    assert facts.cgroup_parent == "/kubepods/podu1"
    assert (facts.cpu_quota, facts.cpu_period) == (300_000, 100_000)


def test_container_facts_have_all_that_a_class_depends_on() -> None:
    """Shares, quota, period, memory limit, oom score and the recorded cpuset arrive."""
    facts = translate.container_facts(full_container())
    assert (facts.id, facts.pod_id, facts.name) == ("c1", "p1", "main")
    assert (facts.shares, facts.quota, facts.period) == (2048, 200_000, 100_000)
    assert (facts.memory_limit, facts.oom_score_adj) == (1 << 30, -997)
    assert (facts.cpus, facts.mems) == ("2-3", "0")


def test_empty_messages_are_facts_of_nothing() -> None:
    """A pod without annotations and a container without a linux section are normal."""
    pod = translate.pod_facts(messages.PodSandbox(id="p1"))
    container = translate.container_facts(messages.Container(id="c1"))
    assert not pod.annotations
    assert (container.shares, container.quota, container.period) == (0, 0, 0)
    assert container.oom_score_adj is None


@pytest.mark.parametrize(
    ("pod", "known"),
    [
        (messages.PodSandbox(), False),
        (messages.PodSandbox(id="p1"), False),
        (messages.PodSandbox(id="p1", uid="u1"), True),
        (messages.PodSandbox(id="p1", name="n"), True),
    ],
)
def test_pod_whose_data_is_lost_is_no_pod(pod: messages.PodSandbox, *, known: bool) -> None:
    """A runtime that forgot the sandbox sends the id alone; that must not look like a pod."""
    request = messages.StopContainerRequest(pod=pod)
    assert known == (translate.optional_pod_facts(request) is not None)


def test_update_puts_new_values_over_old_ones() -> None:
    """In a resource update a 0 or a missing value means: as it was."""
    requested = messages.LinuxResources(
        cpu=messages.LinuxCPU(
            shares=messages.OptionalUInt64(value=3072),
            quota=messages.OptionalInt64(value=300_000),
            period=messages.OptionalUInt64(value=0),
            cpus="0-63",
        ),
        memory=messages.LinuxMemory(limit=messages.OptionalInt64(value=0)),
    )
    facts = translate.updated_facts(full_container(), requested)
    assert (facts.shares, facts.quota, facts.period) == (3072, 300_000, 100_000)
    assert facts.memory_limit == 1 << 30
    assert facts.cpus == "2-3"


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (messages.ContainerState.CONTAINER_CREATED, Phase.CREATED),
        (messages.ContainerState.CONTAINER_RUNNING, Phase.RUNNING),
        (messages.ContainerState.CONTAINER_PAUSED, Phase.RUNNING),
        (messages.ContainerState.CONTAINER_UNKNOWN, Phase.RUNNING),
    ],
)
def test_reported_phase(state: messages.ContainerState, phase: Phase) -> None:
    """Only a container that is created and not started is in its start window."""
    container = full_container()
    container.state = state
    assert phase is translate.reported(container).phase


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (messages.ContainerState.CONTAINER_CREATED, False),
        (messages.ContainerState.CONTAINER_RUNNING, False),
        (messages.ContainerState.CONTAINER_PAUSED, False),
        (messages.ContainerState.CONTAINER_STOPPED, True),
        (messages.ContainerState.CONTAINER_UNKNOWN, True),
    ],
)
def test_end_as_an_update_shows_it(state: messages.ContainerState, *, ended: bool) -> None:
    """Old runtimes show that a container has stopped, new ones show nothing."""
    container = full_container()
    container.state = state
    assert ended is translate.has_ended(container)


def test_updates_keep_their_order_and_ignore_failure() -> None:
    """Each update is one entry in the same order, and its failure never fails the event."""
    updates = [
        CpusetUpdate("a", CpuSet.of([0, 1]), CpuSet.EMPTY, Step.SHRINK),
        CpusetUpdate("b", CpuSet.of([2]), CpuSet.of([1]), Step.MOVE),
        CpusetUpdate("c", CpuSet.of([0, 1]), CpuSet.EMPTY, Step.GROW),
    ]
    entries = [
        (
            entry.container_id,
            entry.linux.resources.cpu.cpus,
            entry.linux.resources.cpu.mems,
            entry.ignore_failure,
        )
        for entry in translate.update_messages(updates)
    ]
    assert entries == [("a", "0-1", "", True), ("b", "2", "1", True), ("c", "0-1", "", True)]


def test_adjustment_carries_cpus_and_memory_nodes() -> None:
    """A new container's cpuset and memory nodes are lists in the kernel's format."""
    adjustment = Adjustment(CpuSet.of([1, 2, 3, 7]), CpuSet.of([0]))
    cpu = translate.adjustment_message(adjustment).linux.resources.cpu
    assert (cpu.cpus, cpu.mems) == ("1-3,7", "0")
    entry = translate.self_update_message("me", adjustment)
    assert (entry.container_id, entry.linux.resources.cpu.cpus) == ("me", "1-3,7")
