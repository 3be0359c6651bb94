"""The steps of a scenario: each is a mapping of one key, and the key says what is done.

`StepReader` turns steps into actions, `step_tree` turns an action into its step. The page
docs/reference/scenario.md describes all of them for people.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, TypeVar, assert_never

from nodesim import export, manifest
from nodesim.actions import (
    UNTIMED_FAULTS,
    Action,
    Apply,
    Break,
    Delete,
    Expect,
    Fault,
    FaultKind,
    Looked,
    Offline,
    Online,
    Repeat,
    Resize,
    RestartAgent,
    RestartRuntime,
    Wait,
)
from nodesim.fields import BadField, Field, Place
from nodesim.kubelet import PodPhase
from nodesim.podspec import resources_of
from nodesim.workload import PodSpec
from nri import Event
from weka_cpuset.engine import CpuSet

SIZE_MAX = 1_000_000
"""The most that a scenario may do: its actions with repeated ones laid out, and an `apply`
counted once for each pod. A run of this length takes minutes."""

EVENTS = (*(event.name for event in Event), "SYNCHRONIZE")
"""What a fault can wait for."""

_Kind = TypeVar("_Kind", bound=StrEnum)

_PART = "[a-zA-Z0-9][-a-zA-Z0-9.]*"
_POD = re.compile(f"{_PART}/{_PART}")
_CONTAINER = re.compile(f"{_PART}/{_PART}/{_PART}")
_DELETABLE = re.compile(rf"\*|{_PART}/{_PART}(/{_PART})?")

_POD_WORDS = "a pod as namespace/name"
_CONTAINER_WORDS = "a container as namespace/pod/container"
_CPUS_WORDS = "a cpu list such as 0-3,8"
_DELETABLE_WORDS = 'namespace/name, namespace/Kind/name of a workload, or "*" for all; or a list'

_SUBJECTS = {
    Looked.PHASE: ("pod", _POD, _POD_WORDS),
    **dict.fromkeys(
        (Looked.CPUS, Looked.CPU_COUNT, Looked.WITHIN, Looked.APART_FROM),
        ("container", _CONTAINER, _CONTAINER_WORDS),
    ),
}
"""Which key names what is looked at, and in which form; the others concern the whole host."""

_COUNTS = (Looked.CPU_COUNT, Looked.POOL, Looked.AGENT_RESTARTS)


class StepReader:
    """Reads steps.

    Args:
        folder: The folder that files of pods are looked for in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A file that is applied a thousand times is read once.
        self._pods: dict[Path, tuple[PodSpec, ...]] = {}

    def read(self, steps: Field) -> tuple[Action, ...]:
        """Read a list of steps.

        Args:
            steps: The list; that of the scenario, or that of a step which repeats others.

        Returns:
            An action for each.

        Raises:
            BadField: A value is not allowed.
            UnreadableFile: A file of pods cannot be read.
        """
        if not steps.given:
            raise steps.bad("a list of steps, such as `- wait: 15`")
        within = f"{steps.place.part}." if steps.place.part else "step "
        return tuple(
            self._step(Field(one.value, Place(steps.place.file, f"{within}{number}")))
            for number, one in enumerate(steps.items(), start=1)
        )

    def _step(self, step: Field) -> Action:
        kinds = ", ".join(self.KINDS)
        if not isinstance(step.value, dict) or len(step.value) != 1:
            raise step.bad(f"one key that says what is done: {kinds}")
        ((kind, what),) = step.fields().items()
        if kind not in self.KINDS:
            raise BadField(step.place, kind, f"one of {kinds}")
        return self.KINDS[kind](self, what)

    def _apply(self, what: Field) -> Apply:
        if not isinstance(what.value, str):
            if not what.given:
                raise what.bad("a file of manifests, or a list of them")
            return Apply(manifest.gather(what.items()).pods)
        path = self._folder / what.value
        if path not in self._pods:
            self._pods[path] = manifest.load(path).pods
        return Apply(self._pods[path])

    def _delete(self, what: Field) -> Delete:
        if not isinstance(what.value, dict):
            return Delete(_names_of(what))
        known = _only(what, "names", "grace", "force")
        grace = known["grace"]
        return Delete(
            _names_of(known["names"]),
            grace.number() if grace.given else None,
            known["force"].flag(),
        )

    def _resize(self, what: Field) -> Resize:
        known = _only(what, "container", "resources")
        container = _matching(known["container"], _CONTAINER, _CONTAINER_WORDS)
        if not known["resources"].given:
            raise known["resources"].bad("the new `requests` and `limits`, complete")
        return Resize(container, resources_of(known["resources"]))

    def _restart_agent(self, what: Field) -> RestartAgent:
        known = _only(what, "away")
        return RestartAgent(known["away"].number(RestartAgent().away_s))

    def _restart_runtime(self, what: Field) -> RestartRuntime:
        known = _only(what, "away")
        return RestartRuntime(known["away"].number(RestartRuntime().away_s))

    def _offline(self, what: Field) -> Offline:
        return Offline(what.parsed(CpuSet.parse, _CPUS_WORDS))

    def _online(self, what: Field) -> Online:
        return Online(what.parsed(CpuSet.parse, _CPUS_WORDS))

    def _wait(self, what: Field) -> Wait:
        return Wait(what.number())

    def _break(self, what: Field) -> Break:
        known = _only(what, "fault", "event", "count", "seconds")
        kind = _one_of(known["fault"], FaultKind)
        event = known["event"]
        if event.given and kind in UNTIMED_FAULTS:
            raise event.bad(f"none: {kind} strikes no single event")
        if event.given and event.value not in EVENTS:
            raise event.bad(f"one of {', '.join(EVENTS)}, or none for any event")
        default = Fault(kind)
        return Break(
            Fault(
                kind,
                event.value if event.given else default.event,
                known["count"].count(default.count),
                known["seconds"].number(default.seconds),
            )
        )

    def _expect(self, what: Field) -> Expect:
        known = _only(what, "pod", "container", *Looked)
        looked = [one for one in Looked if known[one].given]
        if len(looked) != 1:
            raise what.bad(f"one of {', '.join(Looked)}")
        key, form, words = _SUBJECTS.get(looked[0], ("", _POD, ""))
        for name in ("pod", "container"):
            if name != key and known[name].given:
                raise known[name].bad(f"`{key}` here" if key else "neither pod nor container here")
        subject = _matching(known[key], form, words) if key else ""
        return Expect(looked[0], subject, _expected(known[looked[0]], looked[0]))

    def _repeat(self, what: Field) -> Repeat:
        known = _only(what, "times", "steps")
        repeat = Repeat(known["times"].count(most=SIZE_MAX), self.read(known["steps"]))
        check_size((repeat,), what.place)
        return repeat

    KINDS: ClassVar[Mapping[str, Callable[["StepReader", Field], Action]]] = {
        "apply": _apply,
        "delete": _delete,
        "resize": _resize,
        "restart-agent": _restart_agent,
        "restart-runtime": _restart_runtime,
        "offline": _offline,
        "online": _online,
        "wait": _wait,
        "break": _break,
        "expect": _expect,
        "repeat": _repeat,
    }
    """How the value of each step is read."""


