"""What can be done to a simulated host, as values. `scenario` reads and writes them as YAML.

Pods are named `namespace/name`, workloads `namespace/Kind/name`, containers
`namespace/pod/container`. An action begins when the one before it has begun: a deletion is
under way while the next action runs, as with kubectl; `Wait` lets time pass.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from nodesim.kernel import CgroupVersion
from nodesim.workload import PodSpec, Resources
from weka_cpuset.engine import CpuSet


class FaultKind(StrEnum):
    """What can be broken. Each fault strikes at the next opportunity, `count` times."""

    CUT = "cut"
    """The connection ends after the request was sent and before its reply."""
    CUT_BEFORE = "cut-before"
    """The connection ends before the request is sent."""
    HALF_FRAME = "half-frame"
    """The runtime sends the beginning of a frame and closes."""
    DELAY = "delay"
    """The agent's reply comes later than the runtime waits."""
    LOSE_UPDATE = "lose-update"
    """The runtime records an update that never reaches the kernel."""
    FAIL_UPDATE = "fail-update"
    """The runtime fails to apply an update: neither record nor kernel changes."""
    FAIL_CREATE = "fail-create"
    """The runtime fails to create a container after the agent's reply."""
    FAIL_START = "fail-start"
    """A container cannot be started; no event tells so."""
    FAIL_WRITE = "fail-write"
    """The agent cannot write a container's cgroup file."""
    DUPLICATE = "duplicate"
    """The runtime sends an event twice."""
    SWAP = "swap"
    """The runtime sends an event after the one that should follow it."""
    CLOCK_JUMP = "clock-jump"
    """Time leaps: all timers of the next `seconds` come due at once."""


UNTIMED_FAULTS = (
    FaultKind.LOSE_UPDATE,
    FaultKind.FAIL_UPDATE,
    FaultKind.FAIL_WRITE,
    FaultKind.CLOCK_JUMP,
)
"""The faults that strike no single event, so they cannot wait for one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to break.

    Attributes:
        kind: What.
        event: Name of the event it waits for, such as `CREATE_CONTAINER`; empty: any, and
            always so for `UNTIMED_FAULTS`.
        count: How often it strikes.
        seconds: How long the clock leaps, or by how much a reply exceeds the timeout.
    """

    kind: FaultKind
    event: str = ""
    count: int = 1
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Apply:
    """Create pods, all at once."""

    pods: tuple[PodSpec, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete pods, all at once. A name of a workload means all its pods, `*` means all.

    Attributes:
        names: Pods or workloads.
        grace_s: As with `kubectl delete --grace-period`; None: each pod's own.
        force: Whether they are forgotten at once, so that their names can be used again
            while their containers still end (`kubectl delete --force`).
    """

    names: tuple[str, ...]
    grace_s: float | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Resize:
    """Change a running container's resources in place.

    Attributes:
        container: The container.
        resources: Its new resources, complete.
    """

    container: str
    resources: Resources


@dataclass(frozen=True, slots=True)
class RestartAgent:
    """End the agent and start it again. Its memory is lost, however it ended.

    Attributes:
        away_s: How long it is away, in seconds.
    """

    away_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RestartRuntime:
    """End the runtime and start it again; containers live on.

    Attributes:
        away_s: How long it is away, in seconds.
    """

    away_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Offline:
    """Take cpus offline."""

    cpus: CpuSet


@dataclass(frozen=True, slots=True)
class Online:
    """Bring cpus back."""

    cpus: CpuSet


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass.

    Attributes:
        seconds: How much, in seconds.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Break:
    """Break something."""

    fault: Fault


class Looked(StrEnum):
    """What an `Expect` looks at. The value says in what form."""

    PHASE = "phase"
    """A pod's phase: Pending, Running, Completed, Failed, Refused or Gone."""
    CPUS = "cpus"
    """The exact cpus that the kernel enforces for a container."""
    CPU_COUNT = "cpu_count"
    """How many they are."""
    WITHIN = "within"
    """A cpu list that contains them."""
    APART_FROM = "apart_from"
    """A cpu list, or another container, that has none of them."""
    POOL = "pool"
    """The number of cpus in the pool."""
    AGENT_RESTARTS = "agent_restarts"
    """How often the agent has ended."""
    LOG = "log"
    """A text that a line of the agent's log contains."""
    NO_LOG = "no_log"
    """A text that no line of the agent's log contains."""


@dataclass(frozen=True, slots=True)
class Expect:
    """Look whether something is so; if it is not, the simulation fails, and goes on.

    Attributes:
        looked: What is looked at.
        subject: Pod or container; empty where it concerns the whole host.
        value: What it should be, in the form that `looked` says.
    """

    looked: Looked
    subject: str
    value: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """Do some actions several times."""

    times: int
    actions: tuple["Action", ...]


Action = (
    Apply
    | Delete
    | Resize
    | RestartAgent
    | RestartRuntime
    | Offline
    | Online
    | Wait
    | Break
    | Expect
    | Repeat
)


def laid_out(actions: Iterable[Action]) -> Iterator[Action]:
    """Yield actions in the order in which they are done, repeated ones each time."""
    for action in actions:
        if isinstance(action, Repeat):
            for _ in range(action.times):
                yield from laid_out(action.actions)
        else:
            yield action


class OtherPluginKind(StrEnum):
    """What a second plugin does. Each hears of everything."""

    NONE = "none"
    """There is no second plugin."""
    QUIET = "quiet"
    """It answers at once, and wants nothing."""
    SLOW = "slow"
    """It takes its time, and wants nothing."""
    PINNING = "pinning"
    """It sets the cpus of new containers, as the agent does: the runtime creates none then."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole simulation.

    Attributes:
        machine: Name or file of the machine.
        runtime: Name of the simulated runtime (`runtimes.RUNTIMES`).
        settings: Settings of the agent by dotted key, as in its settings file.
        actions: What is done, in order.
        tail_s: How long the simulation goes on after the last action, in seconds.
        other_plugin: Which plugin there is beside the agent.
        cgroup: Which kind of cgroups the node has.
    """

    machine: str
    actions: tuple[Action, ...]
    runtime: str = "containerd-2.1"
    settings: tuple[tuple[str, str], ...] = ()
    tail_s: float = 5.0
    other_plugin: OtherPluginKind = OtherPluginKind.NONE
    cgroup: CgroupVersion = CgroupVersion.V1
