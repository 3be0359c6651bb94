"""Plays a scene on one runtime, and writes down what can be seen of it."""

import asyncio
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from nri import Event
from tests.e2e.differential.scenes import Scene
from tests.e2e.differential.steps import (
    Answer,
    AwaitExit,
    Call,
    Create,
    Disturbance,
    Hang,
    Kill,
    Push,
    Remove,
    RemovePod,
    Resize,
    RunPod,
    Start,
    StartAgent,
    StartPlugin,
    StartRuntime,
    Step,
    Stop,
    StopAgent,
    StopPlugin,
    StopPod,
    StopRuntime,
    Together,
)
from tests.e2e.differential.witness import Witness

PUSH_TIMEOUT_S = 5.0
"""How long the plugin waits for the answer to an update that nobody asked for, in seconds."""

_BY_CHANCE = re.compile(r"(STOP_CONTAINER \S+)(?: RUNNING| STOPPED)?| cpus=\S+(?: mems=\S+)?")
"""What depends on the order of calls; what is kept of it is the first group."""


class CallFailed(Exception):
    """A call failed, whatever the words."""


class Stage(Protocol):
    """A runtime, simulated or real, on which scenes are played.

    A method that makes a call raises CallFailed if the runtime answers with an error.
    """

    witness: Witness

    async def run_pod(self, pod: str) -> None:
        """Make a pod's sandbox."""

    async def create(self, container: str) -> None:
        """Create a container."""

    async def start(self, container: str) -> None:
        """Start a container."""

    async def resize(self, container: str, cpu_limit: str) -> None:
        """Change a container's cpu limit."""

    async def stop(self, container: str, grace_s: int) -> None:
        """Stop a container."""

    async def remove(self, container: str) -> None:
        """Remove a container."""

    async def stop_pod(self, pod: str) -> None:
        """Stop a pod's sandbox."""

    async def remove_pod(self, pod: str) -> None:
        """Remove a pod's sandbox."""

    async def await_exit(self, container: str) -> None:
        """Wait until a container has ended by itself, as far as the runtime shows it."""

    async def kill(self, container: str) -> None:
        """Kill a container's process."""

    async def stop_plugin(self) -> None:
        """End the plugin's connection."""

    async def start_plugin(self) -> None:
        """Connect the plugin; return when it has been synchronized."""

    async def hang(self, event: Event) -> None:
        """Let the plugin answer the next event of a kind too late."""

    async def push(self, updates: Mapping[str, str]) -> None:
        """Let the plugin update containers outside of any reply."""

    async def start_agent(self) -> None:
        """Start the agent; return when it has been synchronized."""

    async def stop_agent(self, *, kill: bool) -> None:
        """Ask the agent to end, or kill it."""

    async def stop_runtime(self) -> None:
        """Kill the runtime."""

    async def start_runtime(self) -> None:
        """Start the runtime again; return when agent and plugin are at work, if they were."""

    async def settle(self, before: int, expected: "Played | None") -> None:
        """Wait until nothing happens any more.

        Args:
            before: How many events had been heard before the step.
            expected: What was seen of it elsewhere; it is waited for, for a while.
        """

    async def look(self) -> list[str]:
        """Return what runtime and kernel show of each pod and container, in order."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was seen of one step.

    Attributes:
        title: The step.
        events: What the plugin heard, in order; where that is left to chance, in the order of
            the subjects' names.
        results: How the calls ended.
        shown: What runtime and kernel show afterwards.
    """

    title: str
    events: tuple[str, ...]
    results: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """All that was seen."""
        return self.events + self.results + self.shown


async def play(scene: Scene, stage: Stage, expected: tuple[Played, ...] = ()) -> tuple[Played, ...]:
    """Play a scene.

    Args:
        scene: The scene.
        stage: Where; its runtime runs, the plugin is not connected yet.
        expected: What was seen elsewhere; only how long is waited depends on it.
    """
    played = []
    steps: tuple[Step, ...] = (StartPlugin(), *scene.steps)
    for number, step in enumerate(steps):
        heard = len(stage.witness.heard)
        results = await _do(stage, step)
        there = expected[number] if expected else None
        await stage.settle(heard, there)
        events = _ordered(step, stage.witness.heard[heard:])
        shown = tuple(await stage.look())
        played.append(Played(f"{number}. {step}", events, tuple(results), shown))
    return tuple(played)


def _ordered(step: Step, events: Sequence[str]) -> tuple[str, ...]:
    """Bring events whose order is left to chance into the order of the subjects' names.

    Calls that are made together reach the runtime in any order, and so the cpusets that are on
    record between them are left to chance too, and whether the runtime has noticed the end of
    a container before it comes to tell of its stop. containerd goes through the
    containers of a pod in the order of a Go map, which is random.
    """
    if isinstance(step, Together):
        return tuple(sorted((_BY_CHANCE.sub(r"\1", event) for event in events), key=_subject))
    if not isinstance(step, StopPod | RemovePod):
        return tuple(events)
    ordered: list[str] = []
    for of_pod, several in itertools.groupby(events, lambda event: "_POD_" in event):
        ordered += sorted(several, key=(lambda _: "") if of_pod else _subject)
    return tuple(ordered)


def _subject(event: str) -> str:
    return event.split(" ")[1]


async def _do(stage: Stage, step: Step) -> list[str]:
    """Do one step; return how it ended."""
    match step:
        case Together(steps):
            ends = await asyncio.gather(*(_do(stage, one) for one in steps))
            return [line for lines in ends for line in lines]
        case Answer():
            stage.witness.expect(step)
            return []
    try:
        if isinstance(step, Call):
            await _call(stage, step)
        else:
            await _disturb(stage, step)
    except CallFailed:
        return ["the call failed"]
    return ["done"]


async def _call(stage: Stage, step: Call) -> None:
    match step:
        case RunPod(pod):
            await stage.run_pod(pod)
        case Create(container):
            await stage.create(container)
        case Start(container):
            await stage.start(container)
        case Resize(container, cpu_limit):
            await stage.resize(container, cpu_limit)
        case Stop(container, grace_s):
            await stage.stop(container, grace_s)
        case Remove(container):
            await stage.remove(container)
        case StopPod(pod):
            await stage.stop_pod(pod)
        case RemovePod(pod):
            await stage.remove_pod(pod)
        case _ as never:
            assert_never(never)


async def _disturb(stage: Stage, step: Disturbance) -> None:
    match step:
        case AwaitExit(container):
            await stage.await_exit(container)
        case Kill(container):
            await stage.kill(container)
        case StopPlugin():
            await stage.stop_plugin()
        case StartPlugin():
            await stage.start_plugin()
        case Hang(event):
            await stage.hang(event)
        case Push(updates):
            await stage.push(updates)
        case StartAgent():
            await stage.start_agent()
        case StopAgent(kill):
            await stage.stop_agent(kill=kill)
        case StopRuntime():
            await stage.stop_runtime()
        case StartRuntime():
            await stage.start_runtime()
        case _ as never:
            assert_never(never)
