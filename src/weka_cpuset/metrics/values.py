"""The values of the metrics, read from an agent when somebody asks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from weka_cpuset import __version__
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import Class, CpuSet, Ledger
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.latency import Latency
from weka_cpuset.metrics import table
from weka_cpuset.metrics.table import Label, Metric
from weka_cpuset.rivals import Rival
from weka_cpuset.settings import Way
from weka_cpuset.status.health import Code, health_of


class Sample(NamedTuple):
    """One value of a metric.

    Attributes:
        labels: The values of its labels, in the table's order.
        value: A number; of a histogram all its times.
    """

    labels: tuple[str, ...]
    value: float | Latency


Values = tuple[Metric, list[Sample]]
"""A metric and its values; there may be none."""


class Queue(Protocol):
    """A queue in memory, such as `background.Background`."""

    @property
    def waiting(self) -> int:
        """The weight of all items that wait."""

    @property
    def refused(self) -> int:
        """How many items there was no room for."""


class Sources(NamedTuple):
    """Where values come from.

    Attributes:
        agent: The agent.
        queues: Its queues, by name.
        connections: Returns how many HTTP connections are open.
        viewers: Returns how many of them follow `/events`.
        fates: What became of what Kubernetes is told, by `Fate`.
        names: Whether pods are named.
    """

    agent: Agent
    queues: Mapping[str, Queue]
    connections: Callable[[], int]
    viewers: Callable[[], int]
    fates: Mapping[Fate, int] = MappingProxyType({})
    names: bool = False


def values_of(sources: Sources) -> Iterator[Values]:
    """Yield each metric of ours with its values.

    Between two of them others may have a turn: each is read when it is asked for.
    """
    agent = sources.agent
    yield from _health(agent)
    yield from _connection(agent)
    yield from _requests(agent)
    yield from _containers(agent)
    yield table.OWNED, list(_owned(agent.keeper.ledger)) if sources.names else []
    yield from _cpus(agent.keeper.ledger)
    yield from _changes(agent)
    yield from _audit(agent)
    yield from _own(sources)


def _one(metric: Metric, value: float | Latency) -> Values:
    return metric, [Sample((), value)]


def _each(metric: Metric, values: Iterable[tuple[str, float]]) -> Values:
    """Return a value for each label, also for those of which there was nothing yet."""
    (label,) = metric.labels
    known = dict(values)
    return metric, [Sample((one,), known.get(one, 0)) for one in label.values]


def _health(agent: Agent) -> Iterator[Values]:
    health = health_of(
        agent.keeper.ledger, agent.uptime, agent.settler.status, agent.auditor.status
    )
    yield _one(table.READY, health.ready)
    yield _each(table.PROBLEM, ((one.code, 1) for one in health.problems))


def _connection(agent: Agent) -> Iterator[Values]:
    uptime = agent.uptime
    yield _one(table.CONNECTED, uptime.runtime is not None)
    yield _one(table.CONNECTS, uptime.connects)
    yield _one(table.DOWNTIME, uptime.down_s)
    yield _one(table.LAST_EVENT, agent.observer.last_event_s)
    runtime = uptime.runtime
    if runtime is not None:
        labels = (runtime.name, runtime.version, runtime.nri_version)
        yield table.RUNTIME, [Sample(labels, 1)]


def _requests(agent: Agent) -> Iterator[Values]:
    observer = agent.observer
    yield table.REQUEST, [Sample((name,), one) for name, one in sorted(observer.latency.items())]
    yield _one(table.SLOW, agent.handlers.latency.slow)
    decisions = sorted(observer.decisions.items())
    yield table.DECISIONS, [Sample(labels, count) for labels, count in decisions]
    yield _each(table.REFUSALS, observer.refusals.items())


def _containers(agent: Agent) -> Iterator[Values]:
    ledger = agent.keeper.ledger
    count = dict.fromkeys((one.value for one in Class), 0)
    for one in ledger.exclusive.values():
        count[one.kind.value] += 1
    count[Class.SHARED.value] += len(ledger.shared)
    yield _each(table.CONTAINERS, count.items())
    trouble = {
        Code.UNPLACED: len(ledger.unplaced),
        Code.DEGRADED: len(ledger.degraded),
        Code.STARVED: len(ledger.starved),
        Code.UNSETTLED: len(agent.settler.status.unsettled),
        Code.NARROWED: len(agent.auditor.status.narrowed),
    }
    yield _each(table.WAITING, trouble.items())


def _owned(ledger: Ledger) -> Iterator[Sample]:
    """Yield how many cpus each owner has; the runtime may not have told who it is."""
    for one in ledger.exclusive.values():
        if one.cpus is not None and one.pod is not None and one.pod.name:
            labels = (one.pod.namespace, one.pod.name, one.container.name, one.kind.value)
            yield Sample(labels, len(one.cpus))


def _cpus(ledger: Ledger) -> Iterator[Values]:
    uses = dict.fromkeys((Class.ANNOTATED.value, Class.INTEGER.value), CpuSet.EMPTY)
    for one in ledger.exclusive.values():
        if one.cpus is not None:
            uses[one.kind.value] |= one.cpus
    uses[table.POOL] = ledger.pool
    nodes = {str(node.id): node.cpus for node in ledger.topology.numa.values() if node.cpus}
    samples = [
        Sample((use, node), len(cpus & members))
        for use, cpus in uses.items()
        for node, members in (nodes or {"none": ledger.topology.online}).items()
    ]
    yield table.CPUS, samples
    yield _one(table.POOL_CPUS, len(ledger.pool))
    yield _one(table.SPARE_CPUS, len(ledger.spare))
    yield _one(table.RESERVED_CPUS, len(ledger.rules.reserved & ledger.topology.online))


def _changes(agent: Agent) -> Iterator[Values]:
    observer, settle = agent.observer, agent.settler.status
    yield _one(table.MOVES, observer.moves)
    yield _one(table.MOVED_CPUS, observer.moved_cpus)
    yield _each(table.SENT, [(Way.REPLY, observer.updates), *settle.settled_by.items()])
    yield _each(table.FAILED, settle.failed_by.items())
    yield _each(table.REPAIRED, settle.repaired_by.items())
    yield _one(table.SETTLE, settle.took)


def _audit(agent: Agent) -> Iterator[Values]:
    audit = agent.auditor.status
    yield _one(table.LOOKS, audit.looks)
    yield _one(table.READS, audit.reads)
    yield _one(table.DIFFERENCES, audit.differences)
    yield _one(table.FOUND, audit.found)
    yield _one(table.UNREADABLE, audit.unreadable)
    yield _one(table.OVERLAPS, audit.overlaps)
    yield _one(table.OVERLAP, audit.overlap_s)
    seen = agent.handlers.rivals.seen
    yield _each(table.RIVALS, ((one.value, seen[one]) for one in Rival))


def _own(sources: Sources) -> Iterator[Values]:
    queues = sorted(sources.queues.items())
    yield table.QUEUED, [Sample((name,), one.waiting) for name, one in queues]
    yield table.REFUSED, [Sample((name,), one.refused) for name, one in queues]
    yield _each(table.POD_EVENTS, sources.fates.items())
    yield _one(table.HTTP_CONNECTIONS, sources.connections())
    yield _one(table.VIEWERS, sources.viewers())
    yield table.BUILD, [Sample((__version__,), 1)]


def label_names(labels: tuple[Label, ...]) -> list[str]:
    """Return the names of labels."""
    return [one.name for one in labels]
