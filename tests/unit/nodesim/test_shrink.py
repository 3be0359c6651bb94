"""A failing scenario is shortened to its cause, with few runs."""

from collections.abc import Callable

import pytest

from nodesim.actions import Action, Apply, Delete, Repeat, RestartAgent, Scenario, Wait, laid_out
from nodesim.shrink import RUNS_MAX, shrink
from nodesim.workload import ContainerSpec, PodSpec


def pod(number: int) -> PodSpec:
    """Return a pod with a number."""
    return PodSpec(f"p{number}", (ContainerSpec("c"),))


BEFORE = Wait(8.0)
CAUSE = RestartAgent(away_s=3.0)
LONG = Scenario(
    "laptop",
    (
        *(Apply((pod(number),)) for number in range(20)),
        Apply(tuple(pod(number) for number in range(40, 56))),
        *(Wait(1.0) for _ in range(20)),
        CAUSE,
        BEFORE,
        Delete(tuple(f"default/p{number}" for number in range(8))),
        *(Wait(1.0) for _ in range(20)),
    ),
    runtime="containerd-2.3",
    settings=(("cpus.min_shared", "1"),),
)


class Judge:
    """Runs nothing; tells by the actions alone whether a scenario fails."""

    def __init__(self, fails: Callable[[list[Action]], bool]) -> None:
        self.tried: list[Scenario] = []
        self.failed: list[Scenario] = []
        self._fails = fails

    def __call__(self, scenario: Scenario) -> bool:
        """Tell whether a scenario fails."""
        self.tried.append(scenario)
        fails = self._fails(list(laid_out(scenario.actions)))
        if fails:
            self.failed.append(scenario)
        return fails


def names(actions: list[Action]) -> set[str]:
    """Return the names of all pods that are applied."""
    return {one.name for action in actions if isinstance(action, Apply) for one in action.pods}


def needs_two(actions: list[Action]) -> bool:
    """Fail with one pod of a large crowd before a restart, and a deletion of one pod."""
    deleted = {name for one in actions if isinstance(one, Delete) for name in one.names}
    return "p47" in names(actions) and CAUSE in actions and "default/p5" in deleted


def test_a_known_cause_is_found_with_few_runs() -> None:
    """Nothing of 64 actions is left but the three that matter, each as small as it can be."""
    judge = Judge(needs_two)

    short = shrink(LONG, judge)

    assert short.actions == (Apply((pod(47),)), CAUSE, Delete(("default/p5",)))
    assert len(judge.tried) <= 100


def test_what_is_no_action_stays_as_it_is() -> None:
    """Machine, runtime, settings and tail are part of the cause, for all we know."""
    short = shrink(LONG, Judge(needs_two))

    kept = (short.machine, short.runtime, short.settings, short.tail_s)
    assert kept == (LONG.machine, LONG.runtime, LONG.settings, LONG.tail_s)


def test_the_result_fails_whatever_the_budget() -> None:
    """It is the last one that was seen to fail, or the scenario itself."""
    for budget_runs in (0, 1, 2, 7, 20):
        judge = Judge(needs_two)
        short = shrink(LONG, judge, budget_runs)
        assert len(judge.tried) <= budget_runs
        assert needs_two(list(short.actions))
        assert short == (judge.failed[-1] if judge.failed else LONG)


def test_what_always_fails_needs_no_action() -> None:
    """And the search for that is short."""
    judge = Judge(lambda _: True)
    assert shrink(LONG, judge).actions == ()
    assert len(judge.tried) < 10


def test_what_cannot_be_shortened_stays_whole_within_the_budget() -> None:
    """Each action is needed, and as it is."""
    needed = list(LONG.actions)
    judge = Judge(lambda actions: actions == needed)
    assert shrink(LONG, judge) == LONG
    assert len(judge.tried) <= RUNS_MAX


def test_repetitions_are_laid_out_and_shortened() -> None:
    """Of ten times two are enough."""
    scenario = Scenario("laptop", (Repeat(10, (Wait(0.001), Apply((pod(1),)))),))
    judge = Judge(lambda actions: actions.count(Apply((pod(1),))) >= 2)
    assert shrink(scenario, judge).actions == (Apply((pod(1),)), Apply((pod(1),)))


@pytest.mark.parametrize("at_least_s", [0.001, 0.7, 8.0])
def test_waits_become_shorter(at_least_s: float) -> None:
    """Down to less than twice what is needed."""
    scenario = Scenario("laptop", (Wait(8.0),))
    judge = Judge(
        lambda actions: sum(one.seconds for one in actions if isinstance(one, Wait)) >= at_least_s
    )
    (wait,) = shrink(scenario, judge).actions
    assert isinstance(wait, Wait)
    assert at_least_s <= wait.seconds < max(2 * at_least_s, 0.002)
