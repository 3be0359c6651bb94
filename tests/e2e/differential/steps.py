"""The steps of scenes: CRI calls, what is done to plugin and runtime, what the plugin answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nri import Event


@dataclass(frozen=True, slots=True)
class Answer:
    """What the plugin answers to the next event of a kind; later ones are answered as usual.

    Attributes:
        event: The kind of event; None: the next synchronization.
        cpus: For the container at hand; empty: as usual.
        mems: Likewise.
        updates: For other containers, by name, in order.
        refusal: Why it is refused; empty: it is not.
    """

    event: Event | None
    cpus: str = ""
    mems: str = ""
    updates: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class RunPod:
    """RunPodSandbox."""

    pod: str


@dataclass(frozen=True, slots=True)
class Create:
    """CreateContainer. A second time is a new attempt, and later steps mean that one."""

    container: str


@dataclass(frozen=True, slots=True)
class Start:
    """StartContainer."""

    container: str


@dataclass(frozen=True, slots=True)
class Resize:
    """UpdateContainerResources to another cpu limit, and as much request."""

    container: str
    cpu_limit: str


@dataclass(frozen=True, slots=True)
class Stop:
    """StopContainer."""

    container: str
    grace_s: int = 0


@dataclass(frozen=True, slots=True)
class Remove:
    """RemoveContainer."""

    container: str


@dataclass(frozen=True, slots=True)
class StopPod:
    """StopPodSandbox."""

    pod: str


@dataclass(frozen=True, slots=True)
class RemovePod:
    """RemovePodSandbox."""

    pod: str


@dataclass(frozen=True, slots=True)
class AwaitExit:
    """Waits until a container has ended by itself."""

    container: str


@dataclass(frozen=True, slots=True)
class Kill:
    """A container's process is killed from outside."""

    container: str


@dataclass(frozen=True, slots=True)
class StopPlugin:
    """The plugin's connection ends."""


@dataclass(frozen=True, slots=True)
class StartPlugin:
    """The plugin connects, and has been synchronized."""


@dataclass(frozen=True, slots=True)
class Hang:
    """The plugin answers the next event of a kind later than the runtime waits."""

    event: Event


@dataclass(frozen=True, slots=True)
class Push:
    """The plugin updates containers, by name, outside of any reply."""

    updates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StartAgent:
    """The agent starts, and has been synchronized."""


@dataclass(frozen=True, slots=True)
class StopAgent:
    """The agent is asked to end, or killed."""

    kill: bool = False


@dataclass(frozen=True, slots=True)
class StopRuntime:
    """The runtime is killed; containers go on."""


@dataclass(frozen=True, slots=True)
class StartRuntime:
    """The runtime starts; the plugin connects to it, and the agent if it runs."""


@dataclass(frozen=True, slots=True)
class Together:
    """Calls that are made at the same time."""

    steps: tuple["Step", ...]


Call = RunPod | Create | Start | Resize | Stop | Remove | StopPod | RemovePod
Disturbance = (
    AwaitExit
    | Kill
    | StopPlugin
    | StartPlugin
    | Hang
    | Push
    | StartAgent
    | StopAgent
    | StopRuntime
    | StartRuntime
)
Step = Answer | Call | Disturbance | Together
