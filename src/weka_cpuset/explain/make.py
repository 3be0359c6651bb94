"""Makes explanations from a view. Nothing is shown here, and nothing is changed."""

from collections.abc import Sequence
from dataclasses import replace

from weka_cpuset.engine import (
    Choice,
    Cost,
    CpuSet,
    Holding,
    IntegerDemand,
    Ledger,
    NoMovePlan,
    Planned,
    PoolWouldRunDry,
    Refusal,
    Situation,
    Tried,
    attempt,
    explain,
    explain_cpu,
    reasons,
)
from weka_cpuset.engine.reasons import RESERVED
from weka_cpuset.explain import report
from weka_cpuset.explain.history import placed, pooled_since, situation
from weka_cpuset.explain.view import View, find
from weka_cpuset.journal.entry import Line


def container_report(view: View, name: str) -> report.Container:
    """Explain a container.

    Args:
        view: What is known.
        name: The container: see `find`.

    Raises:
        NoSuchContainer: There is none of that name, or several.
    """
    holding = find(view.ledger, name)
    known = explain(view.ledger, holding.id)
    if known is None:
        raise AssertionError("it was found in the same ledger")
    decision = placed(view, holding) if holding.cpus is not None else None
    choice = situation(view, holding)
    return report.Container(
        view.source,
        view.at_s,
        holding.label,
        holding.id,
        holding.kind.value,
        holding.why.value,
        holding.phase.value,
        str(known.cpus),
        str(known.told),
        str(known.mems),
        str(holding.demand.forbidden),
        _since_s(view, holding),
        None if decision is None else _decision(decision.line, str(decision.before)),
        None if choice is None else _chosen(choice, then=decision is not None),
        {who: str(cpus) for who, cpus in known.beside.items()},
        {who: str(cpus) for who, cpus in known.kept_off.items()},
    )


def cpu_report(view: View, cpu: int) -> report.Cpu:
    """Explain a cpu.

    Args:
        view: What is known.
        cpu: Its number.
    """
    known = explain_cpu(view.ledger, cpu)
    state = "owned" if known.owners else "pool" if known.core else "offline"
    line = pooled_since(view, cpu) if state == "pool" else None
    return report.Cpu(
        view.source,
        view.at_s,
        cpu,
        state,
        str(known.core),
        known.reserved,
        known.spare,
        tuple(
            report.Who(one.label, one.id, one.kind.value, one.why.value, _since_s(view, one))
            for one in known.owners or known.guests
        ),
        None if line is None else _decision(line, line.before),
    )


def plan_report(view: View, planned: Sequence[Planned]) -> report.Plan:
    """Explain what would happen if containers were created now.

    Args:
        view: What is known.
        planned: The containers.
    """
    tried = list(attempt(view.ledger, planned))
    seen = {one.planned.container.id for one in tried}
    return report.Plan(
        view.source,
        view.at_s,
        sum(one.decision.refusal is not None for one in tried),
        tuple(map(_planned, tried)),
        tuple(_name(one) for one in planned if one.container.id not in seen),
    )


def _since_s(view: View, holding: Holding) -> float:
    return view.since_s.get(holding.id, view.at_s)


def _decision(line: Line, before: str) -> report.Decision:
    return report.Decision(line.number, line.at, line.event, line.container, before)


def _name(one: Planned) -> str:
    return f"{one.pod.namespace}/{one.pod.name}/{one.container.name}"


def _planned(one: Tried) -> report.Planned:
    decision = one.decision
    after = decision.ledger
    holding = after.holding(one.planned.container.id)
    choice = None if holding is None else _situation_of(one.before, holding)
    return report.Planned(
        _name(one.planned),
        "" if holding is None else holding.kind.value,
        "" if holding is None else holding.why.value,
        "" if holding is None else str(after.cpus_of(holding.id)),
        "" if holding is None else str(after.mems_of(holding.id)),
        one.planned.ends,
        "" if decision.refusal is None else str(_with_names(decision.refusal, one.before)),
        _taken(one.before, decision.refusal),
        tuple(
            report.Move(_label(after, move.container_id), str(move.before), str(move.after))
            for move in decision.moves
        ),
        len(decision.updates),
        tuple(map(str, decision.notices)),
        None if choice is None else _chosen(choice, then=True),
    )


def _with_names(refusal: Refusal, ledger: Ledger) -> Refusal:
    """Put names in the place of ids; a runtime's log is searched by id, a cluster by name."""
    match refusal:
        case NoMovePlan(owners=ids):
            return replace(refusal, owners=tuple(_label(ledger, one) for one in ids))
        case PoolWouldRunDry(starving=ids):
            return replace(refusal, starving=tuple(_label(ledger, one) for one in ids))
        case _:
            return refusal


def _taken(ledger: Ledger, refusal: Refusal | None) -> dict[str, str]:
    """Tell who has the cpus of which there are too few."""
    if refusal is None or not refusal.more_cpus_help:
        return {}
    found = {**_owners(ledger), RESERVED: ledger.rules.reserved}
    return {who: str(cpus) for who, cpus in found.items() if cpus}


def _label(ledger: Ledger, container_id: str) -> str:
    holding = ledger.holding(container_id)
    return container_id if holding is None else holding.label


def _situation_of(before: Ledger, holding: Holding) -> Situation | None:
    """Tell what there was to choose from, where the ledger before the choice is at hand."""
    if not isinstance(holding.demand, IntegerDemand) or holding.cpus is None:
        return None
    return Situation(
        before.topology,
        holding.demand,
        holding.cpus,
        (before.pool | holding.cpus) - before.rules.reserved,
        reserved=before.rules.reserved,
        owners=_owners(before),
    )


def _owners(ledger: Ledger) -> dict[str, CpuSet]:
    """Give the cpus of all owners by their names."""
    owners: dict[str, CpuSet] = {}
    for one in ledger.exclusive.values():
        owners[one.label] = owners.get(one.label, CpuSet.EMPTY) | (one.cpus or CpuSet.EMPTY)
    return owners


def _chosen(what: Situation, *, then: bool) -> report.Chosen:
    found = reasons(what)
    return report.Chosen(
        then,
        str(what.keep),
        _terms(found.cost),
        _option(found.runner_up),
        _option(found.elsewhere),
        _option(found.unhindered),
        tuple(
            report.InTheWay(one.who, str(one.cpus), _option(one.alone)) for one in found.obstacles
        ),
    )


def _option(choice: Choice | None) -> report.Option | None:
    if choice is None:
        return None
    return report.Option(str(choice.cpus), _terms(choice.cost), choice.decided_by)


def _terms(price: Cost) -> dict[str, int]:
    """Return all terms of a cost but the ids."""
    return dict(zip(price._fields[:-1], price[:-1], strict=True))
