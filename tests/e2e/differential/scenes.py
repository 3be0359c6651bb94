"""Scenes at the level of CRI calls, played on the simulated and on the real runtime alike.

A scene says which pods there are, which calls are made in which order, and what the plugin
answers. All is made for a machine with the cpus 0 and 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from nri import Event
from tests.e2e.differential.steps import (
    Answer,
    AwaitExit,
    Create,
    Hang,
    Kill,
    Push,
    Remove,
    RemovePod,
    Resize,
    RunPod,
    Start,
    StartPlugin,
    StartRuntime,
    Step,
    Stop,
    StopPlugin,
    StopPod,
    StopRuntime,
    Together,
)
from tests.e2e.pods import DEAF, SLEEP, ContainerSpec, PodSpec

NO_PROGRAM: Final = ("/no/such/program",)
BRIEF: Final = ("sleep", "0.5")
"""Ends by itself when it has run for half a second."""
IDS: Final = "weka.io/cores-ids"


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene.

    Attributes:
        name: What it is about.
        pods: All pods that take part.
        steps: What is done, one after the other. The plugin is connected from the start.
        pins: What the plugin gives to new containers, by name; others get nothing.
        plays: The end-to-end tests whose pods and calls these are. The agent is at work then,
            and the plugin only listens.
    """

    name: str
    pods: tuple[PodSpec, ...]
    steps: tuple[Step, ...]
    pins: Mapping[str, str] = field(default_factory=dict)
    plays: tuple[str, ...] = ()

    def pod(self, name: str) -> PodSpec:
        """Return the pod of a name."""
        return next(one for one in self.pods if one.name == name)

    def find(self, container: str) -> tuple[PodSpec, ContainerSpec]:
        """Return the pod and the container that are meant by `pod/container`."""
        pod_name, _, name = container.partition("/")
        pod = self.pod(pod_name)
        return pod, next(one for one in pod.containers if one.name == name)


def _pod(name: str, *containers: ContainerSpec) -> PodSpec:
    return PodSpec(name, containers or (_shared("a"),), uid=f"uid-{name}")


def _shared(name: str, command: tuple[str, ...] = SLEEP) -> ContainerSpec:
    return ContainerSpec(name, "50m", "100m", "50Mi", "50Mi", command)


def _integer(name: str, command: tuple[str, ...] = SLEEP) -> ContainerSpec:
    return ContainerSpec(
        name, cpu_limit="1", memory_limit="100Mi", memory_request="100Mi", command=command
    )


_UP = (RunPod("p"), Create("p/a"), Start("p/a"))
_DOWN = (StopPod("p"), RemovePod("p"))
_UP_2 = (RunPod("q"), Create("q/a"), Start("q/a"))
_DOWN_2 = (StopPod("q"), RemovePod("q"))
_TWO = _pod("p", _shared("a"), _shared("b"))
_UP_TWO = (*_UP, Create("p/b"), Start("p/b"))
_NOTE = replace(_pod("p", _integer("a")), annotations={IDS: "1", "example.com/note": "x"})

