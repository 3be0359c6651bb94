"""The acceptance test's phases and criteria: each criterion can fail."""

import dataclasses

import pytest

from nodesim import acceptance
from nodesim.actions import Apply, Break, Delete, Expect
from nodesim.criteria import criteria_of
from nodesim.report import Entry, EntryKind, Expectation, Report, Violation
from nodesim.workload import ContainerSpec, PodSpec
from tests.unit.nodesim.outcomes import report

SHARED = "default/crash-test-shared/test-container"
BROKEN = Entry(9.0, EntryKind.FAULT, SHARED, "fail-write")
CHANGED = Entry(10.0, EntryKind.CHANGE, SHARED, "0-7 -> 0-9")
LOG = (
    "1.0 WARNING: cannot be written",
    *["2.0 INFO: Removing container"] * 7,
    "3.0 INFO: cpuset changed reason=container removal",
)
CRASH = tuple(
    PodSpec(f"crash-test-{name}", (ContainerSpec("test-container"),))
    for name in ("integer-1", "integer-2", "annotated", "shared")
)
RACE = tuple(PodSpec(f"stress-race-{n}", (ContainerSpec("test-container"),)) for n in (1, 2, 3))


def met(run: Report, timeline: tuple[Entry, ...] = (BROKEN, CHANGED)) -> dict[str, bool]:
    """Judge a run and return which criteria are met, by title."""
    seen = acceptance.evidence_of(run, timeline, [SHARED])
    return {one.title: one.met for one in criteria_of(seen)}


GOOD = report(log=LOG)
TITLES = tuple(met(GOOD))


def test_a_good_run_meets_all_six() -> None:
    """The test has six success criteria, and they can all be met."""
    assert [True] * 6 == list(met(GOOD).values())


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"agent_restarts": 1}, {"Plugin stability", "Error resilience"}),
        ({"reconnects": 1}, {"Plugin stability"}),
        ({"pods_refused": 1}, {"Container handling"}),
        (
            {"expectations": (Expectation(1.0, "default/a phase Completed", met=False),)},
            {"Container handling"},
        ),
        ({"violations": (Violation(1.0, 1, "cpu 4"),)}, {"Graceful removal"}),
        ({"pods_created": 8}, {"Graceful removal"}),
        ({"log": LOG[1:]}, {"Error resilience"}),
        ({"log": LOG[:-1]}, {"Log evidence"}),
        (
            {"log": (*LOG, "4.0 ERROR: Traceback (most recent call last)")},
            {"Error resilience", "Log evidence"},
        ),
        ({"log": LOG[:1]}, {"Graceful removal", "Log evidence"}),
    ],
)
def test_what_goes_wrong_fails_its_criterion(changes: dict[str, object], failed: set[str]) -> None:
    """Each deviation fails the criteria that it concerns, and no other one."""
    run = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]  # any field

    assert failed == {title for title, is_met in met(run).items() if not is_met}


@pytest.mark.parametrize(
    "timeline",
    [
        (),
        (Entry(1.0, EntryKind.CHANGE, SHARED, "-> 0-7"),),
        (Entry(1.0, EntryKind.CHANGE, "default/another/c", "0-7 -> 0-9"),),
    ],
    ids=["no change", "only its creation", "another container"],
)
def test_shared_containers_must_change_while_they_run(timeline: tuple[Entry, ...]) -> None:
    """A first cpuset is no update, and one of another container is not what is asked for."""
    assert not met(GOOD, timeline)["Shared pool updates"]


def test_an_update_must_have_been_made_to_fail() -> None:
    """A warning about something else does not show what happens when an update fails."""
    assert not met(GOOD, (CHANGED,))["Error resilience"]


def test_one_agent_lives_through_all_rounds() -> None:
    """All phases are one scenario: 50 forced deletions after a natural completion."""
    phases = acceptance.phases_of(CRASH, RACE)
    actions = acceptance.scenario_of(phases).actions

    forced = [one for one in actions if isinstance(one, Delete) and one.force]
    assert acceptance.ROUNDS == len(forced)
    assert all(len(one.names) == len(RACE) and one.grace_s == 0 for one in forced)
    assert acceptance.ROUNDS + 1 == sum(isinstance(one, Apply) for one in actions)
    assert any(isinstance(one, Break) for one in actions)
    assert {pod.key for pod in (*CRASH, *RACE)} <= {
        one.subject for one in actions if isinstance(one, Expect)
    }


def test_phases_end_where_the_next_one_begins() -> None:
    """The last phase ends with the last action."""
    phases = acceptance.phases_of(CRASH, RACE)
    ends = acceptance.ends_of(phases)

    assert len(phases) == len(ends)
    assert list(ends) == sorted(ends)
    assert len(acceptance.scenario_of(phases).actions) == ends[-1]
