"""Storms: pods, deletions, restarts and faults, all drawn from one seed.

A storm is a scenario like any other: what is random in it is drawn here, before it runs. So
it can be written to a file, shortened, and run again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from nodesim import machines
from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Fault,
    FaultKind,
    Offline,
    Online,
    OtherPluginKind,
    Resize,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
    laid_out,
)
from nodesim.kernel import CgroupVersion
from nodesim.runtimes import RUNTIMES
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    FORBID_ANNOTATION,
    NUMA_ANNOTATION,
    SMT_ANNOTATION,
    CpuSet,
    Numa,
    Smt,
)

CROWDS = (6, 16, 40)
"""The most pods that live at one time; one of these, by the seed."""

WHOLE_MAX = 8
"""The most whole cpus that one container of a storm asks for."""

MIB = 1 << 20

ASKED_EVENTS = ("", "CREATE_CONTAINER", "UPDATE_CONTAINER", "STOP_CONTAINER", "SYNCHRONIZE")
"""The events that faults wait for; empty: any."""

TOLD_EVENTS = (*ASKED_EVENTS, "POST_START_CONTAINER", "REMOVE_CONTAINER", "STOP_POD_SANDBOX")

SWAPPABLE = ("STOP_CONTAINER", "REMOVE_CONTAINER", "POST_START_CONTAINER", "STOP_POD_SANDBOX")
"""The events that can come late."""


OTHER_PLUGINS = {
    OtherPluginKind.NONE: 8,
    OtherPluginKind.QUIET: 1,
    OtherPluginKind.SLOW: 1,
}
"""How often there is which second plugin. Beside one that pins as well there are no pods."""


def storm(machine: str, seed: int, events: int, *, faults: bool = True) -> Scenario:
    """Draw a storm.

    Args:
        machine: Name or file of the machine.
        seed: The seed; the same seed on the same machine draws the same storm.
        events: About how many lifecycle events it has.
        faults: Whether things break, restart and go offline in it.

    Returns:
        The storm as a scenario; at its end all pods are deleted.

    Raises:
        UnknownMachine: There is no such machine.
    """
    # A seed, not a secret: the same storm must come again.
    random = Random(f"storm {seed}")  # noqa: S311
    # What came later has a stream of its own: seeds that people have kept draw the same actions.
    node = Random(f"node of storm {seed}")  # noqa: S311  # a seed, not a secret
    online = machines.find(machine).online
    brewing = _Brewing(random, online, random.choice(CROWDS), faults=faults)
    while brewing.events < events:
        brewing.stir()
    return Scenario(
        machine,
        (*brewing.actions, Wait(1.0), Online(online), Delete(("*",), grace_s=0.0)),
        runtime=random.choice(tuple(RUNTIMES)),
        settings=_settings(random, online),
        other_plugin=node.choices(tuple(OTHER_PLUGINS), tuple(OTHER_PLUGINS.values()))[0],
        cgroup=node.choice(tuple(CgroupVersion)),
    )


def disturb(scenario: Scenario, seed: int) -> Scenario:
    """Let things break and restart between the actions of a scenario.

    Args:
        scenario: The scenario.
        seed: Draws what breaks, and when.

    Returns:
        The scenario with more actions in it.
    """
    random = Random(f"disturb {seed}")  # noqa: S311  # a seed, not a secret

    def disturbed() -> Iterator[Action]:
        for action in laid_out(scenario.actions):
            if isinstance(action, Wait) and action.seconds > 0:
                before_s = round(random.uniform(0, action.seconds), 3)
                yield Wait(before_s)
                yield from _trouble(random)
                yield Wait(round(action.seconds - before_s, 3))
            else:
                yield action
                if random.random() < 1 / 3:
                    yield from _trouble(random)

    return replace(scenario, actions=tuple(disturbed()))


def _settings(random: Random, online: CpuSet) -> tuple[tuple[str, str], ...]:
    """Draw the agent's settings: most often none."""
    if len(online) < 4 or random.random() < 2 / 3:
        return ()
    chosen = [("cpus.min_shared", str(random.randint(1, 2)))]
    if random.random() < 0.5:
        chosen.append(("cpus.reserved", str(CpuSet.of([online.lowest]))))
    return tuple(chosen)


