"""Storms come again by their seed, are as large as asked, and suit every machine."""

import pytest

from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Offline,
    Online,
    OtherPluginKind,
    Resize,
    Scenario,
    Wait,
)
from nodesim.kernel import CgroupVersion
from nodesim.machines import MACHINES, UnknownMachine
from nodesim.runtimes import RUNTIMES
from nodesim.simulation import Simulation
from nodesim.storm import CROWDS, OTHER_PLUGINS, disturb, storm
from nodesim.workload import ContainerSpec, PodSpec
from weka_cpuset import settings

MACHINE = "2x8-smt2"
SEEDS = range(8)


def test_the_same_seed_draws_the_same_storm() -> None:
    """And another seed or machine another one."""
    assert storm(MACHINE, 1, 500) == storm(MACHINE, 1, 500)
    assert len({repr(storm(MACHINE, seed, 100)) for seed in SEEDS}) == len(SEEDS)
    assert storm(MACHINE, 1, 500).actions != storm("laptop", 1, 500).actions


def test_a_larger_storm_begins_like_a_smaller_one() -> None:
    """What is drawn does not depend on how long it goes on."""
    small, large = storm(MACHINE, 3, 200), storm(MACHINE, 3, 400)
    own = small.actions[:-3]
    assert large.actions[: len(own)] == own


@pytest.mark.parametrize("machine", ["1x2", "laptop"])
def test_storms_have_about_as_many_events_as_asked(machine: str) -> None:
    """At least half of them."""
    for seed in range(3):
        report = Simulation(storm(machine, seed, 100, faults=False)).run()
        assert report.events >= 50, seed


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_has_storms(machine: str) -> None:
    """Also one of two cpus: cpus in actions are the machine's, and one is always left."""
    online = MACHINES[machine].online
    for seed in SEEDS:
        for action in storm(machine, seed, 300).actions:
            match action:
                case Offline(cpus):
                    assert cpus < online
                case Online(cpus):
                    assert cpus <= online
                case _:
                    pass


def test_at_the_end_everything_is_as_in_the_beginning() -> None:
    """All cpus are back, and all pods are deleted."""
    for seed in SEEDS:
        online, delete = storm(MACHINE, seed, 100).actions[-2:]
        assert online == Online(MACHINES[MACHINE].online)
        assert delete == Delete(("*",), grace_s=0.0)


def test_a_storm_names_only_pods_that_are_there() -> None:
    """Nothing is applied twice or deleted after it is gone, and the crowd is bounded."""
    for seed in SEEDS:
        live: set[str] = set()
        for action in storm(MACHINE, seed, 500).actions[:-1]:
            match action:
                case Apply(pods):
                    keys = {pod.key for pod in pods}
                    assert len(keys) == len(pods)
                    assert live.isdisjoint(keys)
                    live |= keys
                case Delete(names):
                    assert live.issuperset(names)
                    live -= set(names)
                case Resize(container):
                    assert container.rpartition("/")[0] in live
                case _:
                    pass
            assert len(live) <= max(CROWDS)


def test_without_faults_only_pods_come_and_go() -> None:
    """Nothing breaks, nothing restarts and no cpu goes."""
    for seed in SEEDS:
        actions = storm(MACHINE, seed, 300, faults=False).actions
        kinds = {type(action) for action in actions[:-2]}
        assert kinds <= {Apply, Delete, Resize, Wait}


def test_storms_draw_every_kind_of_action_runtime_and_setting() -> None:
    """Over some seeds nothing is left out, and all that is drawn is allowed."""
    drawn = [storm(MACHINE, seed, 400) for seed in range(40)]
    assert {one.runtime for one in drawn} == set(RUNTIMES)
    assert {len(one.settings) for one in drawn} == {0, 1, 2}
    assert {one.other_plugin for one in drawn} == set(OTHER_PLUGINS)
    assert {one.cgroup for one in drawn} == set(CgroupVersion)
    for one in drawn:
        settings.load(None, {}, dict(one.settings))
    kinds = {type(action).__name__ for one in drawn for action in one.actions}
    assert kinds >= {"Break", "RestartAgent", "RestartRuntime", "Offline", "Resize"}


def test_an_unknown_machine_is_told() -> None:
    """By its own error."""
    with pytest.raises(UnknownMachine):
        storm("no-such-machine", 1, 10)


# ---- disturb ----

POD = PodSpec("a", (ContainerSpec("c"),))
CALM = Scenario(
    "laptop",
    (Apply((POD,)), Wait(2.0), Wait(0.0), Delete(("*",)), Wait(1.5)),
    runtime="containerd-2.4",
    settings=(("cpus.min_shared", "1"),),
    tail_s=3.0,
    other_plugin=OtherPluginKind.QUIET,
)


def own(actions: tuple[Action, ...]) -> list[Action]:
    """Leave out what was added, and waits."""
    return [one for one in actions if isinstance(one, Apply | Delete)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_disturbed_scenario_keeps_its_own_actions_and_times(seed: int) -> None:
    """In their order, with the same time between them; something is added."""
    disturbed = disturb(CALM, seed)

    assert own(disturbed.actions) == own(CALM.actions)
    waits = [one.seconds for one in disturbed.actions if isinstance(one, Wait)]
    assert sum(waits) == pytest.approx(3.5)
    assert min(waits) >= 0
    deletion = disturbed.actions.index(Delete(("*",)))
    before = [one.seconds for one in disturbed.actions[:deletion] if isinstance(one, Wait)]
    assert sum(before) == pytest.approx(2.0)
    added = [one for one in disturbed.actions if not isinstance(one, Apply | Delete | Wait)]
    assert len(added) >= 2
    kept = ("machine", "runtime", "settings", "tail_s", "other_plugin")
    assert [getattr(disturbed, name) for name in kept] == [getattr(CALM, name) for name in kept]


def test_the_same_seed_disturbs_in_the_same_way() -> None:
    """And another seed in another way."""
    assert disturb(CALM, 1) == disturb(CALM, 1)
    assert len({repr(disturb(CALM, seed)) for seed in SEEDS}) > 1
    assert any(isinstance(one, Break) for seed in SEEDS for one in disturb(CALM, seed).actions)
