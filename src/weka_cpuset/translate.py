"""Between the runtime's messages and the engine's values.

What a runtime leaves out, or sends as 0, means "not specified"; the engine's facts say the
same with zeros and empty texts. Nothing here decides anything.
"""

from collections.abc import Iterable
from typing import Protocol

from nri import messages
from weka_cpuset.engine import (
    Adjustment,
    ContainerFacts,
    CpusetUpdate,
    Phase,
    PodFacts,
    Reported,
    reads_annotation,
)


class _HasPod(Protocol):
    """A request that may carry a pod."""

    @property
    def pod(self) -> messages.PodSandbox: ...


def pod_facts(pod: messages.PodSandbox) -> PodFacts:
    """Return the facts of a pod; every part of the message may be missing."""
    linux = pod.linux
    cpu = linux.pod_resources.cpu
    return PodFacts(
        id=pod.id,
        uid=pod.uid,
        namespace=pod.namespace,
        name=pod.name,
        # Others can be large or secret, so they are not kept at all.
        annotations={key: text for key, text in pod.annotations.items() if reads_annotation(key)},
        cgroup_parent=linux.cgroup_parent,
        cpu_quota=cpu.quota.value,
        cpu_period=cpu.period.value,
    )


def optional_pod_facts(request: _HasPod) -> PodFacts | None:
    """Return the facts of a request's pod, or None when the runtime lost the pod's data.

    A runtime that no longer knows the sandbox sends the pod's id alone, or nothing.
    """
    pod = request.pod
    return pod_facts(pod) if pod.uid or pod.name else None


def container_facts(container: messages.Container) -> ContainerFacts:
    """Return the facts of a container; every part of the message may be missing."""
    linux = container.linux
    return _facts(container, linux, linux.resources, linux.resources)


def updated_facts(
    container: messages.Container, requested: messages.LinuxResources
) -> ContainerFacts:
    """Return a container's facts with the values of a resource update put in.

    Args:
        container: The container with the values before the update.
        requested: The new values; what is 0 or missing there stays as it was.
    """
    linux = container.linux
    return _facts(container, linux, linux.resources, requested)


def _facts(
    container: messages.Container,
    linux: messages.LinuxContainer,
    old: messages.LinuxResources,
    new: messages.LinuxResources,
) -> ContainerFacts:
    before, after = old.cpu, new.cpu
    return ContainerFacts(
        id=container.id,
        pod_id=container.pod_sandbox_id,
        name=container.name,
        shares=after.shares.value or before.shares.value,
        quota=after.quota.value or before.quota.value,
        period=after.period.value or before.period.value,
        memory_limit=new.memory.limit.value or old.memory.limit.value,
        oom_score_adj=linux.oom_score_adj.value if linux.HasField("oom_score_adj") else None,
        # What a resource update asks for is not what the container runs on.
        cpus=before.cpus,
        mems=before.mems,
        cgroup=linux.cgroups_path,
    )


def has_ended(container: messages.Container) -> bool:
    """Tell whether the runtime says of a container to be updated that its process is gone.

    It then shows the state STOPPED or, from containerd 2.3 on, none.
    """
    states = messages.ContainerState
    return container.state in (states.CONTAINER_STOPPED, states.CONTAINER_UNKNOWN)


def reported(container: messages.Container) -> Reported:
    """Return a container of a Synchronize report with the phase it is in."""
    created = container.state == messages.ContainerState.CONTAINER_CREATED
    return Reported(container_facts(container), Phase.CREATED if created else Phase.RUNNING)


def adjustment_message(adjustment: Adjustment) -> messages.ContainerAdjustment:
    """Return the message that gives a container its cpuset at creation."""
    return messages.cpu_adjustment(str(adjustment.cpus), str(adjustment.mems))


def update_messages(
    updates: Iterable[CpusetUpdate], *, ignore_failure: bool = True
) -> list[messages.ContainerUpdate]:
    """Return the messages that give running containers their cpusets, in the same order.

    Args:
        updates: The updates.
        ignore_failure: Whether the rest shall go well if one fails, as in a reply. Outside of
            a reply a failure is told only without this.
    """
    # Most updates of a reply give the same cpuset to many containers, so its message is made
    # once and copied: a reply with hundreds of updates is the dearest that a handler makes,
    # and a copy costs a third of a message that is put together.
    patterns: dict[tuple[int, int], messages.ContainerUpdate] = {}
    result = []
    for update in updates:
        key = (update.cpus.mask, update.mems.mask)
        pattern = patterns.get(key)
        if pattern is None:
            pattern = messages.cpu_update("", str(update.cpus), str(update.mems))
            pattern.ignore_failure = ignore_failure
            patterns[key] = pattern
        message = messages.ContainerUpdate()
        message.CopyFrom(pattern)
        message.container_id = update.container_id
        result.append(message)
    return result


def self_update_message(container_id: str, adjustment: Adjustment) -> messages.ContainerUpdate:
    """Return the entry with which a reply to UpdateContainer keeps the container's own cpuset."""
    return messages.cpu_update(container_id, str(adjustment.cpus), str(adjustment.mems))
