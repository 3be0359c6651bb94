"""What is simulated, by the options."""

import io
from pathlib import Path

import pytest

from nodesim.actions import Apply, Break, Delete, RestartAgent, RestartRuntime, Scenario, Wait
from nodesim.fields import InputError
from nodesim.machines import UnknownMachine
from nodesim.plan import (
    DEFAULT_MACHINE,
    LIFE_MAX_S,
    RUN_S,
    Wishes,
    WrongOptions,
    life_of,
    plan_of,
)
from nodesim.runtimes import UnknownRuntime
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, RestartPolicy

POD = """
kind: Pod
metadata: {name: a}
spec: {containers: [{name: main, image: x}]}
"""
SCENARIO = """
machine: laptop
runtime: containerd-2.4
steps: [{wait: 1}]
"""


@pytest.fixture
def pods(tmp_path: Path) -> str:
    """A file with one pod."""
    (tmp_path / "pods.yaml").write_text(POD)
    return str(tmp_path / "pods.yaml")


@pytest.fixture
def steps(tmp_path: Path) -> str:
    """The file of a scenario."""
    (tmp_path / "steps.yaml").write_text(SCENARIO)
    return str(tmp_path / "steps.yaml")


def scenarios(wishes: Wishes) -> list[tuple[Scenario, int | None]]:
    """Return all rounds of a plan."""
    plan = plan_of(wishes)
    rounds = [(one.scenario, one.seed) for one in plan.rounds]
    assert plan.count == len(rounds)
    return rounds


def container(
    life_s: float | None, kind: ContainerKind = ContainerKind.APP, code: int = 0
) -> ContainerSpec:
    """Return a container that lives for so long."""
    return ContainerSpec(f"c-{kind.value}-{life_s}", kind=kind, life_s=life_s, exit_code=code)


def run_s(*pods: PodSpec) -> float:
    """Return how long pods are let run."""
    (wait,) = (one for one in life_of(pods) if isinstance(one, Wait))
    return wait.seconds


def test_pods_alone_are_applied_let_run_and_deleted(pods: str) -> None:
    """That is what somebody wants to see who says nothing else."""
    ((one, seed),) = scenarios(Wishes(pods=(pods,)))

    assert [Apply, Wait, Delete] == [type(action) for action in one.actions]
    assert one.machine == DEFAULT_MACHINE
    assert seed is None


def test_pods_are_applied_before_the_scenario_begins(pods: str, steps: str) -> None:
    """Pods and a scenario together: the scenario is about these pods."""
    ((one, _),) = scenarios(Wishes(pods=(pods,), scenario=steps))

    assert [Apply, Wait] == [type(action) for action in one.actions]
    assert ("laptop", "containerd-2.4") == (one.machine, one.runtime)


def test_options_outweigh_the_scenario(steps: str) -> None:
    """The same scenario can be run on another machine and runtime."""
    ((one, _),) = scenarios(Wishes(scenario=steps, machine="smt4", runtime="containerd-1.7"))

    assert ("smt4", "containerd-1.7") == (one.machine, one.runtime)


def test_pods_of_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads what another program prints."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(POD.encode())))

    ((one, _),) = scenarios(Wishes(pods=("-",)))

    assert isinstance(one.actions[0], Apply)
    assert ["default/a"] == [pod.key for pod in one.actions[0].pods]


def test_each_round_has_a_seed_of_its_own(pods: str) -> None:
    """Rounds count on from the seed, and each breaks other things."""
    rounds = scenarios(Wishes(pods=(pods,), seed=7, rounds=20))

    assert list(range(7, 27)) == [seed for _, seed in rounds]
    trouble = {
        tuple(
            one
            for one in scenario.actions
            if isinstance(one, Break | RestartAgent | RestartRuntime)
        )
        for scenario, _ in rounds
    }
    assert len(trouble) > 1


def test_the_same_seed_is_the_same_plan(pods: str) -> None:
    """Twice the same options, twice the same."""
    wishes = (Wishes(pods=(pods,), seed=3), Wishes(storm=50, seed=3, machine="laptop"))
    for wish in wishes:
        assert scenarios(wish) == scenarios(wish)


def test_a_storm_is_as_long_as_it_is_asked_for() -> None:
    """A storm needs no files; its machine and runtime can be chosen."""
    ((short, seed),) = scenarios(Wishes(storm=20, machine="laptop", runtime="containerd-2.3"))
    ((long, _),) = scenarios(Wishes(storm=200, machine="laptop"))

    assert seed is not None
    assert ("laptop", "containerd-2.3") == (short.machine, short.runtime)
    assert len(long.actions) > len(short.actions)


def test_documents_that_make_no_pods_are_told(tmp_path: Path) -> None:
    """A manifest may have anything in it."""
    file = tmp_path / "all.yaml"
    file.write_text(f"{POD}---\nkind: Service\nmetadata: {{name: web}}\n")

    assert ["Service web"] == [str(one) for one in plan_of(Wishes(pods=(str(file),))).ignored]


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        (Wishes(), WrongOptions),
        (Wishes(storm=5, scenario="s.yaml"), WrongOptions),
        (Wishes(storm=5, pods=("p.yaml",)), WrongOptions),
        (Wishes(storm=5, machine="nowhere"), UnknownMachine),
        (Wishes(storm=5, runtime="docker"), UnknownRuntime),
        (Wishes(pods=("no-such-file.yaml",)), InputError),
        (Wishes(scenario="no-such-file.yaml"), InputError),
    ],
)
def test_wrong_input_is_an_error_at_once(wishes: Wishes, error: type[Exception]) -> None:
    """Before anything runs, and in one line."""
    with pytest.raises(error) as caught:
        plan_of(wishes)

    assert "\n" not in str(caught.value)


def test_two_pods_of_the_same_name_are_an_error(pods: str) -> None:
    """Also when they are in different files."""
    with pytest.raises(InputError, match="default/a"):
        plan_of(Wishes(pods=(pods, pods)))


def test_files_without_pods_are_an_error(tmp_path: Path) -> None:
    """Nothing would be simulated."""
    (tmp_path / "empty.yaml").write_text("")

    with pytest.raises(WrongOptions, match=r"empty\.yaml"):
        plan_of(Wishes(pods=(str(tmp_path / "empty.yaml"),)))


def test_the_end_of_pods_is_waited_for() -> None:
    """Init containers run one after the other, app containers side by side."""
    pod = PodSpec(
        "job",
        (
            container(3.0, ContainerKind.INIT),
            container(4.0, ContainerKind.INIT),
            container(None, ContainerKind.SIDECAR),
            container(10.0),
            container(20.0),
        ),
        restart_policy=RestartPolicy.NEVER,
    )

    assert 27.0 < run_s(pod) < 40.0
    assert run_s(pod, PodSpec("server", (container(None),))) == run_s(pod)


@pytest.mark.parametrize(
    "pod",
    [
        PodSpec("server", (container(None),)),
        PodSpec("again", (container(1.0),)),
        PodSpec("fails", (container(1.0, code=1),), restart_policy=RestartPolicy.ON_FAILURE),
        PodSpec("stuck", (container(1.0, ContainerKind.INIT, 1), container(1.0))),
    ],
    ids=lambda pod: pod.name,
)
def test_pods_without_an_end_run_for_a_while(pod: PodSpec) -> None:
    """Long enough to be seen."""
    assert run_s(pod) >= RUN_S


def test_nobody_waits_for_a_year() -> None:
    """A pod that sleeps for a year is deleted before."""
    pod = PodSpec("long", (container(3e7),), restart_policy=RestartPolicy.NEVER)

    assert run_s(pod) == LIFE_MAX_S
