"""Why the engine says no.

```
EngineError
├── CpuListError          a text is not a kernel cpu list
├── LedgerBroken          a ledger contradicts the rules (a fault of ours)
└── Refusal               a container cannot get what it asks for
    ├── InvalidCores      its list of cpus is not a usable list (rule 6)
    ├── CoresOffline      it names cpus that no pod can use (rule 6)
    ├── NotEnoughCpus     fewer cpus are free than it asks for
    ├── NotWholeCores     so many cpus never are whole cores (rule 5)
    ├── NotEnoughCores    too few cores are wholly free (rule 5)
    ├── SpansNodes        no node has so many free cpus (rule 5)
    ├── SpansLlcs         no few enough LLC groups have so many free cpus (rule 5)
    ├── NoMovePlan        the cpus it names are owned, and the owners cannot move (rule 2)
    ├── PoolWouldRunDry   a live shared container would be left without a cpu (rule 4)
    ├── EmptySharedPool   it would run on the pool, and nothing of that is left for it (rule 4)
    └── CpusStillInUse    a cpu it would get is not yet left by its former owner (rule 1)
```

Each class keeps fields and makes its text from them: what is wrong, where, and what
would be right. Nobody needs to read the text to tell the cases apart. Refusals travel
as values in a `Decision`. Things that are odd but do not refuse anything are `Notice`s.

"Rule N" in this package means rule N of docs/reference/placement-rules.
"""

from dataclasses import dataclass
from typing import ClassVar

from weka_cpuset.engine.cpuset import CpuListError, CpuSet, EngineError

__all__ = [
    "AnnotationIgnored",
    "CoresOffline",
    "CpuListError",
    "CpusStillInUse",
    "Degraded",
    "DuplicateContainer",
    "EmptySharedPool",
    "EngineError",
    "Healed",
    "InvalidCores",
    "LedgerBroken",
    "NoMovePlan",
    "NotEnoughCores",
    "NotEnoughCpus",
    "NotWholeCores",
    "Notice",
    "PoolWouldRunDry",
    "Refusal",
    "SpansLlcs",
    "SpansNodes",
    "Starved",
    "Unplaced",
]

_SHOWN_TEXT_MAX = 80
"""Longest part of a user's text that a message repeats, in characters."""


def _shown(text: str) -> str:
    """Quote a user's text for a message, cut to a bearable length."""
    if len(text) <= _SHOWN_TEXT_MAX:
        return repr(text)
    return f"{text[:_SHOWN_TEXT_MAX]!r}... ({len(text)} characters)"


def _counted(cpus: int) -> str:
    return "1 cpu" if cpus == 1 else f"{cpus} cpus"


def _free(cpus: CpuSet) -> str:
    """Say how many cpus are free, and which."""
    if not cpus:
        return "none is free"
    return f"{_counted(len(cpus))} {'is' if len(cpus) == 1 else 'are'} free: {cpus}"


class LedgerBroken(EngineError):
    """A ledger contradicts the rules. Always a fault of this program.

    Attributes:
        violations: One sentence per broken invariant.
    """

    def __init__(self, violations: tuple[str, ...]) -> None:
        super().__init__(violations)
        self.violations = violations

    def __str__(self) -> str:
        return "the ledger breaks its rules: " + "; ".join(self.violations)


class Refusal(EngineError):
    """A container cannot get what it asks for; nothing was changed.

    Attributes:
        more_cpus_help: Whether it can succeed once others release cpus. Only then it
            is worth finding out whether some holders are dead already (`Dead`).
    """

    more_cpus_help: ClassVar[bool] = False


@dataclass(eq=True, unsafe_hash=True)
class InvalidCores(Refusal):
    """The list of cpus in an annotation cannot be used (rule 6).

    Attributes:
        annotation: Name of the annotation.
        text: Its value.
        problem: What is wrong with it.
    """

    annotation: str
    text: str
    problem: str

    def __str__(self) -> str:
        return (
            f"annotation {self.annotation} is {_shown(self.text)}: {self.problem}; "
            "give online cpus as a kernel list such as 0,2-3,8"
        )


@dataclass(eq=True, unsafe_hash=True)
class CoresOffline(Refusal):
    """An annotation names cpus that no pod can use (rule 6).

    Attributes:
        annotation: Name of the annotation.
        offline: The cpus named that are not online.
        online: All cpus that are.
    """

    annotation: str
    offline: CpuSet
    online: CpuSet

    def __str__(self) -> str:
        return (
            f"annotation {self.annotation} names cpus {self.offline}, which do not exist, are "
            f"offline or are kept from pods; online are {self.online}"
        )


