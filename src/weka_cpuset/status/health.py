"""What is not as it shall be, in words, and whether the agent is ready."""

import enum
from collections.abc import Iterable

from weka_cpuset.audit import AuditStatus
from weka_cpuset.engine import Ledger
from weka_cpuset.settle.status import SettleStatus
from weka_cpuset.status.schema import Health, Problem
from weka_cpuset.uptime import Uptime

_NAMED_MAX = 3
"""So many containers are named; the rest are counted."""


class Code(enum.StrEnum):
    """What can be wrong."""

    DISCONNECTED = "disconnected"
    """There is no connection to the runtime, or it has not reported its containers."""
    DRIFT = "drift"
    """The last audit found containers that had not what they were told."""
    UNSETTLED = "unsettled"
    """Containers could not be told their cpus."""
    NARROWED = "narrowed"
    """A parent cgroup keeps containers from some of their cpus."""
    UNPLACED = "unplaced"
    """Containers ask for cpus of their own and run on the pool."""
    DEGRADED = "degraded"
    """Containers name cpus that cannot be used now, and run on the pool until they can."""
    STARVED = "starved"
    """Nothing of the pool is left for containers that were found running."""


NOT_READY = frozenset({Code.DISCONNECTED, Code.DRIFT})
"""With these the agent is not ready. The others are for people: a node that is not ready for
lack of cpus would help nobody."""


def health_of(ledger: Ledger, uptime: Uptime, settle: SettleStatus, audit: AuditStatus) -> Health:
    """Return whether all is well."""
    found: dict[Code, str] = {}
    if uptime.runtime is None:
        why = f": {uptime.problem}" if uptime.problem else ""
        found[Code.DISCONNECTED] = f"no connection to the runtime for {uptime.for_s:.0f} s{why}"
    if audit.found:
        found[Code.DRIFT] = f"the last audit found {_containers(audit.found)} with other cpus"
    if settle.unsettled:
        who = f"{_containers(len(settle.unsettled))} could not be settled"
        found[Code.UNSETTLED] = f"{who}: {_named(settle.unsettled)}: {settle.problem}"
    if audit.narrowed:
        who = _containers(len(audit.narrowed))
        found[Code.NARROWED] = f"a parent cgroup narrows {who}: {_named(audit.narrowed)}"
    if ledger.unplaced:
        who = f"{_containers(len(ledger.unplaced))} without the cpus of their own they ask for"
        found[Code.UNPLACED] = f"{who}: {_named(_labels(ledger, ledger.unplaced))}"
    if degraded := ledger.degraded:
        who = f"{_containers(len(degraded))} that name cpus which cannot be used now"
        found[Code.DEGRADED] = f"{who}: {_named(_labels(ledger, degraded))}"
    if ledger.starved:
        who = f"nothing of the pool is left for {_containers(len(ledger.starved))}"
        found[Code.STARVED] = f"{who}: {_named(_labels(ledger, ledger.starved))}"
    ready = NOT_READY.isdisjoint(found)
    return Health(ready, tuple(Problem(code.value, text) for code, text in found.items()))


def _containers(count: int) -> str:
    return "1 container" if count == 1 else f"{count} containers"


def _labels(ledger: Ledger, ids: Iterable[str]) -> list[str]:
    holdings = (ledger.holding(one) for one in ids)
    return sorted(one.label for one in holdings if one is not None)


def _named(labels: Iterable[str]) -> str:
    names = list(labels)
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more
