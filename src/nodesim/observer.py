"""What a simulated runtime tells: failed calls to its caller, all that happens to an observer."""

from enum import Enum
from typing import Protocol

from nodesim.records import Container
from nodesim.workload import Resources
from nri import Event


class CriError(Exception):
    """A CRI call failed.

    Attributes:
        problem: In the runtime's words.
        by_plugin: Whether a plugin refused.
    """

    def __init__(self, problem: str, *, by_plugin: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.by_plugin = by_plugin

    def __str__(self) -> str:
        return self.problem


class RuntimeAway(CriError):
    """The runtime ended before it answered, or does not run."""

    def __init__(self) -> None:
        super().__init__("the runtime is not there")


class Mishap(Enum):
    """What kept a container from getting what a plugin wanted for it."""

    START = "an update met its start"
    """The runtime has recorded an update that the kernel never saw."""
    LOST = "an update was lost"
    FAILED = "an update failed"
    UNASKED = "no plugin answered its creation"
    UNANSWERED = "no plugin answered its resize"
    LEFT_OUT = "the reply to its resize left it out"


class Observer(Protocol):
    """Who is told of everything that happens, and tells which plugin matters."""

    @property
    def placer(self) -> str | None:
        """Name of the plugin that places containers; None: any does.

        What another plugin answers is no answer to where a container runs, and no fault
        strikes it.
        """

    def event(self, event: Event, subject: str) -> None:
        """A lifecycle event happens; plugins that subscribe are told."""

    def made(self, container: Container) -> None:
        """A container has a cgroup from now on."""

    def started(self, container: Container) -> None:
        """Plugins were told that a container runs."""

    def resized(self, container: Container, resources: Resources, *, answered: bool) -> None:
        """A container's new resources are about to be applied; a plugin may have had a say."""

    def exited(self, container: Container) -> None:
        """A container's process is gone."""

    def noticed(self, container: Container) -> None:
        """The runtime shows that a container's process is gone."""

    def mishap(self, container: Container, mishap: Mishap) -> None:
        """Something kept a container from getting what a plugin wanted for it."""

    def plugin_synchronized(self, name: str) -> None:
        """A plugin is at work."""

    def plugin_left(self, name: str, reason: str) -> None:
        """A plugin is gone."""

    def plugin_forgotten(self, name: str) -> None:
        """A plugin's connection is kept, and it is never called again."""
