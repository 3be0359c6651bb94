"""What a decision has changed, as values that keep no ledger alive.

It is made once for each decision, in the handler, and everybody who tells of decisions uses it:
the log, the metrics, the journal. So it holds references to small immutable values, and only
who shows them turns them into text.
"""

from collections.abc import Iterable
from typing import NamedTuple

from weka_cpuset.engine import (
    CpuSet,
    Create,
    Decision,
    Event,
    Holding,
    Ledger,
    Move,
    Notice,
    Outcome,
    PodFacts,
    Rebuilt,
    Update,
    label_of,
)

REBUILT = "rebuilt"
"""The outcome where the whole ledger was made anew; the others are those of the engine."""


class PodName(NamedTuple):
    """What Kubernetes knows a pod by.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        uid: Tells it from another one that had the same name.
    """

    namespace: str
    name: str
    uid: str


class Moved(NamedTuple):
    """A container that was given other cpus for the sake of another one.

    Attributes:
        id: Its id.
        container: Its name for people.
        before: Its cpus up to now.
        after: Its cpus from now on.
        pod: Its pod, if that is known.
    """

    id: str
    container: str
    before: CpuSet
    after: CpuSet
    pod: PodName | None = None


class Decided(NamedTuple):
    """What a decision has changed.

    Attributes:
        event: The event's name at the runtime, or what else it was decided on.
        outcome: What became of it: a value of `Outcome`, or `REBUILT`.
        id: The id of the container, or of the pod, that it was about; may be empty.
        container: The container's name for people; empty if it is about none.
        kind: The container's class, as text; empty if it has none: it was refused, or it is about
            none.
        before: The container's cpus before; of the machine, if its cpus are what changed.
        after: The cpus after.
        moves: Containers that were given other cpus.
        updates: How many containers are told other cpus with it.
        refusal: The type of the refusal; empty if there is none.
        reason: The refusal in words, or why others are told something.
        pool: The pool after it.
        took_us: How long it took, in microseconds.
        notices: What was odd.
        pod: The container's pod; only where it was refused something, or others were moved for it.
    """

    event: str
    outcome: str
    id: str = ""
    container: str = ""
    kind: str = ""
    before: CpuSet = CpuSet.EMPTY
    after: CpuSet = CpuSet.EMPTY
    moves: tuple[Moved, ...] = ()
    updates: int = 0
    refusal: str = ""
    reason: str = ""
    pool: CpuSet = CpuSet.EMPTY
    took_us: int = 0
    notices: tuple[Notice, ...] = ()
    pod: PodName | None = None

    @property
    def is_news(self) -> bool:
        """Whether anybody has other cpus by it, or was refused some."""
        return bool(
            self.refusal or self.moves or self.before != self.after or self.outcome in _NEWS
        )

    @property
    def moved_cpus(self) -> int:
        """How many cpus the moves have exchanged."""
        return sum(len(one.after - one.before) for one in self.moves)

    def fields(self) -> dict[str, object]:
        """Return the fields of its log line, in the order they are shown."""
        fields: dict[str, object] = {"event": self.event, "id": self.id}
        if self.container:
            fields["container"] = self.container
        if self.kind:
            fields |= {"class": self.kind, "before": self.before, "after": self.after}
        if self.moves:
            fields["moves"] = ", ".join(
                f"{one.id}: {one.before} to {one.after}" for one in self.moves
            )
        if self.updates:
            fields["updates"] = self.updates
        if self.reason:
            fields["reason"] = self.reason
        return fields | {"pool": self.pool, "us": self.took_us}


_NEWS = frozenset({Outcome.PLACED.value, Outcome.RELEASED.value, Outcome.ADOPTED.value, REBUILT})


def decided_on(
    event: str, subject: str, before: Ledger, decision: Decision, took_us: int = 0
) -> Decided:
    """Return what a decision on one container, or on one pod, has changed.

    Args:
        event: The event's name at the runtime.
        subject: The id of the container or the pod.
        before: The ledger that it was decided on.
        decision: The decision.
        took_us: How long it took, in microseconds.
    """
    after = decision.ledger
    old, new = before.holding(subject), after.holding(subject)
    known = new or old
    reason = refusal = ""
    if decision.refusal is not None:
        # As text: the exception would keep its whole traceback alive.
        refusal, reason = type(decision.refusal).__name__, str(decision.refusal)
    elif decision.updates and decision.outcome is Outcome.RELEASED:
        reason = "container removal"
    return Decided(
        event,
        decision.outcome.value,
        subject,
        known.label if known is not None else "",
        known.kind.value if known is not None else "",
        before.cpus_of(subject) if old is not None else CpuSet.EMPTY,
        after.cpus_of(subject) if new is not None else CpuSet.EMPTY,
        _moved(decision.moves, after),
        len(decision.updates),
        refusal,
        reason,
        after.pool,
        took_us,
        decision.notices,
        _pod_name(known.pod) if known is not None and (refusal or decision.moves) else None,
    )


def with_asker(decided: Decided, event: Event) -> Decided:
    """Return it with the name of the container that was refused, which no ledger has ever had.

    Args:
        decided: What a decision has changed.
        event: What was decided.
    """
    if decided.refusal and not decided.container and isinstance(event, Create | Update):
        container = label_of(event.pod, event.container)
        return decided._replace(container=container, pod=_pod_name(event.pod))
    return decided


def rebuilt_on(
    event: str, before: Ledger, rebuilt: Rebuilt, took_us: int, *, of_machine: bool = False
) -> Decided:
    """Return what has changed where the whole ledger was made anew.

    Args:
        event: What it was made anew for.
        before: The ledger before.
        rebuilt: The engine's answer.
        took_us: How long it took, in microseconds.
        of_machine: Whether it is the machine's online cpus that have changed.
    """
    after = rebuilt.ledger
    return Decided(
        event,
        REBUILT,
        before=before.topology.online if of_machine else CpuSet.EMPTY,
        after=after.topology.online if of_machine else CpuSet.EMPTY,
        moves=_moved(rebuilt.moves, after),
        updates=len(rebuilt.updates),
        pool=after.pool,
        took_us=took_us,
        notices=rebuilt.notices,
    )


def placed_late(before: Ledger, decision: Decision) -> Iterable[Decided]:
    """Yield those that had waited for cpus of their own and have got them by now.

    Args:
        before: The ledger before.
        decision: A decision that was made outside of any event.
    """
    after = decision.ledger
    for one in sorted(before.unplaced - after.unplaced):
        if after.holding(one) is not None:
            placed = decided_on("Settle", one, before, decision)
            yield placed._replace(outcome=Outcome.PLACED.value, updates=0, moves=())


def _moved(moves: Iterable[Move], ledger: Ledger) -> tuple[Moved, ...]:
    return tuple(_moved_one(one, ledger.holding(one.container_id)) for one in moves)


def _moved_one(one: Move, holding: Holding | None) -> Moved:
    if holding is None:
        return Moved(one.container_id, one.container_id, one.before, one.after)
    pod = _pod_name(holding.pod)
    return Moved(one.container_id, holding.label, one.before, one.after, pod)


def _pod_name(pod: PodFacts | None) -> PodName | None:
    return PodName(pod.namespace, pod.name, pod.uid) if pod is not None else None
