"""The status as a value: what `/status.json` has. The reference page is docs/reference/status.md.

Cpus are texts in the kernel's list format, such as `0,2-3`; an empty one is an empty set. Times are
in seconds since 1970. Within a schema number fields are only added.
"""

import msgspec

SCHEMA = 1
"""The number of this schema. Another one means that a field has gone or means something else."""


class Agent(msgspec.Struct, frozen=True):
    """The agent's process."""

    version: str
    """Its version."""
    started: float
    """When it was started."""
    dry_run: bool
    """Whether it changes nothing; what it shows is then only what it would do."""


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it shall be."""

    code: str
    """What it is: see the table of problems."""
    text: str
    """What is wrong, in words."""


class Health(msgspec.Struct, frozen=True):
    """Whether all is well."""

    ready: bool
    """What `/readyz` says: connected, synchronised, and the last audit found nothing."""
    problems: tuple[Problem, ...]
    """What is not as it shall be; empty if all is well."""


class Connection(msgspec.Struct, frozen=True):
    """The connection to the container runtime."""

    connected: bool
    """Whether there is one, and the runtime has reported all its containers."""
    since: float
    """Since when it is so."""
    runtime: str
    """The runtime's name; empty without connection."""
    version: str
    """The runtime's version."""
    nri: str
    """The version of its NRI; empty before 0.12."""
    connects: int
    """How often the agent was connected since its start."""
    down_s: int
    """How many seconds it was not, all such times together."""
    problem: str
    """Why the last attempt to connect failed; empty with a connection."""


class Cpus(msgspec.Struct, frozen=True):
    """How the machine's cpus are used."""

    online: str
    """All that can be used."""
    annotated: str
    """Those that annotated containers own."""
    integer: str
    """Those that integer containers own."""
    pool: str
    """Those that nobody owns."""
    spare: str
    """Those of the pool that are kept free for the next integer containers of a burst."""
    reserved: str
    """Those that integer containers never get (`cpus.reserved`)."""


class Settle(msgspec.Struct, frozen=True):
    """How settling is doing."""

    way: str
    """How what no reply carries reaches containers: cgroup, update or reply."""
    settled: int
    """How many updates of containers succeeded."""
    failed: int
    """How many failed."""
    unsettled: tuple[str, ...]
    """Names of the containers that could not be settled."""
    problem: str
    """Why not."""


class Audit(msgspec.Struct, frozen=True):
    """What reading back has found."""

    looks: int
    """How many times all containers were read back."""
    found: int
    """How many containers had not what they were told, in the last look at all of them."""
    differences: int
    """How often that was so since the start."""
    overlaps: int
    """How often a container was found on cpus that another one owns."""
    overlap_s: float
    """Container-seconds of that; an upper bound."""
    unreadable: int
    """How many containers the last look could not read."""
    narrowed: tuple[str, ...]
    """Names of containers that a parent cgroup keeps from some of their cpus."""


class Rivals(msgspec.Struct, frozen=True):
    """How often it was seen that somebody else sets cpusets."""

    kubelet: int
    """Kubelet's CPU manager."""
    plugin: int
    """Another NRI plugin."""
    writer: int
    """Another program, which writes to the cgroup files."""


class Llc(msgspec.Struct, frozen=True):
    """The cpus under one last-level cache."""

    cpus: str
    """Its cpus."""
    cores: tuple[str, ...]
    """The cpus of each of its cores."""


class Node(msgspec.Struct, frozen=True):
    """A NUMA node, as far as it is in one package."""

    ids: tuple[int, ...]
    """Its number; empty where the machine reports none."""
    cpus: str
    """Its cpus."""
    llcs: tuple[Llc, ...]
    """Its LLC groups."""


class Package(msgspec.Struct, frozen=True):
    """A socket."""

    cpus: str
    """Its cpus."""
    nodes: tuple[Node, ...]
    """Its NUMA nodes."""


class Machine(msgspec.Struct, frozen=True):
    """The machine's online cpus in their groups."""

    packages: tuple[Package, ...]
    """Its packages."""
    memory_only: tuple[int, ...]
    """Numbers of the NUMA nodes that have memory and no cpu."""


class Container(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """A live container."""

    id: str
    """Its id."""
    namespace: str
    """The namespace of its pod; empty if no event has shown the pod."""
    pod: str
    """The name of its pod; the pod's id if no event has shown the pod."""
    name: str
    """Its name within the pod."""
    kind: str
    """Its class: annotated, integer or shared."""
    why: str
    """What decided about that."""
    cpus: str
    """The cpus it shall have: its own, or those of the pool that it may use."""
    mems: str
    """The memory nodes it shall have; empty: as the runtime has them."""
    forbidden: str
    """The cpus that its pod forbids."""
    phase: str
    """created or running."""
    since: float
    """Since when it has these cpus of its own, or runs on the pool. What was there before the
    agent's last synchronisation counts from then on."""
    due: bool
    """Whether it is still to be told its cpus."""
    trouble: str
    """unplaced: it asks for cpus of its own and runs on the pool; starved: nothing is left of the
    pool for it; degraded: it names cpus that cannot be used now, and runs on the pool; empty:
    none."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All but the machine and the containers."""

    schema: int
    """The number of this schema: 1."""
    number: int
    """The number of this status since the agent's start."""
    at: float
    """When it was made."""
    node: str
    """The host's name."""
    agent: Agent
    """The agent's process."""
    health: Health
    """Whether all is well."""
    connection: Connection
    """The connection to the container runtime."""
    cpus: Cpus
    """How the machine's cpus are used."""
    settle: Settle
    """How settling is doing."""
    audit: Audit
    """What reading back has found."""
    rivals: Rivals
    """How often it was seen that somebody else sets cpusets."""


class Status(Summary, frozen=True, kw_only=True):
    """The whole status."""

    machine: Machine
    """The machine's online cpus in their groups."""
    containers: tuple[Container, ...]
    """The live containers, those with cpus of their own first."""