@dataclass(eq=True, unsafe_hash=True)
class NotEnoughCpus(Refusal):
    """Fewer cpus are free than an integer container asks for.

    Attributes:
        count: How many cpus it asks for.
        lacks: How many it needs beside those that it has: all of them if it is new.
        free: The cpus it could have been given.
        reserved: Cpus that are kept from all integer containers.
        forbidden: Cpus that its pod forbids.
    """

    more_cpus_help: ClassVar[bool] = True

    count: int
    lacks: int
    free: CpuSet
    reserved: CpuSet
    forbidden: CpuSet

    def __str__(self) -> str:
        limits = f" (reserved: {self.reserved})" if self.reserved else ""
        limits += f" (forbidden to the pod: {self.forbidden})" if self.forbidden else ""
        more = f", {self.lacks} more than it has" if self.lacks < self.count else ""
        return (
            f"it asks for {_counted(self.count)} of its own{more}, and {_free(self.free)}"
            f"{limits}; release cpus or ask for fewer"
        )


@dataclass(eq=True, unsafe_hash=True)
class NotWholeCores(Refusal):
    """An integer container wants whole cores, and so many cpus never are (rule 5).

    Attributes:
        count: How many cpus it asks for.
        widths: How many cpus the cores of this machine have, ascending.
        right: The nearest numbers that are whole cores: below and above, where there are.
    """

    count: int
    widths: tuple[int, ...]
    right: tuple[int, ...]

    def __str__(self) -> str:
        widths = " or ".join(map(str, self.widths))
        unit = "cpu" if self.widths == (1,) else "cpus"
        return (
            f"it asks for {_counted(self.count)} in whole cores (full-cores), and a core of this "
            f"machine has {widths} {unit}; ask for {' or '.join(map(str, self.right))}"
        )


@dataclass(eq=True, unsafe_hash=True)
class NotEnoughCores(Refusal):
    """An integer container wants whole cores, and too few are wholly free (rule 5).

    Attributes:
        count: How many cpus it asks for.
        whole: The cpus of the cores it could have whole, those it has included.
        free: All the cpus it could have been given.
    """

    more_cpus_help: ClassVar[bool] = True

    count: int
    whole: CpuSet
    free: CpuSet

    def __str__(self) -> str:
        cores = f"{self.whole} of the free cpus {self.free}" if self.whole else "none"
        return (
            f"it asks for {_counted(self.count)} in whole cores (full-cores), and those that are "
            f"wholly free are {cores}; release cpus, ask for fewer or allow parts of cores"
        )


@dataclass(eq=True, unsafe_hash=True)
class SpansNodes(Refusal):
    """An integer container wants one NUMA node, and none has so many free cpus (rule 5).

    Attributes:
        count: How many cpus it asks for.
        most: How many it could have on one node.
        size: How many cpus the largest node has.
    """

    more_cpus_help: ClassVar[bool] = True

    count: int
    most: int
    size: int

    def __str__(self) -> str:
        return (
            f"it asks for {_counted(self.count)} on one node (numa strict), and can have at most "
            f"{self.most} on one, of {self.size} on the largest; release cpus, ask for fewer "
            "or allow several nodes"
        )


@dataclass(eq=True, unsafe_hash=True)
class SpansLlcs(Refusal):
    """An integer container wants few LLC groups, and they have too few free cpus (rule 5).

    Attributes:
        count: How many cpus it asks for.
        groups: How many LLC groups that takes on an empty machine.
        most: How many cpus it could have in so many.
    """

    more_cpus_help: ClassVar[bool] = True

    count: int
    groups: int
    most: int

    def __str__(self) -> str:
        where = "one LLC group" if self.groups == 1 else f"{self.groups} LLC groups"
        return (
            f"it asks for {_counted(self.count)}, which fit into {where} (llc strict), and can "
            f"have at most {self.most} there; release cpus, ask for fewer or allow more groups"
        )


@dataclass(eq=True, unsafe_hash=True)
class NoMovePlan(Refusal):
    """Annotated cpus are owned by integer containers that cannot all move away (rule 2).

    Attributes:
        in_the_way: The wanted cpus that have an owner.
        owners: Ids of the containers that own them.
        free: Cpus that could replace them, before anyone's forbidden ones.
        names: Names of the owners for people, in the same order.
        leavers: Names of as few of them as possible that would have to go.
    """

    more_cpus_help: ClassVar[bool] = True

    in_the_way: CpuSet
    owners: tuple[str, ...]
    free: CpuSet
    names: tuple[str, ...] = ()
    leavers: tuple[str, ...] = ()

    def __str__(self) -> str:
        remedy = f"end {' and '.join(self.leavers)}" if self.leavers else "release some"
        return (
            f"cpus {self.in_the_way} are owned by {', '.join(self.names or self.owners)}, which "
            f"cannot all move elsewhere: {_free(self.free)}; name other cpus or {remedy}"
        )