def check_size(actions: Iterable[Action], place: Place) -> None:
    """Refuse actions that would take for ever.

    Args:
        actions: The actions.
        place: Where they stand.

    Raises:
        BadField: They are more than `SIZE_MAX`.
    """
    size = sum(map(_size, actions))
    if size > SIZE_MAX:
        raise BadField(place, f"{size} actions", f"at most {SIZE_MAX}, repeated ones laid out")


def _size(action: Action) -> int:
    match action:
        case Apply(pods):
            return max(1, len(pods))
        case Repeat(times, actions):
            # Nothing repeated takes its time as well.
            return 1 + times * max(1, sum(map(_size, actions)))
        case _:
            return 1


# ---- values of steps ----


def _only(what: Field, *known: str) -> dict[str, Field]:
    """Return the values of these keys; there may be no others."""
    for key in what.fields():
        if key not in known:
            raise BadField(what.place, key, f"only {', '.join(known)}")
    return {key: what.get(key) for key in known}


def _names_of(field: Field) -> tuple[str, ...]:
    if not field.given:
        raise field.bad(_DELETABLE_WORDS)
    several = [field] if isinstance(field.value, str) else field.items()
    return tuple(_matching(one, _DELETABLE, _DELETABLE_WORDS) for one in several)


def _matching(field: Field, form: re.Pattern[str], allowed: str) -> str:
    if not isinstance(field.value, str) or not form.fullmatch(field.value):
        raise field.bad(allowed)
    return field.value