SCENES: Final = (
    Scene(
        "life of a pod",
        (_pod("p"),),
        (*_UP, Stop("p/a"), Remove("p/a"), *_DOWN),
        {"p/a": "0"},
    ),
    Scene(
        "each class of quality of service",
        (
            _NOTE,
            _pod("q", ContainerSpec("a")),
            _pod("r", _shared("a"), _integer("b")),
        ),
        (
            *_UP,
            *_UP_2,
            RunPod("r"),
            Create("r/a"),
            Create("r/b"),
            *_DOWN,
            *_DOWN_2,
            StopPod("r"),
            RemovePod("r"),
        ),
        {"p/a": "1"},
    ),
    Scene(
        "everything called twice",
        (_pod("p"),),
        (
            *_UP,
            Stop("p/a"),
            Stop("p/a"),
            Remove("p/a"),
            Remove("p/a"),
            StopPod("p"),
            *_DOWN,
            RemovePod("p"),
        ),
    ),
    Scene("deaf to SIGTERM", (_pod("p", _shared("a", DEAF)),), (*_UP, Stop("p/a", 1), *_DOWN)),
    Scene("stopped when it is only created", (_pod("p"),), (*_UP[:2], Stop("p/a"), *_DOWN)),
    Scene("removed when it is only created", (_pod("p"),), (*_UP[:2], Remove("p/a"), *_DOWN)),
    Scene("removed when it runs", (_pod("p"),), (*_UP, Remove("p/a"), *_DOWN)),
    Scene(
        "pod removed with containers in every state",
        (_pod("p", _shared("a"), _shared("b"), _shared("c", BRIEF)),),
        (*_UP, Create("p/b"), Create("p/c"), Start("p/c"), AwaitExit("p/c"), RemovePod("p")),
    ),
    Scene(
        "natural end",
        (_pod("p", _integer("a", BRIEF)),),
        (*_UP, AwaitExit("p/a"), Stop("p/a"), Remove("p/a"), *_DOWN),
        {"p/a": "0"},
    ),
    Scene(
        "reply to a natural end",
        (_pod("p", _integer("a", BRIEF)), _pod("q")),
        (
            *_UP_2,
            *_UP[:2],
            # Before the start: it ends by itself while the start is still being looked at.
            Answer(Event.STOP_CONTAINER, updates={"q/a": "0-1"}),
            *_UP[2:],
            AwaitExit("p/a"),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "q/a": "1"},
    ),
    Scene("killed from outside", (_pod("p"),), (*_UP, Kill("p/a"), AwaitExit("p/a"), *_DOWN)),
    Scene(
        "failed start and the next attempt",
        (_pod("p", _integer("a", NO_PROGRAM)),),
        (*_UP, Create("p/a"), *_DOWN),
        {"p/a": "0"},
    ),
    Scene(
        "impossible cpus",
        (_pod("p"),),
        (RunPod("p"), Answer(Event.CREATE_CONTAINER, cpus="9"), *_UP[1:], Remove("p/a"), *_DOWN),
    ),
    Scene(
        "refused creation",
        (_pod("p"), _pod("q")),
        (
            *_UP_2,
            RunPod("p"),
            Answer(Event.CREATE_CONTAINER, refusal="no room"),
            Create("p/a"),
            *_UP[1:],
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0"},
    ),
    Scene(
        "creation changes others",
        (_pod("p", _integer("a")), _pod("q"), _pod("r")),
        (
            *_UP_2,
            RunPod("r"),
            Create("r/a"),
            RunPod("p"),
            Answer(Event.CREATE_CONTAINER, "0", updates={"q/a": "1", "r/a": "1"}),
            *_UP[1:],
            Start("r/a"),
            Answer(Event.STOP_CONTAINER, updates={"r/a": "0-1", "q/a": "0-1"}),
            Stop("p/a"),
            *_DOWN,
            *_DOWN_2,
            StopPod("r"),
            RemovePod("r"),
        ),
    ),
    Scene(
        "updates of what is not there",
        (_pod("p"), _pod("q"), _pod("r", _shared("a", BRIEF))),
        (
            *_UP,
            RunPod("r"),
            Create("r/a"),
            Start("r/a"),
            AwaitExit("r/a"),
            RunPod("q"),
            Answer(Event.CREATE_CONTAINER, "1", updates={"r/a": "0", "gone": "0", "p/a": "0"}),
            *_UP_2[1:],
            *_DOWN,
            *_DOWN_2,
            StopPod("r"),
            RemovePod("r"),
        ),
    ),
    Scene(
        "impossible update",
        (_pod("p"), _pod("q")),
        (
            *_UP,
            RunPod("q"),
            Answer(Event.CREATE_CONTAINER, updates={"p/a": "9"}),
            *_UP_2[1:],
            Answer(Event.UPDATE_CONTAINER),
            Resize("p/a", "200m"),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "1"},
    ),
    Scene(
        "update of the container itself during its creation",
        (_pod("p"),),
        (RunPod("p"), Answer(Event.CREATE_CONTAINER, updates={"p/a": "1"}), Create("p/a"), *_DOWN),
    ),
    Scene(
        "resize",
        (_pod("p", _integer("a")), _pod("q")),
        (
            *_UP,
            *_UP_2,
            Answer(Event.UPDATE_CONTAINER, "0-1", updates={"q/a": "1"}),
            Resize("p/a", "2"),
            Resize("p/a", "2"),
            Answer(Event.UPDATE_CONTAINER, refusal="no room"),
            Resize("p/a", "3"),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "q/a": "0-1"},
    ),
    Scene(
        "resize of what does not run",
        (_pod("p", _shared("a"), _shared("b", BRIEF)),),
        (
            *_UP[:2],
            Create("p/b"),
            Start("p/b"),
            AwaitExit("p/b"),
            Resize("p/a", "200m"),
            Resize("p/b", "200m"),
            Start("p/a"),
            *_DOWN,
        ),
        {"p/a": "0", "p/b": "0"},
    ),
    Scene(
        "two containers, stopped together",
        (_TWO,),
        (*_UP_TWO, Together((Stop("p/a"), Stop("p/b"))), *_DOWN),
        {"p/a": "0", "p/b": "0-1"},
    ),
    Scene("two containers, stopped with their pod", (_TWO,), (*_UP_TWO, StopPod("p"), *_DOWN)),
    Scene(
        "forced deletion of two pods at once",
        (_pod("p", _shared("a", DEAF)), _pod("q")),
        (
            *_UP,
            *_UP_2,
            Together((Stop("p/a"), Stop("q/a"))),
            Together((StopPod("p"), StopPod("q"))),
            Together((RemovePod("p"), RemovePod("q"))),
        ),
        {"p/a": "0", "q/a": "1"},
    ),
    Scene(
        "plugin restarts",
        (_pod("p", _shared("a"), _shared("b")), _pod("q"), _pod("r", _shared("a", BRIEF))),
        (
            *_UP,
            RunPod("r"),
            Create("r/a"),
            Start("r/a"),
            StopPlugin(),
            *_UP_2,
            Create("p/b"),
            AwaitExit("r/a"),
            Answer(None, updates={"p/a": "0-1", "q/a": "1"}),
            StartPlugin(),
            StopPod("r"),
            RemovePod("r"),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "q/a": "0"},
    ),
    Scene(
        "runtime restarts",
        (_pod("p", _shared("a"), _shared("b")), _pod("q", _shared("a", BRIEF))),
        (
            *_UP,
            Create("p/b"),
            *_UP_2,
            AwaitExit("q/a"),
            StopRuntime(),
            StartRuntime(),
            Remove("q/a"),
            Stop("p/a"),
            Remove("p/a"),
            Remove("p/b"),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "p/b": "1"},
    ),
    Scene(
        "container ends while the runtime is away",
        (_pod("p"), _pod("q")),
        (
            *_UP,
            *_UP_2,
            StopRuntime(),
            Kill("p/a"),
            StartRuntime(),
            Stop("p/a"),
            Remove("p/a"),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "q/a": "1"},
    ),
    Scene(
        "pod stopped before the runtime restarts",
        (_pod("p"),),
        (*_UP, StopPod("p"), StopRuntime(), StartRuntime(), *_DOWN),
    ),
    Scene(
        "started when it cannot be",
        (_pod("p", _shared("a"), _shared("b")),),
        (*_UP, Start("p/a"), Stop("p/a"), Start("p/a"), Create("p/b"), Stop("p/b"), *_DOWN),
        {"p/a": "0"},
    ),
    Scene(
        "started after it was stopped",
        (_pod("p"),),
        (*_UP[:2], Stop("p/a"), Start("p/a"), Stop("p/a"), *_DOWN),
    ),
    Scene(
        "plugin restarts after a created container was stopped",
        (_pod("p"),),
        (*_UP[:2], Stop("p/a"), StopPlugin(), StartPlugin(), *_DOWN),
        {"p/a": "0"},
    ),
    Scene(
        "updates that nobody asked for",
        (_pod("p", _shared("a"), _shared("b"), _shared("c", BRIEF)),),
        (
            *_UP,
            Create("p/b"),
            Create("p/c"),
            Start("p/c"),
            AwaitExit("p/c"),
            Push({"p/a": "0", "p/b": "1", "p/c": "1", "gone": "0"}),
            Push({"p/a": "9", "p/b": "0"}),
            Start("p/b"),
            *_DOWN,
        ),
    ),
    Scene(
        "creation is answered too late",
        (_pod("p"), _pod("q")),
        (
            *_UP,
            RunPod("q"),
            Hang(Event.CREATE_CONTAINER),
            Create("q/a"),
            Start("q/a"),
            Answer(None, updates={"q/a": "1"}),
            StartPlugin(),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "q/a": "0"},
    ),
    Scene(
        "resize and stop are answered too late",
        (_pod("p"), _pod("q")),
        (
            *_UP,
            *_UP_2,
            Hang(Event.UPDATE_CONTAINER),
            Resize("q/a", "200m"),
            StartPlugin(),
            Hang(Event.STOP_CONTAINER),
            Answer(Event.STOP_CONTAINER, updates={"p/a": "0-1"}),
            Stop("q/a"),
            StartPlugin(),
            *_DOWN,
            *_DOWN_2,
        ),
        {"p/a": "0", "q/a": "1"},
    ),
    Scene(
        "start is answered too late",
        (_pod("p"),),
        (*_UP[:2], Hang(Event.START_CONTAINER), Start("p/a"), StartPlugin(), *_DOWN),
        {"p/a": "0"},
    ),
    Scene(
        "creation in a stopped pod",
        (_pod("p"),),
        (RunPod("p"), StopPod("p"), Create("p/a"), RemovePod("p")),
    ),
)
