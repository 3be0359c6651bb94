"""What is told on a pod: a refusal or a move, in words, and as an Event of Kubernetes.

The words are made when it is posted. What a handler makes of a decision is a few references.
"""

import datetime
import enum
import re
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import msgspec

from weka_cpuset.decided import REBUILT, Decided, Moved, PodName

REPORTER = "weka-nri-cpuset"
"""Who says it, for `kubectl describe` and field selectors: as the agent's label says it."""

NOTE_MAX = 1024
"""A note may have so many bytes (NoteLengthLimit of the API server)."""

INSTANCE_MAX = 128
"""And the name of who reports it so many (ReportingInstanceLengthLimit)."""

NAME_MAX = 253
"""And the name of an object (RFC 1123 subdomain)."""

_NAME = re.compile("[a-z0-9][a-z0-9.-]*", re.ASCII)
"""What names of namespaces and pods are made of."""


class Reason(enum.StrEnum):
    """The reason of an Event: a word for programs."""

    REFUSED = "CpusRefused"
    MOVED = "CpusMoved"


_ACTIONS = {Reason.REFUSED: "Placing", Reason.MOVED: "Moving"}
"""What was tried, by what came of it; an Event must have it."""

_TYPES = {Reason.REFUSED: "Warning", Reason.MOVED: "Normal"}


class PodEvent(NamedTuple):
    """A refusal, or one of the moves, of a decision.

    Attributes:
        pod: The pod that it is told on.
        decided: The decision.
        moved: The move; None: it is the refusal.
    """

    pod: PodName
    decided: Decided
    moved: Moved | None = None

    @property
    def reason(self) -> Reason:
        """The reason."""
        return Reason.REFUSED if self.moved is None else Reason.MOVED

    @property
    def key(self) -> Hashable:
        """What all that say the same have in common.

        The words of a refusal differ with each cpu that comes free, so its type counts.
        """
        if self.moved is None:
            return self.pod, self.decided.container, self.decided.refusal
        return self.pod, self.moved.container, self.moved.before, self.moved.after

    @property
    def note(self) -> str:
        """It in words."""
        if self.moved is None:
            one = self.decided
            kept = f" stays on cpus {one.after}" if one.kind else ""
            text = f"container {_short(one.container)}{kept}: {one.reason}"
        else:
            one, moved = self.decided, self.moved
            text = (
                f"container {_short(moved.container)}: cpus {moved.after} instead of "
                f"{moved.before}: {_cause(one, moved)}"
            )
        return _cut(text, NOTE_MAX)


class Series(NamedTuple):
    """What an Event tells: something that has happened once, or several times.

    Attributes:
        event: The last of them.
        first_s: When the first one happened, in seconds since 1970.
        last_s: When the last one happened.
        times: How many there were.
    """

    event: PodEvent
    first_s: float
    last_s: float
    times: int


def pod_events(decided: Decided) -> Iterator[PodEvent | None]:
    """Yield what is to be told of a decision; None: its pod has no name in Kubernetes.

    Args:
        decided: What the decision has changed.
    """
    if decided.refusal:
        yield _pod_event(decided.pod, decided, None)
    for one in decided.moves:
        yield _pod_event(one.pod, decided, one)


def body_of(series: Series, name: str, instance: str) -> bytes:
    """Return an Event of events.k8s.io/v1 as JSON.

    Args:
        series: What it tells.
        name: The Event's own name, from `name_of`.
        instance: Which agent tells it, such as the name of its pod.
    """
    event = series.event
    tree: dict[str, Any] = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": event.pod.namespace},
        "regarding": _reference(event.pod),
        "reason": event.reason,
        "action": _ACTIONS[event.reason],
        "type": _TYPES[event.reason],
        "note": event.note,
        "eventTime": _micro_time(series.first_s),
        "reportingController": REPORTER,
        "reportingInstance": _cut(instance, INSTANCE_MAX) or REPORTER,
    }
    asker = event.decided.pod
    if event.moved is not None and asker is not None:
        tree["related"] = _reference(asker)
    if series.times > 1:
        tree["series"] = {"count": series.times, "lastObservedTime": _micro_time(series.last_s)}
    return msgspec.json.encode(tree)


def name_of(pod: PodName, number: int) -> str:
    """Return the name of an Event on a pod.

    It is the same at each attempt to post it, so that one whose answer was lost is not told twice.

    Args:
        pod: The pod.
        number: Different for each Event on it.
    """
    end = f".{number:x}"
    return pod.name[: NAME_MAX - len(end)].rstrip(".-") + end


def _pod_event(pod: PodName | None, decided: Decided, moved: Moved | None) -> PodEvent | None:
    # Both become part of a URL's path; the API server is stricter than this.
    if pod is None or not pod.uid or not _NAME.fullmatch(pod.namespace):
        return None
    return PodEvent(pod, decided, moved) if _NAME.fullmatch(pod.name) else None


def _cause(decided: Decided, moved: Moved) -> str:
    """Say why a container was moved."""
    if decided.outcome == REBUILT:
        gone = moved.before - decided.after
        if decided.event == "Hotplug" and gone:
            return f"{gone} cannot be used any more"
        return "all were placed anew, each with as many of its cpus as possible"
    taken = moved.before & decided.after
    if not taken:
        return f"it makes room for {decided.container}"
    return f"{taken} now {'belongs' if len(taken) == 1 else 'belong'} to {decided.container}"


def _short(container: str) -> str:
    """Return a container's name without that of its pod, on which it is told."""
    return container.rpartition("/")[2]


def _reference(pod: PodName) -> dict[str, str]:
    return {"apiVersion": "v1", "kind": "Pod", **pod._asdict()}


def _micro_time(at_s: float) -> str:
    """Write a time of day as Kubernetes' MicroTime."""
    at = datetime.datetime.fromtimestamp(at_s, tz=datetime.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut(text: str, most: int) -> str:
    """Return a text of so many bytes at most."""
    data = text.encode(errors="replace")
    if len(data) <= most:
        return data.decode()
    return data[: most - len(_MORE)].decode(errors="ignore") + _MORE.decode()


_MORE = "…".encode()