def _one_of(field: Field, kinds: type[_Kind]) -> _Kind:
    if field.value not in list(kinds):
        raise field.bad(f"one of {', '.join(kinds)}")
    return kinds(field.value)


def _expected(field: Field, looked: Looked) -> str:
    """Read what should be so, in the form that `Looked` says."""
    match looked:
        case Looked.PHASE:
            return _one_of(field, PodPhase).value
        case Looked.CPU_COUNT | Looked.POOL | Looked.AGENT_RESTARTS:
            return str(field.count())
        case Looked.CPUS | Looked.WITHIN | Looked.APART_FROM:
            return field.parsed(_cpus_or_container, f"{_CPUS_WORDS}, or {_CONTAINER_WORDS}")
        case Looked.LOG | Looked.NO_LOG:
            return field.text()
        case _:
            assert_never(looked)


def _cpus_or_container(text: str) -> str:
    if not _CONTAINER.fullmatch(text):
        CpuSet.parse(text)
    return text


# ---- the other way ----


def step_tree(action: Action) -> dict[str, Any]:
    """Return an action as the tree of its step: the inverse of `StepReader`.

    Args:
        action: The action; its pods are written in full.
    """
    match action:
        case Apply(pods):
            return {"apply": [export.pod_tree(pod) for pod in pods]}
        case Delete():
            return {"delete": _delete_tree(action)}
        case Resize(container, resources):
            tree = export.resources_tree(resources)
            return {"resize": {"container": container, "resources": tree}}
        case RestartAgent(away_s):
            return {"restart-agent": {"away": export.seconds(away_s)}}
        case RestartRuntime(away_s):
            return {"restart-runtime": {"away": export.seconds(away_s)}}
        case Offline(cpus):
            return {"offline": str(cpus)}
        case Online(cpus):
            return {"online": str(cpus)}
        case Wait(seconds):
            return {"wait": export.seconds(seconds)}
        case Break(fault):
            return {"break": _fault_tree(fault)}
        case Expect():
            return {"expect": _expect_tree(action)}
        case Repeat(times, actions):
            return {"repeat": {"times": times, "steps": [step_tree(one) for one in actions]}}
        case _:
            assert_never(action)


def _delete_tree(delete: Delete) -> list[str] | dict[str, Any]:
    names = list(delete.names)
    if delete == Delete(delete.names):
        return names
    grace = {} if delete.grace_s is None else {"grace": export.seconds(delete.grace_s)}
    return {"names": names, **grace, "force": delete.force}


def _fault_tree(fault: Fault) -> dict[str, Any]:
    """Return a fault without what is the default."""
    default = Fault(fault.kind)
    return {
        "fault": fault.kind.value,
        **({"event": fault.event} if fault.event != default.event else {}),
        **({"count": fault.count} if fault.count != default.count else {}),
        **({"seconds": export.seconds(fault.seconds)} if fault.seconds != default.seconds else {}),
    }


def _expect_tree(expect: Expect) -> dict[str, Any]:
    key, _, _ = _SUBJECTS.get(expect.looked, ("", None, ""))
    value = int(expect.value) if expect.looked in _COUNTS else expect.value
    return {**({key: expect.subject} if key else {}), expect.looked.value: value}
