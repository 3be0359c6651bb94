"""A container runtime as a kubelet and a plugin meet it: CRI calls in, NRI events out.

Faithful to containerd in what matters to a plugin: which call leads to which events in which
order, how long things take, which updates reach only the record, what is undone when a
creation fails, what is forgotten over a restart. Durations are those measured on containerd;
the clock is virtual.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from nodesim import clock
from nodesim.actions import FaultKind
from nodesim.event_feed import EventFeed
from nodesim.faults import Faults
from nodesim.inventory import Inventory
from nodesim.kernel import Kernel
from nodesim.kubernetes import CgroupDriver
from nodesim.observer import CriError, Mishap, Observer, RuntimeAway
from nodesim.plugins import Answer, Conflict, EventFailed, Plugins
from nodesim.records import Container, Phase, Sandbox
from nodesim.runtimes import RuntimeKind
from nodesim.updates import Updates
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import Event, messages

_R = TypeVar("_R")

SANDBOX_S = 0.100
"""RunPodSandbox, in seconds (100 to 150 ms on the measured host)."""
CREATE_S = 0.005
"""From the reply to CreateContainer to its record (3 to 8 ms)."""
TASK_S = 0.050
"""From the StartContainer call, which takes the record as it is, to its task, which has its cgroup
(50 ms)."""
START_S = 0.010
"""From the START event to RUNNING (10 ms)."""
EXIT_NOTICE_S = 0.015
"""From the end of a process to its Stop event (within 20 ms)."""


class Runtime:
    """One runtime, over all its restarts.

    Args:
        kind: Which release it is.
        socket: Where plugins connect.
        kernel: What it applies cpusets to.
        faults: What is broken on purpose.
        observer: Who is told of everything.
    """

    def __init__(
        self, kind: RuntimeKind, socket: Path, kernel: Kernel, faults: Faults, observer: Observer
    ) -> None:
        self._kind = kind
        self._socket = socket
        self._kernel = kernel
        self._faults = faults
        self._observer = observer
        self._driver = CgroupDriver.CGROUPFS
        self._numbers = itertools.count(1)
        self._inventory = Inventory()
        self._updates = Updates(self._inventory, kernel, faults, observer)
        self._feed = EventFeed(self._present, self._inventory, self._updates, faults, observer)
        self._delivered_before = 0
        # In order: what ends them all together must do so in the same order each time.
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._plugins: Plugins | None = None

    @property
    def delivered(self) -> int:
        """How many events were sent to plugins."""
        now = self._plugins.delivered if self._plugins is not None else 0
        return self._delivered_before + now

    @property
    def events(self) -> int:
        """How many lifecycle events there were."""
        return self._feed.events

    @property
    def updates(self) -> int:
        """How many updates of other containers were applied."""
        return self._updates.applied

    @property
    def containers(self) -> Iterable[Container]:
        """All containers on record."""
        return self._inventory.containers.values()

    @property
    def sandboxes(self) -> Iterable[Sandbox]:
        """All sandboxes on record."""
        return self._inventory.sandboxes.values()

    @property
    def is_busy(self) -> bool:
        """Whether a call, or the notice of an exit, is under way."""
        return bool(self._tasks)

    def find(self, path: str) -> Container | None:
        """Return the container of a cgroup."""
        return self._inventory.find(path)

    # ---- its own life ----

    def start(self) -> None:
        """Start it, if it does not run; plugins can connect, calls are answered."""
        if self._plugins is not None:
            return
        self._plugins = Plugins(self._kind, self._faults, self)
        self._plugins.open(self._socket)
        for container in self._inventory.in_phase(Phase.EXITED):
            container.show()
            self._observer.noticed(container)

    def stop(self) -> None:
        """End it at once; containers live on, calls under way fail."""
        if self._plugins is None:
            return
        self._delivered_before += self._plugins.delivered
        self._plugins.close()
        self._plugins = None
        for task in self._tasks:
            task.cancel()
        self._feed.forget()
        for container in self._inventory.in_phase(Phase.STARTING):
            self._exit(container, 128)

    # ---- CRI ----

    def sandbox_of(self, uid: str) -> str:
        """Return the id of a pod's sandbox; empty if it has none."""
        return self._inventory.sandbox_of(uid)

    async def run_pod_sandbox(self, spec: PodSpec) -> str:
        """Start a pod's sandbox.

        Returns:
            The sandbox's id.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        return await self._call(self._run_pod_sandbox(spec))

    async def create_container(self, sandbox_id: str, spec: ContainerSpec) -> str:
        """Create a container.

        Returns:
            The container's id.

        Raises:
            CriError: It could not be created, or a plugin refused it.
            RuntimeAway: The runtime is not there.
        """
        return await self._call(self._create(self._inventory.sandbox(sandbox_id), spec))

    async def start_container(self, container_id: str) -> None:
        """Start a created container.

        Raises:
            CriError: It could not be started, or is not there.
            RuntimeAway: The runtime is not there.
        """
        await self._call(self._start(self._inventory.container(container_id)))

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        """Stop a container, if it is there.

        Args:
            container_id: The container.
            grace_s: How long it may take before it is killed, in seconds.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if container_id in self._inventory.containers:
            await self._call(self._stop(self._inventory.containers[container_id], grace_s))

    async def remove_container(self, container_id: str) -> None:
        """Remove a container, if it is there.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if container_id in self._inventory.containers:
            await self._call(self._remove(self._inventory.containers[container_id]))

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        """Stop all of a pod, if it is there.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if sandbox_id in self._inventory.sandboxes:
            await self._call(self._stop_sandbox(self._inventory.sandboxes[sandbox_id]))

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        """Remove all of a pod, if it is there.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if sandbox_id in self._inventory.sandboxes:
            await self._call(self._remove_sandbox(self._inventory.sandboxes[sandbox_id]))

    async def update_container_resources(self, container_id: str, resources: Resources) -> None:
        """Change a container's resources.

        Raises:
            CriError: A plugin refused it; nothing has changed. Or it is not there.
            RuntimeAway: The runtime is not there.
        """
        await self._call(self._update(self._inventory.container(container_id), resources))

    # ---- how the calls work ----

    async def _run_pod_sandbox(self, spec: PodSpec) -> str:
        sandbox = Sandbox.make(f"sandbox-{next(self._numbers):06}", spec, self._driver)
        await asyncio.sleep(SANDBOX_S)
        self._inventory.sandboxes[sandbox.id] = sandbox
        self._inventory.told.add(sandbox.id)
        await self._feed.tell(Event.RUN_POD_SANDBOX, sandbox)
        return sandbox.id

    async def _create(self, sandbox: Sandbox, spec: ContainerSpec) -> str:
        if sandbox.stopped and not self._kind.creates_in_stopped_pods:
            raise CriError(f"sandbox container {sandbox.id} is not running")
        container_id = f"container-{next(self._numbers):06}"
        container = Container.make(container_id, sandbox, spec, self._driver)
        self._inventory.told.add(container.id)
        self._inventory.coming[container.id] = container
        try:
            async with self._present().turn():
                answer = await self._ask_create(container)
                await self.apply(answer.updates, triggered=True)
            container.answered = answer.places(container.id, self.placer)
            if not container.answered:
                self._observer.mishap(container, Mishap.UNASKED)
            container.pin(answer.cpus, answer.mems)
            await asyncio.sleep(CREATE_S)
            if self._faults.strikes(FaultKind.FAIL_CREATE, "CREATE_CONTAINER", container.label):
                raise CriError("no space left on device")
        except CriError:
            await self._feed.tell_stop(container)
            await self._feed.tell(Event.REMOVE_CONTAINER, sandbox, container)
            raise
        finally:
            del self._inventory.coming[container.id]
        container.enter(Phase.CREATED)
        self._inventory.containers[container.id] = container
        sandbox.containers.append(container)
        await self._feed.tell(Event.POST_CREATE_CONTAINER, sandbox, container)
        return container.id

    async def _ask_create(self, container: Container) -> Answer:
        self._feed.count(Event.CREATE_CONTAINER, container.label)
        request = messages.CreateContainerRequest(
            pod=container.sandbox.message, container=container.message
        )
        try:
            return await self._present().create(request)
        except Conflict as conflict:
            self._updates.drop(conflict.dropped)
            raise CriError(conflict.problem) from conflict
        except EventFailed as failed:
            raise CriError(failed.problem, by_plugin=True) from failed

    async def _start(self, container: Container) -> None:
        _check_created(container)
        cpus, mems = container.cpuset
        container.bundled, container.outdated = True, False
        try:
            await asyncio.sleep(TASK_S)
        finally:
            container.bundled = False
        try:
            if self._faults.strikes(FaultKind.FAIL_START, "START_CONTAINER", container.label):
                raise OSError("exec: no such file")
            self._kernel.make(container.path, cpus, mems)
        except OSError as error:
            # No event tells of this.
            container.enter(Phase.EXITED)
            container.exited.set()
            raise CriError(f"failed to create containerd task: {error}") from error
        container.enter(Phase.STARTING)
        # Plugins are told of the next stop, also if they were told of one before the start.
        container.stop_told = False
        self._observer.made(container)
        await self._feed.tell(Event.START_CONTAINER, container.sandbox, container)
        await asyncio.sleep(START_S)
        if container.phase is not Phase.STARTING:
            return
        container.enter(Phase.RUNNING)
        if container.spec.life_s is not None:
            loop = asyncio.get_running_loop()
            container.death = loop.call_later(
                container.spec.life_s, self._exit, container, container.spec.exit_code
            )
        await self._feed.tell(Event.POST_START_CONTAINER, container.sandbox, container)
        self._observer.started(container)

    async def _stop(self, container: Container, grace_s: float) -> None:
        if container.phase is Phase.RUNNING and not container.spec.heeds_term:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await container.exited.wait()
        if container.phase in (Phase.RUNNING, Phase.STARTING):
            self._exit(container, 143 if container.spec.heeds_term else 137)
            await asyncio.sleep(EXIT_NOTICE_S)
        # A container that was never started stays created.
        await self._feed.tell_stop(container)

    async def _remove(self, container: Container) -> None:
        if container.id not in self._inventory.containers:
            return
        await self._stop(container, 0)
        container.removing = True
        if not self._kind.shows_late:
            container.message.state = messages.ContainerState.CONTAINER_UNKNOWN
        await self._feed.tell(Event.REMOVE_CONTAINER, container.sandbox, container)
        self._inventory.drop_container(container)
        self._kernel.remove(container.path)

    async def _stop_sandbox(self, sandbox: Sandbox) -> None:
        for container in tuple(sandbox.containers):
            if container.phase in (Phase.RUNNING, Phase.STARTING):
                await self._stop(container, 0)
        if not sandbox.stopped:
            sandbox.stopped = True
            await self._feed.tell(Event.STOP_POD_SANDBOX, sandbox)

    async def _remove_sandbox(self, sandbox: Sandbox) -> None:
        await self._stop_sandbox(sandbox)
        for container in tuple(sandbox.containers):
            async with self._present().calling():
                await self._remove(container)
        if sandbox.id in self._inventory.sandboxes:
            await self._feed.tell(Event.REMOVE_POD_SANDBOX, sandbox)
            self._inventory.drop_sandbox(sandbox)

    async def _update(self, container: Container, resources: Resources) -> None:
        linux = container.resized(resources)
        if container.phase is Phase.EXITED and not self._kind.shows_late:
            container.message.state = messages.ContainerState.CONTAINER_UNKNOWN
        request = messages.UpdateContainerRequest(
            pod=container.sandbox.message, container=container.message, linux_resources=linux
        )
        async with self._present().turn():
            self._feed.count(Event.UPDATE_CONTAINER, container.label)
            try:
                answer = await self._present().update(request)
            except EventFailed as failed:
                raise CriError(failed.problem, by_plugin=True) from failed
            await self.apply(answer.updates, triggered=True)
            answered = answer.places(container.id, self.placer)
            if not answered:
                container.answered = False
                replied = answer.has_reply_of(self.placer)
                mishap = Mishap.LEFT_OUT if replied else Mishap.UNANSWERED
                self._observer.mishap(container, mishap)
            container.resize(resources, linux)
            self._observer.resized(container, resources, answered=answered)
            await self._updates.set(container, answer.cpus, answer.mems)
        await self._feed.tell(Event.POST_UPDATE_CONTAINER, container.sandbox, container)

    # ---- for the plugins' side ----

    @property
    def placer(self) -> str | None:
        """Name of the plugin that places containers; None: any does."""
        return self._observer.placer

    async def apply(
        self, updates: Iterable[messages.ContainerUpdate], *, triggered: bool = False
    ) -> bool:
        """Apply updates one after the other; the event's turn must be held.

        Args:
            updates: The updates; unknown containers are skipped.
            triggered: Whether they came with the reply to an event.

        Returns:
            Whether all succeeded that may not fail silently.
        """
        return await self._updates.apply(updates, triggered=triggered)

    def snapshot(
        self, plugin: str
    ) -> tuple[Sequence[messages.PodSandbox], Sequence[messages.Container]]:
        """List for a plugin all pods, and the containers that are created or run."""
        live = [one for one in self.containers if one.phase is not Phase.EXITED]
        self._inventory.told.update(one.id for one in live)
        for container in live:
            container.stop_told = False
        is_agent = self.placer in (None, plugin)
        for container in self._inventory.coming.values() if is_agent else ():
            container.passed_over = True
            self._observer.mishap(container, Mishap.UNASKED)
        return [one.message for one in self.sandboxes], [one.message for one in live]

    def plugin_synchronized(self, name: str) -> None:
        """Take note that a plugin is at work."""
        self._observer.plugin_synchronized(name)

    def plugin_left(self, name: str, reason: str) -> None:
        """Take note that a plugin is gone."""
        self._observer.plugin_left(name, reason)

    def plugin_forgotten(self, name: str) -> None:
        """Take note that a plugin's connection is kept, and that it is never called again."""
        self._observer.plugin_forgotten(name)

    # ---- inside ----

    def _present(self) -> Plugins:
        """Return the plugins' side; raise RuntimeAway if the runtime is not there."""
        if self._plugins is None:
            raise RuntimeAway
        return self._plugins

    async def _call(self, work: Coroutine[Any, Any, _R]) -> _R:
        """Do a call in the caller's task; it fails when the runtime ends."""
        plugins = self._plugins
        caller = cast("asyncio.Task[Any]", asyncio.current_task())  # only tasks make calls
        if plugins is None:
            work.close()
            raise RuntimeAway
        self._tasks[caller] = None
        try:
            async with plugins.calling():
                return await work
        except asyncio.CancelledError:
            # The runtime's end cancels each call once; a caller may be cancelled as well.
            if self._plugins is plugins or caller.uncancel():
                raise
            raise RuntimeAway from None
        finally:
            self._tasks.pop(caller, None)
            work.close()  # a call that is cancelled while it waits for the lock never comes to it

    def _exit(self, container: Container, code: int) -> None:
        """Let a container's process end."""
        if container.phase not in (Phase.RUNNING, Phase.STARTING):
            return
        if container.death is not None:
            container.death.cancel()
        container.exit_code = code
        container.phase = Phase.EXITED
        if not self._kind.shows_late:
            container.show()
        self._kernel.exit(container.path)
        container.exited.set()
        self._observer.exited(container)
        if self._plugins is not None:
            task = clock.spawn(self._notice(container), "notice of an exit")
            self._tasks[task] = None
            task.add_done_callback(self._tasks.pop)

    async def _notice(self, container: Container) -> None:
        """Notice the end of a process, which trails it."""
        await asyncio.sleep(EXIT_NOTICE_S)
        self._observer.noticed(container)
        await self._feed.tell_stop(container)


def _check_created(container: Container) -> None:
    """Refuse to start what runs or has ended."""
    if container.phase is not Phase.CREATED:
        raise CriError(f"container is in {container.phase.name} state")
