"""Questions and answers in words, for people."""

from collections.abc import Mapping
from typing import assert_never

from weka_cpuset.engine import (
    Create,
    Doubt,
    Event,
    Found,
    PodFacts,
    PodRemove,
    PodStop,
    Remove,
    Seen,
    Stop,
    Update,
)
from weka_cpuset.questions import Enforced, Happened, Machine, Question, Report
from weka_cpuset.record.plain import KIND_KEY, Plain

_LIST_MAX = 3
"""So many of a list are shown; the recording has all."""


def describe(question: Question) -> str:
    """Return what happened, in one line."""
    match question:
        case Happened(event):
            return _event(event)
        case Report(topology, _, containers, _):
            return f"Synchronize of {len(containers)} containers on cpus {topology.online}"
        case Enforced(cpus):
            return f"cpusets of {len(cpus)} containers read"
        case Machine(topology):
            return f"cpus {topology.online} are online"
        case _ as never:
            assert_never(never)


def _event(event: Event) -> str:
    name = type(event).__name__
    match event:
        case Create(pod, container) | Update(pod, container) | Seen(pod, container):
            return f"{name} {_owner(pod)}{container.name} ({container.id})"
        case Stop(subject) | Remove(subject) | PodStop(subject) | PodRemove(subject):
            return f"{name} {subject}"
        case Doubt(container_ids):
            return f"{name} {_first(sorted(container_ids))}"
        case Found(cpus):
            return f"{name} {_first(sorted(cpus))}"
        case _:
            return name


def _owner(pod: PodFacts | None) -> str:
    return f"{pod.namespace}/{pod.name}/" if pod is not None else ""


def summarize(answer: Mapping[str, Plain]) -> str:
    """Return an answer's plain form as one line."""
    parts = [str(answer.get("outcome", "rebuilt"))]
    parts += [f"{name}: {_value(answer[name])}" for name in _SHOWN if name in answer]
    if isinstance(updates := answer.get("updates"), list):
        parts.append(f"updates: {_first([_value(one) for one in updates])}")
    parts.append(f"pool {answer.get('pool') or 'empty'}")
    return ", ".join(parts)


_SHOWN = ("adjustment", "moves", "refusal", "notices", "error")


def differences(recorded: Mapping[str, Plain], today: Mapping[str, Plain]) -> list[str]:
    """Return one line for each part of two answers that is not the same."""
    lines = []
    for name in dict.fromkeys([*recorded, *today]):
        one, other = recorded.get(name), today.get(name)
        if one == other:
            continue
        if isinstance(one, list) and isinstance(other, list):
            lines += _first_difference(name, one, other)
        else:
            lines.append(f"{name}: recorded {_value(one)}, today {_value(other)}")
    return lines


def _first_difference(name: str, recorded: list[Plain], today: list[Plain]) -> list[str]:
    """Compare two lists, of which the order counts, up to where they part."""
    lines = []
    if len(recorded) != len(today):
        lines.append(f"{name}: recorded {len(recorded)}, today {len(today)}")
    for number, (one, other) in enumerate(zip(recorded, today, strict=False), 1):
        if one != other:
            return [
                *lines,
                f"{name}, entry {number}: recorded {_value(one)}, today {_value(other)}",
            ]
    longer = max(recorded, today, key=len)
    shorter = min(len(recorded), len(today))
    whose = "recorded" if longer is recorded else "today"
    return [*lines, f"{name}, entry {shorter + 1}: only {whose}: {_value(longer[shorter])}"]


def _value(plain: Plain) -> str:
    """Return a plain value in words: `id=a cpus=2-3` for an object."""
    if plain is None:
        return "nothing"
    if isinstance(plain, list):
        return _first([_value(one) for one in plain])
    if isinstance(plain, dict):
        kind = f"{plain[KIND_KEY]} " if KIND_KEY in plain else ""
        values = [f"{name}={_value(one)}" for name, one in plain.items() if name != KIND_KEY]
        return kind + " ".join(value for value in values if not value.endswith("="))
    return str(plain)


def _first(texts: list[str]) -> str:
    more = f" and {len(texts) - _LIST_MAX} more" if len(texts) > _LIST_MAX else ""
    return "; ".join(texts[:_LIST_MAX]) + more
