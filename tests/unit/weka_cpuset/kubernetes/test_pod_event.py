"""Refusals and moves in words, and as objects that the API server takes."""

import json
import warnings
from typing import Any

import pytest

from tests.unit.weka_cpuset.kubernetes.decisions import OTHER, TWO, moved, pod, refused
from weka_cpuset.decided import REBUILT, Decided, Moved, PodName
from weka_cpuset.engine import CpuSet
from weka_cpuset.kubernetes.pod_event import (
    INSTANCE_MAX,
    NAME_MAX,
    NOTE_MAX,
    PodEvent,
    Series,
    body_of,
    name_of,
    pod_events,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a deprecated part of the standard library
    import kubernetes_validate

AT_S = 1_800_000_000.25


def only(decided: Decided) -> PodEvent:
    """Return the only thing that is told of a decision."""
    (one,) = pod_events(decided)
    assert one is not None
    return one


def body(decided: Decided, times: int = 1, instance: str = "agent") -> dict[str, Any]:
    """Return it as the API server gets it; valid in the oldest and the newest release."""
    series = Series(only(decided), AT_S, AT_S + 60, times)
    tree: dict[str, Any] = json.loads(body_of(series, "own.1", instance))
    for release in ("1.30", "1.37"):
        kubernetes_validate.validate(tree, release, strict=True)
    return tree


def test_refusal_is_a_warning_in_the_words_of_the_refusal() -> None:
    tree = body(refused("large", reason="it asks for 99 cpus"))
    assert ("Warning", "CpusRefused", "Placing") == (tree["type"], tree["reason"], tree["action"])
    assert "container main: it asks for 99 cpus" == tree["note"]
    assert {"apiVersion": "v1", "kind": "Pod"} | pod("large")._asdict() == tree["regarding"]
    assert "related" not in tree
    assert "series" not in tree


def test_refused_resize_says_what_the_container_keeps() -> None:
    kept = refused("own")._replace(event="UpdateContainer", kind="integer", before=TWO, after=TWO)
    assert "container main stays on cpus 2-3: no room" == body(kept)["note"]


def test_move_says_which_cpus_and_for_whom() -> None:
    tree = body(moved("own"))
    assert ("Normal", "CpusMoved", "Moving") == (tree["type"], tree["reason"], tree["action"])
    assert (
        "container main: cpus 4-5 instead of 2-3: 2-3 now belong to default/named/main"
        == tree["note"]
    )
    assert "own" == tree["regarding"]["name"]
    assert "named" == tree["related"]["name"]


@pytest.mark.parametrize(
    ("decided", "cause"),
    [
        (moved()._replace(after=CpuSet.parse("2")), "2 now belongs to default/named/main"),
        (moved()._replace(after=CpuSet.parse("7")), "it makes room for default/named/main"),
        (
            Decided("Hotplug", REBUILT, before=CpuSet.parse("0-7"), after=CpuSet.parse("0-2,4-7")),
            "3 cannot be used any more",
        ),
        (
            Decided("Hotplug", REBUILT, before=CpuSet.parse("0-3"), after=CpuSet.parse("0-7")),
            "all were placed anew",
        ),
        (Decided("Synchronize", REBUILT), "all were placed anew"),
    ],
)
def test_move_says_its_cause(decided: Decided, cause: str) -> None:
    move = Moved("id", "default/own/main", TWO, OTHER, pod("own"))
    assert f"cpus 4-5 instead of 2-3: {cause}" in body(decided._replace(moves=(move,)))["note"]


def test_repetitions_are_one_series() -> None:
    """From the first to the last one."""
    tree = body(refused("large"), times=3)
    assert 3 == tree["series"]["count"]
    assert "2027-01-15T08:00:00.250000Z" == tree["eventTime"]
    assert "2027-01-15T08:01:00.250000Z" == tree["series"]["lastObservedTime"]


def test_texts_are_as_long_as_the_api_server_allows() -> None:
    """In bytes, and no character is cut in two."""
    tree = body(refused("large", reason="ä" * 5000), instance="a" * 300)
    assert NOTE_MAX - 1 <= len(tree["note"].encode()) <= NOTE_MAX
    assert tree["note"].endswith("ä…")
    assert INSTANCE_MAX == len(tree["reportingInstance"].encode())
    assert body(refused("large"), instance="")["reportingInstance"]


def test_name_is_of_the_pod_and_never_too_long() -> None:
    assert "web-0.ff" == name_of(pod("web-0"), 255)
    long = name_of(PodName("default", "a" * 240 + "-." * 6, "uid"), 2**63)
    assert len(long) <= NAME_MAX
    assert long.startswith("a" * 230)
    assert ".." not in long.replace("-", ".")


@pytest.mark.parametrize(
    "nameless",
    [
        None,
        PodName("", "own", "uid"),
        PodName("default", "", "uid"),
        PodName("default", "own", ""),
        PodName("default/pods", "own", "uid"),
        PodName("default", "../own", "uid"),
        PodName("default", "own\r\nX: y", "uid"),
        PodName("Default", "own", "uid"),
    ],
)
def test_pod_without_a_name_of_kubernetes_is_told_nothing(nameless: PodName | None) -> None:
    """Such as one that was made by crictl; no name gets into a path that could change it."""
    assert [None] == list(pod_events(refused("x")._replace(pod=nameless)))


def test_decision_without_refusal_and_move_tells_nothing() -> None:
    assert [] == list(pod_events(moved()))


def test_text_that_is_no_unicode_is_told_as_far_as_it_is() -> None:
    """Nothing that a name has in it keeps the others from being told."""
    assert "container main: odd ?" == body(refused("large", reason="odd \udc80"))["note"]
