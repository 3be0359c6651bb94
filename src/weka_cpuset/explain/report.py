"""Explanations as values: what `weka-cpuset explain --json` prints.

Cpus are texts in the kernel's list format, as in the status. Times are in seconds since 1970, in a
simulation since its start.
"""

import msgspec


class Option(msgspec.Struct, frozen=True):
    """A choice of cpus that could have been made."""

    cpus: str
    """The cpus."""
    cost: dict[str, int]
    """What they would cost: the terms of rule 5, the most important first."""
    decided_by: str
    """The first term that differs from the choice that was made; cpus: only the ids do."""


class InTheWay(msgspec.Struct, frozen=True):
    """Who is in the way of a better choice."""

    who: str
    """A container, cpus.reserved, or weka.io/forbid-core-ids."""
    cpus: str
    """Those of its cpus that the better choice has."""
    alone: Option | None
    """The better choice there would be without this one alone; null: without others as well."""


class Chosen(msgspec.Struct, frozen=True):
    """Why an integer container has these cpus and no others."""

    then: bool
    """Whether all this is of the moment when they were chosen; else it is of now."""
    kept: str
    """Those that it had before; they were not chosen anew."""
    cost: dict[str, int]
    """What its cpus cost."""
    runner_up: Option | None
    """The cheapest other choice."""
    elsewhere: Option | None
    """The cheapest choice in other LLC groups."""
    unhindered: Option | None
    """What it would have on an empty machine, if that is better placed."""
    in_the_way: tuple[InTheWay, ...]
    """Who was in the way of that."""


class Decision(msgspec.Struct, frozen=True):
    """The decision by which something is as it is."""

    number: int
    """Its number in the journal."""
    at: float
    """When it was made."""
    event: str
    """The runtime's event."""
    container: str
    """The container that it was about."""
    before: str
    """The cpus before it, of the container that is explained."""


class Container(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """Why a container has the cpus it has."""

    source: str
    """Where all this is from."""
    at: float
    """The moment it is of."""
    container: str
    """Its name: namespace/pod/container."""
    id: str
    """Its id."""
    kind: str
    """Its class: annotated, integer or shared."""
    why: str
    """What decided about that."""
    phase: str
    """created or running."""
    cpus: str
    """The cpus it shall have."""
    told: str
    """The cpus that the runtime was last told; not the same: an update is due."""
    mems: str
    """The memory nodes it shall have; empty: as the runtime has them."""
    forbidden: str
    """The cpus that its pod forbids."""
    since: float
    """Since when it has cpus of its own, or runs on the pool."""
    decision: Decision | None
    """The decision that gave it cpus of its own; null: the journal does not have it."""
    chosen: Chosen | None
    """How its cpus were chosen; null: they were not, it is no integer container."""
    beside: dict[str, str]
    """Other owners of its cpus."""
    kept_off: dict[str, str]
    """Who keeps it off the other cpus, if it runs on the pool."""


class Who(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """A container that may run on a cpu."""

    container: str
    """Its name: namespace/pod/container."""
    id: str
    """Its id."""
    kind: str
    """Its class."""
    why: str
    """What decided about that."""
    since: float
    """Since when it has cpus of its own, or runs on the pool."""


class Cpu(msgspec.Struct, frozen=True):
    """Who may run on a cpu, since when, and why."""

    source: str
    """Where all this is from."""
    at: float
    """The moment it is of."""
    cpu: int
    """Its number."""
    state: str
    """owned, pool, or offline (or there is no such cpu)."""
    core: str
    """The online cpus of its core."""
    reserved: bool
    """Whether integer containers never get it."""
    spare: bool
    """Whether it is kept free for the next integer containers of a burst."""
    who: tuple[Who, ...]
    """Its owners; if there are none, the containers on the pool that may run on it."""
    decision: Decision | None
    """The decision by which it came into the pool; null: it is owned, or the journal does not
    have it."""


class Move(msgspec.Struct, frozen=True):
    """A container that would be given other cpus."""

    container: str
    """Its name."""
    before: str
    """Its cpus now."""
    after: str
    """Its cpus then."""


class Planned(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """What would become of a container."""

    container: str
    """Its name: namespace/pod/container."""
    kind: str
    """Its class; empty if it is refused."""
    why: str
    """What decides about that."""
    cpus: str
    """Its cpus; empty if it is refused."""
    mems: str
    """Its memory nodes; empty: as the runtime has them."""
    ends: bool
    """Whether it ends before the next one is created: it is an init container."""
    refusal: str
    """Why it is refused; empty if it is not."""
    taken: dict[str, str]
    """Who has the cpus of which there are too few for it."""
    moves: tuple[Move, ...]
    """Containers that are given other cpus for its sake."""
    updates: int
    """How many containers are told other cpus with it."""
    notices: tuple[str, ...]
    """What is odd about it."""
    chosen: Chosen | None
    """How its cpus are chosen; null: they are not, it is no integer container."""


class Plan(msgspec.Struct, frozen=True):
    """What would happen if pods were created now. Nothing is changed."""

    source: str
    """Where all this is from."""
    at: float
    """The moment it is of."""
    refused: int
    """How many containers would be refused."""
    containers: tuple[Planned, ...]
    """The containers in the order in which they are created."""
    left_out: tuple[str, ...]
    """Containers that never come, because one that their pod waits for is refused."""


Report = Container | Cpu | Plan