def _trouble(random: Random) -> list[Action]:
    """Draw something that goes wrong."""
    if random.random() < 0.25:
        return [_restart(random)]
    kind = random.choice(tuple(FaultKind))
    match kind:
        case FaultKind.CUT | FaultKind.CUT_BEFORE | FaultKind.HALF_FRAME:
            fault = Fault(kind, random.choice(ASKED_EVENTS))
        case FaultKind.DELAY:
            fault = Fault(kind, random.choice(ASKED_EVENTS[:-1]))
        case FaultKind.DUPLICATE:
            fault = Fault(kind, random.choice(TOLD_EVENTS), random.randint(1, 3))
        case FaultKind.SWAP:
            fault = Fault(kind, random.choice(SWAPPABLE), random.randint(1, 3))
        case FaultKind.CLOCK_JUMP:
            fault = Fault(kind, seconds=random.choice((0.5, 5.0, 60.0)))
        case _:
            fault = Fault(kind, count=random.choice((1, 1, 1, 3, 10)))
    return [Break(fault)]


def _restart(random: Random) -> Action:
    away_s = random.choice((0.0, 0.2, 1.0, 5.0))
    if random.random() < 1 / 3:
        return RestartRuntime(max(away_s, 0.2))
    random.random()  # once more than is needed: seeds that people have kept draw the same storms
    return RestartAgent(away_s)


