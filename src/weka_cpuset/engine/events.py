"""What can happen: the runtime's events as facts. See `decide` for what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import ContainerFacts, PodFacts


class Phase(Enum):
    """How far a container has come.

    Until PostStart is received an update of its cpuset can be lost: it then reaches the
    runtime's record but not the kernel (NRI, containerd's start window).
    """

    CREATED = "created"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Create:
    """CreateContainer: a container is about to be created. The reply can carry updates."""

    pod: PodFacts | None
    container: ContainerFacts


@dataclass(frozen=True, slots=True)
class Update:
    """UpdateContainer: its resources are about to change. The reply can carry updates.

    Attributes:
        pod: Its pod, if known.
        container: The container with the new values where the request has any.
        ended: Whether the runtime says that its process is gone.
    """

    pod: PodFacts | None
    container: ContainerFacts
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """StopContainer: its process is gone. The reply can carry updates."""

    container_id: str


@dataclass(frozen=True, slots=True)
class Remove:
    """RemoveContainer: it is being removed. The reply carries nothing."""

    container_id: str


@dataclass(frozen=True, slots=True)
class PodStop:
    """StopPodSandbox: all of a pod's processes are gone. The reply carries nothing."""

    pod_id: str


@dataclass(frozen=True, slots=True)
class PodRemove:
    """RemovePodSandbox: a pod is being removed. The reply carries nothing."""

    pod_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Any other event that shows a container: PostCreate, Start, PostStart, PostUpdate.

    Attributes:
        pod: Its pod, if known.
        container: The container.
        phase: RUNNING from PostStart on.
    """

    pod: PodFacts | None
    container: ContainerFacts
    phase: Phase


@dataclass(frozen=True, slots=True)
class Settle:
    """Outside of any event: ask for the updates that are due.

    Attributes:
        calm: Whether a burst of creations, if there was one, is over: no integer
            container was created for some time. What was taken ahead for the next ones
            then returns to the shared containers, and containers that run on the pool
            because there was no place of their own for them get one if there is.
        running_only: Whether containers that do not run yet are out of reach: what they
            start with is on the runtime's record alone.
        stalled: Those of them that nobody starts any more, as far as is known.
    """

    calm: bool = False
    running_only: bool = False
    stalled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dead:
    """No process is left of these containers; their Stop is still on its way.

    One that has not started has no process either: it is not dead, and stays.

    Attributes:
        container_ids: The containers.
    """

    container_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What was told to these containers may not be what the kernel enforces.

    Attributes:
        container_ids: Containers whose update failed, or which were read back otherwise.
        may: Cpus that some of them may have beside those they were told.
    """

    container_ids: frozenset[str]
    may: Mapping[str, CpuSet] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Running containers were read back, and have something else than they were told.

    Attributes:
        cpus: What the kernel enforces for them.
    """

    cpus: Mapping[str, CpuSet]


Event = Create | Update | Stop | Remove | PodStop | PodRemove | Seen | Settle | Dead | Doubt | Found
