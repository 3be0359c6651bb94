"""The table of methods: which side serves what, with which messages.

Source: NRI 0.12 api. The nine dedicated event methods came with 0.12; older runtimes send
the same events by StateChange. UpdatePodSandbox and ValidateContainerAdjustment are in the
table so that a runtime side can call them; a plugin chooses what it serves.
"""

from dataclasses import dataclass, field
from enum import Enum

from google.protobuf.message import Message

from nri import nri_pb2 as pb
from nri.messages import Event

PLUGIN_SERVICE = "nri.pkg.api.v1alpha1.Plugin"
RUNTIME_SERVICE = "nri.pkg.api.v1alpha1.Runtime"


class Side(Enum):
    """The two ends of a trunk."""

    PLUGIN = "plugin"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True)
class Method:
    """One remote method."""

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    event: Event | None = None
    """The event that a plugin subscribes to in order to get this call, if there is one."""
    may_refuse: bool = field(default=False)
    """Whether an error is a proper answer. To the events that merely inform it is not: the
    runtime would hide the event from the plugins after this one."""

    def __str__(self) -> str:
        return self.name


def _plugin(
    name: str, response: type[Message], event: Event | None = None, *, may_refuse: bool = False
) -> Method:
    request = getattr(pb, f"{name}Request")
    return Method(PLUGIN_SERVICE, name, request, response, event, may_refuse)


CONFIGURE = _plugin("Configure", pb.ConfigureResponse, may_refuse=True)
"""May refuse, because an empty answer would mean mask 0: every event, validation included."""
SYNCHRONIZE = _plugin("Synchronize", pb.SynchronizeResponse)
SHUTDOWN = Method(PLUGIN_SERVICE, "Shutdown", pb.Empty, pb.Empty)
STATE_CHANGE = Method(PLUGIN_SERVICE, "StateChange", pb.StateChangeEvent, pb.Empty)
CREATE_CONTAINER = _plugin(
    "CreateContainer", pb.CreateContainerResponse, Event.CREATE_CONTAINER, may_refuse=True
)
UPDATE_CONTAINER = _plugin(
    "UpdateContainer", pb.UpdateContainerResponse, Event.UPDATE_CONTAINER, may_refuse=True
)
STOP_CONTAINER = _plugin("StopContainer", pb.StopContainerResponse, Event.STOP_CONTAINER)
UPDATE_POD_SANDBOX = _plugin(
    "UpdatePodSandbox", pb.UpdatePodSandboxResponse, Event.UPDATE_POD_SANDBOX
)
VALIDATE_CONTAINER_ADJUSTMENT = _plugin(
    "ValidateContainerAdjustment",
    pb.ValidateContainerAdjustmentResponse,
    Event.VALIDATE_CONTAINER_ADJUSTMENT,
)

DEDICATED = {
    event: _plugin(name, getattr(pb, f"{name}Response"), event)
    for name, event in (
        ("RunPodSandbox", Event.RUN_POD_SANDBOX),
        ("StopPodSandbox", Event.STOP_POD_SANDBOX),
        ("RemovePodSandbox", Event.REMOVE_POD_SANDBOX),
        ("PostUpdatePodSandbox", Event.POST_UPDATE_POD_SANDBOX),
        ("PostCreateContainer", Event.POST_CREATE_CONTAINER),
        ("StartContainer", Event.START_CONTAINER),
        ("PostStartContainer", Event.POST_START_CONTAINER),
        ("PostUpdateContainer", Event.POST_UPDATE_CONTAINER),
        ("RemoveContainer", Event.REMOVE_CONTAINER),
    )
}
"""The methods of the events that only inform, each also sent as StateChange by old runtimes."""

REGISTER_PLUGIN = Method(
    RUNTIME_SERVICE, "RegisterPlugin", pb.RegisterPluginRequest, pb.Empty, may_refuse=True
)
UPDATE_CONTAINERS = Method(
    RUNTIME_SERVICE,
    "UpdateContainers",
    pb.UpdateContainersRequest,
    pb.UpdateContainersResponse,
    may_refuse=True,
)

PLUGIN_METHODS = frozenset(
    {
        CONFIGURE,
        SYNCHRONIZE,
        SHUTDOWN,
        STATE_CHANGE,
        CREATE_CONTAINER,
        UPDATE_CONTAINER,
        STOP_CONTAINER,
        UPDATE_POD_SANDBOX,
        VALIDATE_CONTAINER_ADJUSTMENT,
        *DEDICATED.values(),
    }
)
RUNTIME_METHODS = frozenset({REGISTER_PLUGIN, UPDATE_CONTAINERS})


def methods_of(side: Side) -> frozenset[Method]:
    """Returns all methods that a side may serve."""
    match side:
        case Side.PLUGIN:
            return PLUGIN_METHODS
        case Side.RUNTIME:
            return RUNTIME_METHODS
