"""What is known of a node: plain values, each known or unknown for a reason."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from weka_cpuset.engine import CpuSet, Topology

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be read.

    Attributes:
        reason: Why, in one line.
        remedy: What would help; empty: whatever helps with facts of this kind.
    """

    reason: str
    remedy: str = ""


Fact: TypeAlias = T | Unknown
"""A value, or the reason why it is not known."""

RUN_AS_ROOT = "run as root"
"""The remedy for whatever this user may not read."""


class NotReadable(Exception):
    """A fact cannot be read; `establish` makes it unknown.

    Args:
        source: The file, or what else was asked.
        problem: What is wrong with it, in one line.
        remedy: What would help, if it is not what helps with all facts of this kind.
    """

    def __init__(self, source: Path | str, problem: str, remedy: str = "") -> None:
        super().__init__(source, problem, remedy)
        self.source = source
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


def establish(read: Callable[[], T]) -> Fact[T]:
    """Call a reader, and turn what it cannot read into an unknown fact.

    Args:
        read: Returns the fact, or raises NotReadable or OSError.
    """
    try:
        return read()
    except NotReadable as error:
        return Unknown(str(error), error.remedy)
    except PermissionError as error:
        return Unknown(f"{error.filename or 'the node'}: {error.strerror}", RUN_AS_ROOT)
    except OSError as error:
        return Unknown(f"{error.filename or 'the node'}: {error.strerror or error}")


class RuntimeKind(enum.StrEnum):
    """The container runtimes that have NRI, each by its program's name."""

    CONTAINERD = "containerd"
    CRIO = "crio"


@dataclass(frozen=True, slots=True)
class RuntimeRelease:
    """A container runtime and its version as it writes it, such as "1.7.24~ds1"."""

    kind: RuntimeKind
    version: str


class CgroupDriver(enum.StrEnum):
    """Who makes the cgroups of pods."""

    CGROUPFS = "cgroupfs"
    SYSTEMD = "systemd"


@dataclass(frozen=True, slots=True)
class Validator:
    """The runtime's default validator, which can refuse containers while a plugin is missing.

    Attributes:
        enabled: Whether it is in force.
        required: The plugins that must be connected, as `name` or `NN-name`.
        tolerate: The pod annotation that exempts a pod; empty: none does.
    """

    enabled: bool = False
    required: tuple[str, ...] = ()
    tolerate: str = ""


@dataclass(frozen=True, slots=True)
class NriConfig:
    """The runtime's NRI section. The defaults are those of containerd and CRI-O.

    Attributes:
        enabled: Whether NRI is on; None: not said, so the release's default holds.
        connections: Whether plugins may connect that the runtime did not launch.
        socket: Where it accepts plugins.
        plugin_folder: The plugins that it launches itself.
        registration_timeout_s: How long a plugin may take to register, in seconds.
        request_timeout_s: How long a plugin may take to answer, in seconds.
        validator: What fails closed.
    """

    enabled: bool | None = None
    connections: bool = True
    socket: Path = Path("/var/run/nri/nri.sock")
    plugin_folder: Path = Path("/opt/nri/plugins")
    registration_timeout_s: float = 5.0
    request_timeout_s: float = 2.0
    validator: Validator = Validator()


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """What the runtime's configuration files say; what they leave out has its default.

    Attributes:
        kind: The runtime.
        nri: Its NRI section.
        cgroup_driver: Who makes the cgroups of pods.
        files: Where it stands, in the order in which the files count; the first may be missing.
        has_plugin_names: Whether its form has names of plugins, which containerd's first lacks.
    """

    kind: RuntimeKind
    nri: NriConfig
    cgroup_driver: CgroupDriver
    files: tuple[Path, ...] = ()
    has_plugin_names: bool = True


class SocketState(enum.Enum):
    """What is found at the path of the NRI socket."""

    MISSING = "is missing"
    NO_SOCKET = "is not a socket"
    LISTENING = "is listened on"
    SILENT = "is there, but nobody is seen to listen"
    ACCEPTS = "accepts connections"
    REFUSES = "refuses connections"


@dataclass(frozen=True, slots=True)
class Programs:
    """Processes that matter for cpusets.

    Attributes:
        agents: How many agents of our name run, whatever their release.
        rivals: Names of running programs that are known to set cpusets themselves.
    """

    agents: int
    rivals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KubeletConfig:
    """What kubelet's files and flags say; what they leave out has its default.

    Attributes:
        cpu_manager: `none` or `static`.
        memory_manager: `None` or `Static`.
        topology_manager: `none` or one of the policies that align.
        cgroup_driver: The driver, which newer kubelets take from the runtime; None: not said.
    """

    cpu_manager: str = "none"
    memory_manager: str = "None"
    topology_manager: str = "none"
    cgroup_driver: str | None = None


@dataclass(frozen=True, slots=True)
class CpuManagerState:
    """What kubelet's CPU manager last wrote down.

    Attributes:
        policy: The policy that wrote it.
        exclusive: How many pods it gave cpus of their own.
    """

    policy: str
    exclusive: int


@dataclass(frozen=True, slots=True)
class CgroupTree:
    """The cgroup file system.

    Attributes:
        version: 1 or 2.
        pods: The cgroup that holds all pods, below the tree's root; None: not found.
        pod_cpus: The cpus that the pods' cgroup allows; empty: not known.
        cpuset: Whether containers there can have cpusets.
        writable: Whether root may write it.
    """

    version: int
    pods: str | None
    pod_cpus: CpuSet
    cpuset: bool
    writable: Fact[bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the agent's settings say, as far as a node must agree with it."""

    socket: Path
    name: str
    index: str
    reserved: CpuSet


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a node.

    Attributes:
        wanted: The agent's settings.
        release: The runtime.
        config: The runtime's configuration.
        socket: The NRI socket.
        plugins: File names of the executables in the runtime's plugin folder.
        agent_connected: Whether an agent of ours holds the lock of this socket.
        programs: Processes that matter.
        kubelet: kubelet's policies.
        cpu_manager: The state of kubelet's CPU manager; None: it has none.
        cgroups: The cgroup tree.
        topology: The machine's online cpus.
        present: All cpus of the machine, online or not.
    """

    wanted: Wanted
    release: Fact[RuntimeRelease]
    config: Fact[RuntimeConfig]
    socket: Fact[SocketState]
    plugins: Fact[tuple[str, ...]]
    agent_connected: Fact[bool]
    programs: Fact[Programs]
    kubelet: Fact[KubeletConfig]
    cpu_manager: Fact[CpuManagerState | None]
    cgroups: Fact[CgroupTree]
    topology: Fact[Topology]
    present: Fact[CpuSet]