class _Brewing:
    """A storm in the making.

    Args:
        random: Where chance comes from.
        online: The machine's cpus.
        crowd: The most pods at one time.
        faults: Whether things go wrong.

    Attributes:
        actions: The actions so far.
        events: About how many lifecycle events they lead to.
    """

    def __init__(self, random: Random, online: CpuSet, crowd: int, *, faults: bool) -> None:
        self.actions: list[Action] = []
        self.events = 0
        self._random = random
        self._cpus = tuple(online)
        self._offline = CpuSet.EMPTY
        self._crowd = crowd
        self._faults = faults
        self._live: dict[str, PodSpec] = {}

    def stir(self) -> None:
        """Let something happen."""
        steps = [self._create, self._wait, self._delete, self._recreate, self._resize]
        weights = [30, 30, 10, 10, 8]
        if self._faults:
            steps += [self._break, self._plug]
            weights += [6, 1]
        self._random.choices(steps, weights)[0]()

    # ---- steps ----

    def _create(self) -> None:
        free = self._crowd - len(self._live)
        if free <= 0:
            self._delete()
            return
        # Names are few, so that pods come again under the name of one that is still ending.
        names = [name for name in range(2 * self._crowd) if f"default/pod-{name}" not in self._live]
        chosen = self._random.sample(names, self._random.randint(1, min(free, 8)))
        self._apply([self._pod(f"pod-{name}") for name in chosen])

    def _wait(self) -> None:
        scale_s = self._random.choices((0.02, 0.3, 3.0, 20.0), (40, 40, 15, 5))[0]
        self.actions.append(Wait(round(self._random.uniform(0, scale_s), 3)))

    def _delete(self) -> None:
        self._end(self._some(), force=self._random.random() < 0.5)

    def _recreate(self) -> None:
        """Delete pods by force, all at once, and create them again at the same instant."""
        names = list(self._live) if self._random.random() < 0.5 else self._some()
        pods = [self._live[name] for name in names]
        self._end(names, force=True)
        self._apply(pods)

    def _resize(self) -> None:
        for name in self._some()[:1]:
            container = self._random.choice(self._live[name].containers)
            resources = self._resources(whole=self._random.random() < 0.7)
            self.actions.append(Resize(f"{name}/{container.name}", resources))
            self.events += 1

    def _break(self) -> None:
        self.actions += _trouble(self._random)

    def _plug(self) -> None:
        """Take cpus offline, or bring all back."""
        if self._offline or len(self._cpus) < 4:
            self.actions.append(Online(self._offline))
            self._offline = CpuSet.EMPTY
        else:
            count = self._random.randint(1, max(1, len(self._cpus) // 4))
            self._offline = CpuSet.of(self._random.sample(self._cpus[1:], count))
            self.actions.append(Offline(self._offline))

    # ---- pods ----

    def _apply(self, pods: Sequence[PodSpec]) -> None:
        if pods:
            self.actions.append(Apply(tuple(pods)))
            self._live.update((pod.key, pod) for pod in pods)
            # A pod has 3 events and 6 for each container, if it is not refused and is not
            # deleted before it has started: two in five come to all of them.
            self.events += sum(3 + 6 * len(pod.containers) for pod in pods) * 2 // 5

    def _end(self, names: Sequence[str], *, force: bool) -> None:
        if names:
            self.actions.append(Delete(tuple(names), grace_s=0.0 if force else None, force=force))
            for name in names:
                del self._live[name]

    def _some(self) -> list[str]:
        count = min(len(self._live), self._random.randint(1, 8))
        return self._random.sample(list(self._live), count)

    def _pod(self, name: str) -> PodSpec:
        random = self._random
        whole = random.random() < 0.5
        containers = [
            ContainerSpec(
                f"c{number}",
                self._resources(whole=whole),
                life_s=round(random.uniform(0, 10), 3) if random.random() < 0.2 else None,
                exit_code=int(random.random() < 0.2),
                heeds_term=random.random() < 0.5,
            )
            for number in range(random.choices((1, 2, 3), (80, 15, 5))[0])
        ]
        if random.random() < 0.1:
            first = ContainerSpec(
                "first", self._resources(whole=whole), ContainerKind.INIT, life_s=0.5
            )
            containers.insert(0, first)
        if random.random() < 0.1:
            beside = ContainerSpec("beside", self._resources(whole=whole), ContainerKind.SIDECAR)
            containers.insert(0, beside)
        return PodSpec(
            name,
            tuple(containers),
            annotations=self._annotations(),
            restart_policy=random.choice(tuple(RestartPolicy)),
            grace_s=random.choice((1.0, 5.0)),
        )

    def _annotations(self) -> dict[str, str]:
        drawn = self._random.random()
        if drawn < 0.02:
            return {CORES_ANNOTATION: self._random.choice(("", "x", "0-4000000000", "7000", "3-1"))}
        if drawn < 0.15:
            return {CORES_ANNOTATION: self._list(4)}
        if drawn < 0.3:
            return {FORBID_ANNOTATION: self._list(max(2, len(self._cpus) // 2))}
        if drawn < 0.37:
            return {SMT_ANNOTATION: str(self._random.choice(tuple(Smt)))}
        if drawn < 0.44:
            return {NUMA_ANNOTATION: str(self._random.choice(tuple(Numa)))}
        return {}

    def _list(self, most: int) -> str:
        """Draw a list of cpus, most often neighbours."""
        count = self._random.randint(1, min(most, len(self._cpus)))
        if self._random.random() < 0.5:
            begin = self._random.randrange(len(self._cpus) - count + 1)
            return str(CpuSet.of(self._cpus[begin : begin + count]))
        return str(CpuSet.of(self._random.sample(self._cpus, count)))

    def _resources(self, *, whole: bool) -> Resources:
        random = self._random
        if whole:
            most = max(1, min(WHOLE_MAX, len(self._cpus) // 3))
            cpu = 1000 * random.randint(1, most) if random.random() < 0.8 else 500
            return Resources(cpu, cpu, 64 * MIB, 64 * MIB)
        if random.random() < 0.3:
            return Resources()
        cpu = random.choice((10, 100, 250, 1000))
        return Resources(cpu, random.choice((0, cpu, 2 * cpu)), 32 * MIB, 64 * MIB)
