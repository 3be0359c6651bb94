"""Explanations as text for people."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from weka_cpuset.engine import Cost
from weka_cpuset.explain import report
from weka_cpuset.explain.report import Chosen, Option, Report

TERMS: Mapping[str, str] = {
    "packages": "packages",
    "nodes": "nodes",
    "node_pairs": "pairs of its cpus on one node",
    "core_pairs": "pairs of its cpus on one core",
    "llcs": "LLC groups",
    "cores_shared": "cores shared with strangers",
    "cores_broken": "cores newly broken",
    "core_zero": "core of cpu 0",
    "core_left": "free cpus left in its cores",
    "llc_left": "free cpus left in its LLC groups",
    "node_left": "free cpus left in its nodes",
    "package_left": "free cpus left in its packages",
    "cpus": "lowest ids",
}
"""The terms of a cost in words, the most important first."""

SIMULATED_MAX_S = 10.0 * 365 * 86400
"""Earlier times since 1970 are of a simulation, whose clock begins at 0: no agent ran then."""


def lines_of(shown: Report) -> Iterator[str]:
    """Yield the lines of an explanation."""
    match shown:
        case report.Container():
            yield from _container(shown)
        case report.Cpu():
            yield from _cpu(shown)
        case report.Plan():
            yield from _plan(shown)
        case _ as never:
            assert_never(never)


def time_of(at_s: float) -> str:
    """Return a time in words."""
    if at_s < SIMULATED_MAX_S:
        return f"{at_s:.3f} s after the simulation's start"
    moment = datetime.datetime.fromtimestamp(at_s, tz=datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _head(source: str, at_s: float) -> str:
    return f"from:   {source}, {time_of(at_s)}"


def _container(one: report.Container) -> Iterator[str]:
    yield f"{one.container} ({one.id})"
    yield f"class:  {one.kind}: {one.why}"
    yield f"cpus:   {one.cpus or 'none'}, since {time_of(one.since)}"
    if one.mems:
        yield f"memory: nodes {one.mems}, those of its cpus"
    if one.forbidden:
        yield f"never:  {one.forbidden}: its pod forbids them"
    if one.told != one.cpus:
        yield f"told:   {one.told or 'none'}; an update is due"
    if one.phase == "created":
        yield "phase:  created, and not started yet"
    if one.decision is not None:
        yield f"by:     {_by(one.decision, one.container)}"
    yield _head(one.source, one.at)
    if one.beside:
        yield ""
        yield "On the same cpus, which their pods name too:"
        yield from _list(one.beside)
    if one.kept_off:
        yield ""
        yield "It has the pool. The other cpus are for:"
        yield from _list(one.kept_off)
    if one.chosen is not None:
        yield ""
        yield from _chosen(one.chosen, one.cpus)


def _by(decision: report.Decision, container: str) -> str:
    what = decision.event
    if decision.container != container:
        what += f" of {decision.container}, for which it was moved"
    had = f"; before it had {decision.before}" if decision.before else ""
    return f"{what}{had} (decision {decision.number})"


def _list(owners: Mapping[str, str]) -> Iterator[str]:
    for who, cpus in owners.items():
        yield f"  {cpus}: {who}"


def _chosen(chosen: Chosen, cpus: str) -> Iterator[str]:
    if not chosen.then:
        yield "The journal does not have the decision. With what is free now, its cpus compare like"
        yield "this; the first number that differs decides, and less is better:"
    elif chosen.kept:
        yield f"It kept {chosen.kept}. How it was chosen what to add; the first number that differs"
        yield "decides, and less is better:"
    else:
        yield "How they were chosen; the first number that differs decides, and less is better:"
    yield ""
    yield from _table(chosen, cpus)
    yield ""
    yield from _second(chosen)
    yield from _way(chosen)


def _table(chosen: Chosen, cpus: str) -> Iterator[str]:
    others = [
        ("runner-up", chosen.runner_up),
        ("elsewhere", chosen.elsewhere),
        ("empty machine", chosen.unhindered),
    ]
    columns = [("chosen", cpus, chosen.cost)]
    columns += [(name, one.cpus, one.cost) for name, one in others if one is not None]
    rows = [["", *(name for name, _, _ in columns)]]
    rows += [["cpus", *(has for _, has, _ in columns)]]
    for term in Cost._fields[:-1]:
        numbers = [cost[term] for _, _, cost in columns]
        if any(numbers):
            rows.append([TERMS[term], *map(str, numbers)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _second(chosen: Chosen) -> Iterator[str]:
    if chosen.runner_up is None:
        yield "There was no other choice." if chosen.then else "There is no other choice now."
    elif _is_cheaper(chosen.runner_up, chosen):
        yield f"The runner-up is cheaper: {_because(chosen.runner_up, chosen)}."
        yield (
            "It was passed over: a starting container was on its cpus, or the pool needed them."
            if chosen.then
            else "Its cpus were not free then."
        )
    else:
        yield f"The runner-up lost by: {_because(chosen.runner_up, chosen)}."
    if chosen.elsewhere is not None:
        yield f"The best choice in other LLC groups lost by: {_because(chosen.elsewhere, chosen)}."


def _is_cheaper(option: Option, chosen: Chosen) -> bool:
    terms = Cost._fields[:-1]
    return [option.cost[one] for one in terms] < [chosen.cost[one] for one in terms]


def _because(option: Option, chosen: Chosen) -> str:
    """Name the term that decided, with its numbers."""
    term = option.decided_by
    if term not in option.cost:
        return "its ids, in nothing else"
    return f"{TERMS[term]}, {option.cost[term]} instead of {chosen.cost[term]}"


def _way(chosen: Chosen) -> Iterator[str]:
    if chosen.unhindered is None:
        yield "Nobody was in the way: on an empty machine it would lie no better."
        return
    yield (f"On an empty machine it would lie better: {_because(chosen.unhindered, chosen)}.")
    alone = [one for one in chosen.in_the_way if one.alone is not None]
    together = [one for one in chosen.in_the_way if one.alone is None]
    if alone:
        yield "In the way, each one by itself:" if len(alone) > 1 else "In the way:"
    for one in alone:
        if one.alone is not None:
            yield f"  {one.cpus}: {one.who}; without it {one.alone.cpus}"
            yield f"    ({_because(one.alone, chosen)})"
    if together:
        yield "In the way only together with others:" if alone else "In the way, only together:"
        yield from _list({one.who: one.cpus for one in together})


def _cpu(one: report.Cpu) -> Iterator[str]:
    also = ", reserved: integer containers never get it" if one.reserved else ""
    also += ", kept free for the next integer containers of a burst" if one.spare else ""
    match one.state:
        case "offline":
            yield f"cpu {one.cpu} is offline, or there is no such cpu"
        case "owned":
            yield f"cpu {one.cpu} is owned{also}"
        case _:
            yield f"cpu {one.cpu} is in the pool{also}"
            if one.decision is not None:
                what = one.decision
                yield f"since:  {time_of(what.at)}, by {what.event} of {what.container or 'a pod'}"
    if one.core and one.core != str(one.cpu):
        yield f"core:   {one.core}"
    yield _head(one.source, one.at)
    if one.state != "offline":
        yield ""
        yield from _who(one)


def _who(one: report.Cpu) -> Iterator[str]:
    if not one.who:
        yield "No container may run on it now."
        return
    yield "May run on it:"
    for who in one.who:
        yield f"  {who.container} ({who.kind}: {who.why}), since {time_of(who.since)}"


def _plan(one: report.Plan) -> Iterator[str]:
    yield _head(one.source, one.at)
    for container in one.containers:
        yield ""
        yield from _planned(container)
    for name in one.left_out:
        yield ""
        yield f"{name}: never created; its pod waits for one that is refused"
    yield ""
    total = len(one.containers) + len(one.left_out)
    refused = one.refused + len(one.left_out)
    yield f"{_count(total - refused)} of {total} would be created. Nothing was changed."


def _count(number: int) -> str:
    return "1 container" if number == 1 else f"{number} containers"


def _planned(one: report.Planned) -> Iterator[str]:
    if one.refusal:
        yield f"{one.container}: refused"
        yield f"why:    {one.refusal}"
        if one.taken:
            yield "taken:"
            yield from _list(one.taken)
    else:
        yield f"{one.container}: {one.cpus}"
        yield f"class:  {one.kind}: {one.why}"
    if one.mems:
        yield f"memory: nodes {one.mems}, those of its cpus"
    if one.ends and not one.refusal:
        yield "ends:   before the next one is created"
    for move in one.moves:
        yield f"moves:  {move.container} from {move.before} to {move.after}"
    if one.updates:
        yield f"tells:  {_count(one.updates)} other cpus, in the same reply"
    for notice in one.notices:
        yield f"odd:    {notice}"
    if one.chosen is not None:
        yield from _chosen(one.chosen, one.cpus)


def text_of(shown: Report) -> str:
    """Return an explanation as text."""
    lines: Sequence[str] = list(lines_of(shown))
    return "\n".join(lines) + "\n"
