"""The verdict on a simulation, in words: what was done, what was checked, what is wrong."""

import itertools
from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nodesim.report import VIOLATIONS_MAX
from nodesim.rounds import Outcome
from nodesim.timeline import Refusals

RULES: Mapping[int, str] = {
    0: "nothing is left when all pods are gone",
    1: "an owned cpu is used by nobody else",
    2: "an annotated container gets exactly the cpus that its pod names",
    3: "a container keeps off the cpus that its pod forbids",
    4: "the pool never runs dry",
    5: "an integer container gets as many cpus as it asks for",
    6: "an impossible list of cpus is refused",
    7: "cpus are free when their container has stopped",
    8: "a resize is done, or changes nothing",
    9: "after a restart everybody has what is right",
}
"""The rules of docs/reference/placement-rules.md in a few words, by number."""

_REFUSALS_SHOWN = 8
"""How many refused containers are told; more are counted."""

_SHOWN = 5
"""How many broken rules, and how many unmet expectations, a verdict shows."""


def verdict_of(outcome: Outcome) -> RenderableType:
    """Return the verdict on all rounds."""
    word = Text("PASSED", "bold green") if outcome.passed else Text("FAILED", "bold red")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for title, words in _facts(outcome):
        table.add_row(title, words)
    return Group(Text.assemble("Verdict: ", word), table, *_failures(outcome))


def refusals_of(refusals: Refusals) -> RenderableType:
    """Return which containers were refused, and why; nothing if none was."""
    lines = []
    if refusals.found:
        lines.append(Text("Refused containers", style="bold"))
    for one in refusals.found[:_REFUSALS_SHOWN]:
        again = f" (the first of {one.times} times)" if one.times > 1 else ""
        lines.append(
            Text.assemble((one.subject, "yellow"), f" at {one.at_s:.3f} s{again}: {one.reason}")
        )
    more = refusals.more + sum(one.times for one in refusals.found[_REFUSALS_SHOWN:])
    if more:
        lines.append(Text(f"and {_times(more, 'refusal')} of other containers"))
    if lines:
        lines.append(Text())
    return Group(*lines)


def _facts(outcome: Outcome) -> Iterable[tuple[str, str]]:
    first, total = outcome.reports[0], outcome.total
    yield "simulated", f"{_what(outcome)}, {total(lambda r: r.simulated_s):,.1f} simulated seconds"
    yield (
        "machine",
        f"{first.machine} under {', '.join(dict.fromkeys(r.runtime for r in outcome.reports))}",
    )
    yield (
        "pods",
        f"{total(lambda r: r.pods_created):,} created, "
        f"{total(lambda r: r.pods_refused):,} refusals, "
        f"{total(lambda r: r.pods_completed):,} ran to their own end",
    )
    yield (
        "events",
        f"{total(lambda r: r.events):,} of the runtime, "
        f"{total(lambda r: r.delivered):,} of them told to the agent, "
        f"{total(lambda r: r.updates):,} updates of other containers",
    )
    yield (
        "agent",
        f"{_times(total(lambda r: r.agent_restarts), 'restart')}, "
        f"{_times(total(lambda r: r.reconnects), 'reconnect')}",
    )
    yield "rules", _rules(outcome)
    expected = total(lambda r: len(r.expectations))
    if expected:
        met = total(lambda r: sum(one.met for one in r.expectations))
        yield "expected", f"{met:,} of {expected:,} expectations met"
    exposed_s = total(lambda r: r.exposed_s)
    if exposed_s:
        yield (
            "exposed",
            f"{exposed_s:.3f} container-seconds on cpus of another container, after a fault or an "
            "update that the runtime lost during a start; put right by the agent",
        )


def _what(outcome: Outcome) -> str:
    seeds = [report.seed for report in outcome.reports if report.seed is not None]
    rounds = _times(len(outcome.reports), "round")
    if not seeds:
        return rounds
    if len(seeds) == 1:
        return f"{rounds} with the random faults of seed {seeds[0]}"
    return f"{rounds} with the random faults of seeds {min(seeds)} to {max(seeds)}"


def _rules(outcome: Outcome) -> str:
    broken = outcome.total(lambda r: len(r.violations))
    if not broken:
        return "checked after every single change in the simulated kernel: none was broken"
    more = " or more" if any(len(r.violations) >= VIOLATIONS_MAX for r in outcome.reports) else ""
    return f"broken {_times(broken, 'time')}{more}"


def _failures(outcome: Outcome) -> Iterable[Text]:
    """Yield the first things that went wrong, each with its time and in words."""
    for report in outcome.failed[:_SHOWN]:
        where = "" if report.seed is None else f" (seed {report.seed})"
        for broken in report.violations[:_SHOWN]:
            yield Text.assemble(
                (f"\nRule {broken.rule} broken", "bold red"),
                f" at {broken.at_s:.3f} s{where}: {RULES.get(broken.rule, '')}.\n  {broken.text}",
            )
        unmet = (one for one in report.expectations if not one.met)
        for one in itertools.islice(unmet, _SHOWN):
            yield Text.assemble(
                ("\nNot as expected", "bold red"),
                f" at {one.at_s:.3f} s{where}: {one.text}\n  found: {one.found}",
            )


def _times(count: float, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
