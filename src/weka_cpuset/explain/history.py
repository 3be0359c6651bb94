"""What there was to choose from when a container got its cpus, from the journal.

The journal tells what each decision has changed. Walked backwards from the ledger of now, it gives
the owners of an earlier moment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weka_cpuset.decided import REBUILT
from weka_cpuset.engine import Class, CpuSet, Holding, IntegerDemand, Ledger, Situation
from weka_cpuset.explain.view import View
from weka_cpuset.journal.entry import Line

UNKNOWN_OWNER = "(ended since)"
"""Who owned a cpu of which the journal does not say it: a container that has ended."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The decision by which a container got its cpus.

    Attributes:
        line: The journal's line; it is about another container if that one was in need of cpus.
        before: The cpus it had before; empty: it was new.
        rest: The lines after it, oldest first.
    """

    line: Line
    before: CpuSet
    rest: tuple[Line, ...]


def placed(view: View, holding: Holding) -> Placed | None:
    """Find the decision by which a container got the cpus of its own that it has.

    Args:
        view: What is known.
        holding: The container.

    Returns:
        The decision, or None if the journal does not reach back to it. What was found at a
        synchronisation or after a hotplug was not chosen then, so that counts as not known.
    """
    lines = _since_rebuilt(view.lines)
    has = str(holding.cpus)
    for at in range(len(lines) - 1, -1, -1):
        line, rest = lines[at], lines[at + 1 :]
        if line.id == holding.id and line.after == has and line.before != has:
            before = _own(lines[:at], holding.id, CpuSet.parse(line.before))
            return Placed(line, before, rest)
        for move in line.moves:
            if move.id == holding.id and move.after == has:
                return Placed(line, CpuSet.parse(move.before), rest)
    return None


def situation(view: View, holding: Holding) -> Situation | None:
    """Tell what there was to choose from when an integer container got its cpus.

    Args:
        view: What is known.
        holding: The container.

    Returns:
        The situation of that moment, or that of now if the journal does not reach back so far;
        None for a container of another class.
    """
    if not isinstance(holding.demand, IntegerDemand) or holding.cpus is None:
        return None
    ledger, chosen, reserved = view.ledger, holding.cpus, view.ledger.rules.reserved
    found = placed(view, holding)
    if found is None:
        free = (ledger.pool | chosen) - reserved
        owners = _by_name(_owners(ledger, holding.id))
        return Situation(
            ledger.topology, holding.demand, chosen, free, reserved=reserved, owners=owners
        )
    if chosen < found.before:
        # It gave some back: it chose among its own, and nobody else had to do with it.
        return Situation(ledger.topology, holding.demand, chosen, found.before)
    pool = CpuSet.parse(found.line.pool)
    taken = ledger.topology.online - pool - chosen
    return Situation(
        ledger.topology,
        holding.demand,
        chosen,
        (pool | chosen) - reserved,
        found.before & chosen,
        reserved,
        _owners_then(ledger, holding.id, found.rest, taken),
    )


def pooled_since(view: View, cpu: int) -> Line | None:
    """Find the decision by which a cpu came into the pool in which it is now.

    Args:
        view: What is known.
        cpu: A cpu of the pool.

    Returns:
        The journal's line, or None if it does not reach back to that.
    """
    later: Line | None = None
    for line in reversed(_since_rebuilt(view.lines)):
        if cpu not in CpuSet.parse(line.pool):
            return later
        later = line
    return None


def _since_rebuilt(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Leave out what was before the whole ledger was last made anew."""
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].outcome == REBUILT:
            return lines[at + 1 :]
    return lines


def _own(earlier: Iterable[Line], container_id: str, before: CpuSet) -> CpuSet:
    """Tell which cpus a container had of its own: none if it was on the pool."""
    kinds = [line.kind for line in earlier if line.id == container_id and line.kind]
    return before if kinds and kinds[-1] == Class.INTEGER.value else CpuSet.EMPTY


def _owners(ledger: Ledger, but: str) -> dict[str, tuple[str, CpuSet]]:
    return {
        one.id: (one.label, one.cpus or CpuSet.EMPTY)
        for one in ledger.exclusive.values()
        if one.id != but
    }


def _by_name(owners: Mapping[str, tuple[str, CpuSet]]) -> dict[str, CpuSet]:
    named: dict[str, CpuSet] = {}
    for label, cpus in owners.values():
        named[label] = named.get(label, CpuSet.EMPTY) | cpus
    return named


def _owners_then(
    ledger: Ledger, container_id: str, rest: tuple[Line, ...], taken: CpuSet
) -> dict[str, CpuSet]:
    """Undo the later decisions; `taken` are the cpus that had owners then."""
    owners = _owners(ledger, container_id)
    for line in reversed(rest):
        for move in line.moves:
            owners[move.id] = (move.container, CpuSet.parse(move.before))
        if line.id == container_id or line.kind == Class.SHARED.value:
            continue
        if line.before:
            owners[line.id] = (line.container, CpuSet.parse(line.before))
        else:
            owners.pop(line.id, None)
    owners.pop(container_id, None)
    named = {who: cpus & taken for who, cpus in _by_name(owners).items() if cpus & taken}
    known = CpuSet.of(cpu for cpus in named.values() for cpu in cpus)
    return named | ({UNKNOWN_OWNER: taken - known} if taken - known else {})