@dataclass(eq=True, unsafe_hash=True)
class PoolWouldRunDry(Refusal):
    """Live shared containers, or the configured minimum, need the cpus asked for (rule 4).

    Attributes:
        starving: Ids of the shared containers that would be left without any cpu.
        min_shared: Configured least size of the pool, in cpus.
        pool: The pool as it is now.
        names: Names of the starving containers for people, in the same order.
    """

    more_cpus_help: ClassVar[bool] = True

    starving: tuple[str, ...]
    min_shared: int
    pool: CpuSet
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.starving:
            who = ", ".join(self.names or self.starving)
            return f"no cpu of the pool {self.pool} would be left for {who}; ask for fewer cpus"
        return (
            f"the pool {self.pool} would shrink below {_counted(self.min_shared)} "
            "(cpus.min_shared); ask for fewer cpus"
        )


@dataclass(eq=True, unsafe_hash=True)
class EmptySharedPool(Refusal):
    """A shared container would have no cpu at all (rule 4).

    Attributes:
        pool: The pool as it is now.
        forbidden: Cpus that the container's pod forbids.
    """

    more_cpus_help: ClassVar[bool] = True

    pool: CpuSet
    forbidden: CpuSet

    def __str__(self) -> str:
        if not self.pool:
            return "all cpus are owned by annotated and integer containers; release some"
        return f"the pod forbids {self.forbidden} and the pool is {self.pool}; forbid fewer cpus"


@dataclass(eq=True, unsafe_hash=True)
class CpusStillInUse(Refusal):
    """A former owner has not left a cpu yet; the next attempt can succeed (rule 1).

    Attributes:
        cpus: The cpus in question.
    """

    more_cpus_help: ClassVar[bool] = True

    cpus: CpuSet

    def __str__(self) -> str:
        return f"cpus {self.cpus} are still being left by their former owner; try again"


@dataclass(frozen=True, slots=True)
class AnnotationIgnored:
    """The value of an annotation cannot be used and is ignored (rules 3 and 5).

    Attributes:
        annotation: Name of the annotation.
        text: Its value.
        problem: What is wrong with it.
    """

    annotation: str
    text: str
    problem: str

    def __str__(self) -> str:
        return f"annotation {self.annotation} is {_shown(self.text)}: {self.problem}; ignored"


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A container that already runs cannot get what it asks for; it runs on the pool.

    Attributes:
        container_id: Its id.
        refusal: Why.
    """

    container_id: str
    refusal: Refusal

    def __str__(self) -> str:
        return f"container {self.container_id} runs on the pool: {self.refusal}"


@dataclass(frozen=True, slots=True)
class Degraded:
    """A container runs on the pool, because cpus that it names cannot be used any more.

    Attributes:
        container_id: Its id.
        refusal: What it would be refused with if it came now.
    """

    container_id: str
    refusal: Refusal

    def __str__(self) -> str:
        return (
            f"container {self.container_id} is degraded, it runs on the pool until its cpus are "
            f"back: {self.refusal}"
        )


@dataclass(frozen=True, slots=True)
class Healed:
    """A degraded container gets the cpus that it names: all of them can be used again.

    Attributes:
        container_id: Its id.
    """

    container_id: str

    def __str__(self) -> str:
        return f"container {self.container_id} is degraded no more, the cpus it names are back"


@dataclass(frozen=True, slots=True)
class Starved:
    """A container that already runs would run on the pool, which has no cpu for it.

    Attributes:
        container_id: Its id. It is left as it is until the pool grows.
    """

    container_id: str

    def __str__(self) -> str:
        return f"container {self.container_id} has no cpu of the pool left and stays as it is"


@dataclass(frozen=True, slots=True)
class DuplicateContainer:
    """The runtime listed one id more than once; one entry was taken.

    Attributes:
        container_id: The id.
    """

    container_id: str

    def __str__(self) -> str:
        return f"container {self.container_id} was listed more than once"


Notice = AnnotationIgnored | Unplaced | Degraded | Healed | Starved | DuplicateContainer
"""Something odd that refuses nothing."""
