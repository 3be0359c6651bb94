"""The messages of NRI under short names, the events, and what saves repetition.

The classes are generated from nri.proto. Here are the ones that plugins and runtimes
handle every day; the others are in `nri.nri_pb2`.
"""

from collections.abc import Iterable
from enum import IntEnum

from nri.nri_pb2 import (
    ConfigureRequest,
    ConfigureResponse,
    Container,
    ContainerAdjustment,
    ContainerEviction,
    ContainerState,
    ContainerUpdate,
    CreateContainerRequest,
    CreateContainerResponse,
    Empty,
    LinuxContainer,
    LinuxContainerAdjustment,
    LinuxContainerUpdate,
    LinuxCPU,
    LinuxMemory,
    LinuxPodSandbox,
    LinuxResources,
    OptionalInt,
    OptionalInt64,
    OptionalUInt64,
    PodSandbox,
    RegisterPluginRequest,
    StateChangeEvent,
    StopContainerRequest,
    StopContainerResponse,
    SynchronizeRequest,
    SynchronizeResponse,
    UpdateContainerRequest,
    UpdateContainerResponse,
    UpdateContainersRequest,
    UpdateContainersResponse,
)

__all__ = [
    "VALID_MASK",
    "VALID_MASK_OLD",
    "ConfigureRequest",
    "ConfigureResponse",
    "Container",
    "ContainerAdjustment",
    "ContainerEviction",
    "ContainerState",
    "ContainerUpdate",
    "CreateContainerRequest",
    "CreateContainerResponse",
    "Empty",
    "Event",
    "LinuxCPU",
    "LinuxContainer",
    "LinuxContainerAdjustment",
    "LinuxContainerUpdate",
    "LinuxMemory",
    "LinuxPodSandbox",
    "LinuxResources",
    "OptionalInt",
    "OptionalInt64",
    "OptionalUInt64",
    "PodSandbox",
    "RegisterPluginRequest",
    "StateChangeEvent",
    "StopContainerRequest",
    "StopContainerResponse",
    "SynchronizeRequest",
    "SynchronizeResponse",
    "UpdateContainerRequest",
    "UpdateContainerResponse",
    "UpdateContainersRequest",
    "UpdateContainersResponse",
    "cpu_adjustment",
    "cpu_update",
    "mask_of",
]


class Event(IntEnum):
    """The events of a node. The numbers are those of the wire (NRI 0.12 api)."""

    RUN_POD_SANDBOX = 1
    STOP_POD_SANDBOX = 2
    REMOVE_POD_SANDBOX = 3
    CREATE_CONTAINER = 4
    POST_CREATE_CONTAINER = 5
    START_CONTAINER = 6
    POST_START_CONTAINER = 7
    UPDATE_CONTAINER = 8
    POST_UPDATE_CONTAINER = 9
    STOP_CONTAINER = 10
    REMOVE_CONTAINER = 11
    UPDATE_POD_SANDBOX = 12
    POST_UPDATE_POD_SANDBOX = 13
    VALIDATE_CONTAINER_ADJUSTMENT = 14


VALID_MASK_OLD = 0x7FF
"""The bits that every runtime accepts. One bit more, and runtimes before NRI 0.10 close."""

VALID_MASK = 0x3FFF
"""The bits that runtimes since NRI 0.10 accept."""


def mask_of(events: Iterable[Event]) -> int:
    """Builds the event mask of a Configure response.

    Args:
        events: The events to subscribe to.

    Returns:
        The mask; bit `event - 1` stands for an event. Empty input gives 0, which a runtime
        reads as "every event": never subscribe with it.
    """
    mask = 0
    for event in events:
        mask |= 1 << (event - 1)
    return mask


def cpu_update(container_id: str, cpus: str, mems: str = "") -> ContainerUpdate:
    """Makes an update that places a running container.

    Args:
        container_id: The container.
        cpus: Kernel list format, such as "0-3,8"; empty leaves them as they are.
        mems: NUMA nodes, the same format; empty leaves them as they are.

    Returns:
        The update, with `ignore_failure` set: CRI-O would otherwise fail the whole event
        over one container that is just going away.
    """
    return ContainerUpdate(
        container_id=container_id,
        linux=LinuxContainerUpdate(resources=LinuxResources(cpu=LinuxCPU(cpus=cpus, mems=mems))),
        ignore_failure=True,
    )


def cpu_adjustment(cpus: str, mems: str = "") -> ContainerAdjustment:
    """Makes the adjustment that places a container at its creation.

    Args:
        cpus: Kernel list format; empty leaves what the pod asked for.
        mems: NUMA nodes, the same format; empty leaves what the pod asked for.

    Returns:
        The adjustment.
    """
    resources = LinuxResources(cpu=LinuxCPU(cpus=cpus, mems=mems))
    return ContainerAdjustment(linux=LinuxContainerAdjustment(resources=resources))
