"""What `weka-cpuset simulate` simulates: its options, turned into rounds.

No output here; what the options say about the picture is for `simulate`.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nodesim import documents, machines, manifest, runtimes, scenario
from nodesim.actions import Action, Apply, Delete, Scenario, Wait
from nodesim.fields import Field, InputError
from nodesim.manifest import Ignored
from nodesim.rounds import Round
from nodesim.storm import disturb, storm
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, RestartPolicy

DEFAULT_MACHINE = "2x8-smt2"
"""The machine where nothing names one: 32 cpus in two NUMA nodes."""

DEFAULT_RUNTIME = Scenario.__dataclass_fields__["runtime"].default
"""The runtime where nothing names one."""

RUN_S = 20.0
"""How long pods run where none ends by itself, in simulated seconds."""

LIFE_MAX_S = 3600.0
"""How long the end of a pod is waited for, in simulated seconds; even these are not free."""

START_S = 5.0
"""How long pods may take to start, in simulated seconds, beside what their containers run for."""

FIRST_SEED = 1
"""The first seed where rounds or a storm are asked for and no seed is named."""


class WrongOptions(InputError):
    """The options contradict each other, or something is missing.

    Attributes:
        problem: What is wrong.
        allowed: What would be right.
    """

    def __init__(self, problem: str, allowed: str) -> None:
        super().__init__(problem, allowed)
        self.problem = problem
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.problem}; {self.allowed}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the options say about what is simulated.

    Attributes:
        pods: Files of manifests; `-` is the standard input.
        machine: The machine; None: the scenario's own, or `DEFAULT_MACHINE`.
        scenario: The file of a scenario, or None.
        runtime: The runtime; None: the scenario's own, or the default one.
        seed: The first seed of random faults; None: there are none, unless rounds or a storm
            are asked for.
        rounds: How many runs, one seed each.
        storm: How many events a random storm has; None: no storm.
    """

    pods: tuple[str, ...] = ()
    machine: str | None = None
    scenario: str | None = None
    runtime: str | None = None
    seed: int | None = None
    rounds: int = 1
    storm: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated.

    Attributes:
        machine: The machine's name or file.
        rounds: The runs, made one by one.
        count: How many they are.
        ignored: Documents of the manifests that make no pods.
    """

    machine: str
    rounds: Iterator[Round]
    count: int
    ignored: tuple[Ignored, ...] = ()


def plan_of(wishes: Wishes) -> Plan:
    """Read the files and lay out the rounds.

    Args:
        wishes: What the options say.

    Raises:
        InputError: A file or an option cannot be used.
        UnknownMachine: There is no such machine.
        MachineFileError: The machine's file cannot be used.
        UnknownRuntime: There is no such runtime.
    """
    _check(wishes)
    if wishes.runtime is not None:
        runtimes.find(wishes.runtime)
    first = FIRST_SEED if wishes.seed is None else wishes.seed
    seeds = range(first, first + wishes.rounds)
    if wishes.storm is not None:
        machine = wishes.machine or DEFAULT_MACHINE
        machines.find(machine)
        return Plan(machine, _storms(wishes, machine, wishes.storm, seeds), wishes.rounds)
    one, ignored = _scenario_of(wishes)
    machines.find(one.machine)
    if wishes.seed is None and wishes.rounds == 1:
        return Plan(one.machine, iter([Round(one, None)]), 1, ignored)
    disturbed = (Round(disturb(one, seed), seed) for seed in seeds)
    return Plan(one.machine, disturbed, wishes.rounds, ignored)


def life_of(pods: Sequence[PodSpec]) -> tuple[Action, ...]:
    """Return what is done with pods when nothing else is said.

    They are all created at once. Those that end by themselves are waited for, at most
    `LIFE_MAX_S`; if there are none, all run for `RUN_S`. Then all are deleted.

    Args:
        pods: The pods.
    """
    ends_s = [end_s for pod in pods if (end_s := _end_of(pod)) is not None]
    wait_s = min(LIFE_MAX_S, max(ends_s, default=RUN_S) + START_S)
    return (Apply(tuple(pods)), Wait(wait_s), Delete(("*",)))


def _check(wishes: Wishes) -> None:
    if wishes.storm is None and wishes.scenario is None and not wishes.pods:
        raise WrongOptions(
            "there is nothing to simulate",
            "name files of pods, --scenario FILE or --storm EVENTS",
        )
    if wishes.storm is not None and (wishes.scenario or wishes.pods):
        raise WrongOptions(
            "--storm makes pods and actions of its own",
            "leave out --scenario and files of pods, or leave out --storm",
        )


def _storms(wishes: Wishes, machine: str, events: int, seeds: range) -> Iterator[Round]:
    for seed in seeds:
        one = storm(machine, seed, events)
        if wishes.runtime is not None:
            one = dataclasses.replace(one, runtime=wishes.runtime)
        yield Round(one, seed)


def _scenario_of(wishes: Wishes) -> tuple[Scenario, tuple[Ignored, ...]]:
    """Read the pods and the scenario; pods are applied before the scenario's own actions."""
    pods = pods_of(wishes.pods)
    if wishes.pods and not pods.pods:
        raise WrongOptions(
            f"there are no pods in {', '.join(map(_name_of, wishes.pods))}",
            f"use manifests of kind {', '.join(manifest.KINDS)}",
        )
    if wishes.scenario is None:
        one = Scenario(DEFAULT_MACHINE, life_of(pods.pods))
    else:
        one = scenario.load(Path(wishes.scenario))
        if pods.pods:
            one = dataclasses.replace(one, actions=(Apply(pods.pods), *one.actions))
    one = dataclasses.replace(
        one, machine=wishes.machine or one.machine, runtime=wishes.runtime or one.runtime
    )
    return one, pods.ignored


def pods_of(files: Sequence[str]) -> manifest.Manifest:
    """Read the pods of several files.

    Args:
        files: Files of manifests; `-` is the standard input.

    Raises:
        InputError: One cannot be used.
    """
    trees: list[Field] = []
    for file in files:
        if file == "-":
            data = sys.stdin.buffer.read(documents.FILE_MAX_BYTES + 1)
        else:
            data = documents.read(Path(file))
        trees += documents.parse(data, _name_of(file))
    return manifest.gather(trees)


def _name_of(file: str) -> str:
    return "the standard input" if file == "-" else file


def _end_of(pod: PodSpec) -> float | None:
    """Return after how many seconds a pod has ended by itself; None: never, or in failure."""
    total_s, longest_s = 0.0, 0.0
    for container in pod.containers:
        life_s = container.life_s
        match container.kind:
            case ContainerKind.SIDECAR:
                continue  # ends with the pod
            case ContainerKind.INIT if life_s is not None and not container.exit_code:
                total_s += life_s
            case ContainerKind.APP if life_s is not None and not _starts_again(pod, container):
                longest_s = max(longest_s, life_s)
            case _:
                return None
    return total_s + longest_s


def _starts_again(pod: PodSpec, container: ContainerSpec) -> bool:
    """Tell whether a container is started again when it has ended."""
    failed = container.exit_code != 0
    return pod.restart_policy is RestartPolicy.ALWAYS or (
        failed and pod.restart_policy is RestartPolicy.ON_FAILURE
    )
