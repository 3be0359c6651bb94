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
from typing import Any, TypeVar

from nodesim import clock
from nodesim.actions import FaultKind
from nodesim.faults import Faults
from nodesim.kernel import Kernel
from nodesim.kubernetes import CgroupDriver
from nodesim.observer import CriError, Mishap, Observer, RuntimeAway
from nodesim.plugins import Answer, EventFailed, Plugins
from nodesim.records import Container, Phase, Sandbox
from nodesim.runtimes import RuntimeKind
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nri import Event, messages
from weka_cpuset.engine import CpuSet

_R = TypeVar("_R")

SANDBOX_S = 0.100
"""RunPodSandbox, in seconds (100 to 150 ms on the measured host)."""
CREATE_S = 0.005
"""From the reply to CreateContainer to its record (3 to 8 ms)."""
TASK_S = 0.050
"""From the StartContainer call to its task, which has its cgroup (50 ms)."""
START_S = 0.010
"""From the START event to RUNNING (10 ms)."""
EXIT_NOTICE_S = 0.015
"""From the end of a process to its Stop event (within 20 ms)."""
UPDATE_S = 0.010
"""One update of a running container: a call of runc (10 ms)."""
RECORD_S = 0.0025
"""One update of a container that does not run (2 to 3 ms)."""


class Runtime:
    """One runtime, over all its restarts.

    Args:
        kind: Which release it is.
        socket: Where plugins connect.
        kernel: What it applies cpusets to.
        faults: What is broken on purpose.
        observer: Who is told of everything.

    Attributes:
        events: How many lifecycle events there were.
        updates: How many updates of other containers were applied.
    """

    def __init__(
        self, kind: RuntimeKind, socket: Path, kernel: Kernel, faults: Faults, observer: Observer
    ) -> None:
        self.events = 0
        self.updates = 0
        self._kind = kind
        self._socket = socket
        self._kernel = kernel
        self._faults = faults
        self._observer = observer
        self._driver = CgroupDriver.CGROUPFS
        self._numbers = itertools.count(1)
        self._sandboxes: dict[str, Sandbox] = {}
        self._containers: dict[str, Container] = {}
        self._coming: dict[str, Container] = {}
        self._known: set[str] = set()
        self._delivered_before = 0
        # In order: what ends them all together must do so in the same order each time.
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._plugins: Plugins | None = None
        self._swapped: list[tuple[Event, Sandbox, Container | None]] = []

    @property
    def delivered(self) -> int:
        """How many events were sent to plugins."""
        now = self._plugins.delivered if self._plugins is not None else 0
        return self._delivered_before + now

    @property
    def containers(self) -> Iterable[Container]:
        """All containers on record."""
        return self._containers.values()

    @property
    def sandboxes(self) -> Iterable[Sandbox]:
        """All sandboxes on record."""
        return self._sandboxes.values()

    @property
    def is_busy(self) -> bool:
        """Whether a call, or the notice of an exit, is under way."""
        return bool(self._tasks)

    def find(self, path: str) -> Container | None:
        """Return the container of a cgroup."""
        return self._containers.get(path.rpartition(":")[2].rpartition("/")[2])

    # ---- its own life ----

    def start(self) -> None:
        """Start it, if it does not run; plugins can connect, calls are answered."""
        if self._plugins is not None:
            return
        self._plugins = Plugins(self._kind, self._faults, self)
        self._plugins.open(self._socket)
        for container in self.containers:
            if container.phase is Phase.EXITED:
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
        # What a new runtime is not told when it looks around is never told to plugins.
        self._known.clear()
        self._swapped.clear()
        for container in self.containers:
            if container.phase is Phase.STARTING:
                self._exit(container, 128)

    # ---- CRI ----

    def sandbox_of(self, uid: str) -> str:
        """Return the id of a pod's sandbox; empty if it has none."""
        return next((one.id for one in self.sandboxes if one.spec.uid == uid), "")

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
        return await self._call(self._create(self._sandbox(sandbox_id), spec))

    async def start_container(self, container_id: str) -> None:
        """Start a created container.

        Raises:
            CriError: It could not be started, or is not there.
            RuntimeAway: The runtime is not there.
        """
        await self._call(self._start(self._container(container_id)))

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        """Stop a container, if it is there.

        Args:
            container_id: The container.
            grace_s: How long it may take before it is killed, in seconds.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if container_id in self._containers:
            await self._call(self._stop(self._containers[container_id], grace_s))

    async def remove_container(self, container_id: str) -> None:
        """Remove a container, if it is there.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if container_id in self._containers:
            await self._call(self._remove(self._containers[container_id]))

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        """Stop all of a pod, if it is there.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if sandbox_id in self._sandboxes:
            await self._call(self._stop_sandbox(self._sandboxes[sandbox_id]))

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        """Remove all of a pod, if it is there.

        Raises:
            RuntimeAway: The runtime is not there.
        """
        if sandbox_id in self._sandboxes:
            await self._call(self._remove_sandbox(self._sandboxes[sandbox_id]))

    async def update_container_resources(self, container_id: str, resources: Resources) -> None:
        """Change a container's resources.

        Raises:
            CriError: A plugin refused it; nothing has changed. Or it is not there.
            RuntimeAway: The runtime is not there.
        """
        await self._call(self._update(self._container(container_id), resources))

    # ---- how the calls work ----

    async def _run_pod_sandbox(self, spec: PodSpec) -> str:
        sandbox = Sandbox.make(f"sandbox-{next(self._numbers):06}", spec, self._driver)
        await asyncio.sleep(SANDBOX_S)
        self._sandboxes[sandbox.id] = sandbox
        self._known.add(sandbox.id)
        await self._tell(Event.RUN_POD_SANDBOX, sandbox)
        return sandbox.id

    async def _create(self, sandbox: Sandbox, spec: ContainerSpec) -> str:
        if sandbox.stopped and not self._kind.creates_in_stopped_pods:
            raise CriError(f"sandbox container {sandbox.id} is not running")
        container_id = f"container-{next(self._numbers):06}"
        container = Container.make(container_id, sandbox, spec, self._driver)
        self._known.add(container.id)
        self._coming[container.id] = container
        try:
            async with self._there.turn():
                answer = await self._ask_create(container)
                await self.apply(answer.updates, triggered=True)
            container.answered = bool(answer.cpus)
            if not container.answered:
                self._observer.mishap(container, Mishap.UNASKED)
            container.pin(answer.cpus, answer.mems)
            await asyncio.sleep(CREATE_S)
            if self._faults.strikes(FaultKind.FAIL_CREATE, "CREATE_CONTAINER", container.label):
                raise CriError("no space left on device")
        except CriError:
            await self._tell_stop(container)
            await self._tell(Event.REMOVE_CONTAINER, sandbox, container)
            raise
        finally:
            del self._coming[container.id]
        container.enter(Phase.CREATED)
        self._containers[container.id] = container
        sandbox.containers.append(container)
        await self._tell(Event.POST_CREATE_CONTAINER, sandbox, container)
        return container.id

    async def _ask_create(self, container: Container) -> Answer:
        self._count(Event.CREATE_CONTAINER, container.label)
        request = messages.CreateContainerRequest(
            pod=container.sandbox.message, container=container.message
        )
        try:
            return await self._there.create(request)
        except EventFailed as failed:
            raise CriError(failed.problem, by_plugin=True) from failed

    async def _start(self, container: Container) -> None:
        _check_created(container)
        await asyncio.sleep(TASK_S)
        try:
            if self._faults.strikes(FaultKind.FAIL_START, "START_CONTAINER", container.label):
                raise OSError("exec: no such file")
            cpus, mems = CpuSet.parse(container.cpus or "0"), CpuSet.parse(container.mems or "0")
            self._kernel.make(
                container.path,
                cpus if container.cpus else CpuSet.EMPTY,
                mems if container.mems else CpuSet.EMPTY,
            )
        except OSError as error:
            # No event tells of this.
            container.enter(Phase.EXITED)
            container.exited.set()
            raise CriError(f"failed to create containerd task: {error}") from error
        container.enter(Phase.STARTING)
        # Plugins are told of the next stop, also if they were told of one before the start.
        container.stop_told = False
        self._observer.made(container)
        await self._tell(Event.START_CONTAINER, container.sandbox, container)
        await asyncio.sleep(START_S)
        if container.phase is not Phase.STARTING:
            return
        container.enter(Phase.RUNNING)
        if container.spec.life_s is not None:
            loop = asyncio.get_running_loop()
            container.death = loop.call_later(
                container.spec.life_s, self._exit, container, container.spec.exit_code
            )
        await self._tell(Event.POST_START_CONTAINER, container.sandbox, container)
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
        await self._tell_stop(container)

    async def _remove(self, container: Container) -> None:
        if container.id not in self._containers:
            return
        await self._stop(container, 0)
        container.removing = True
        if not self._kind.shows_late:
            container.message.state = messages.ContainerState.CONTAINER_UNKNOWN
        await self._tell(Event.REMOVE_CONTAINER, container.sandbox, container)
        if self._containers.pop(container.id, None) is not None:
            container.sandbox.containers.remove(container)
        self._known.discard(container.id)
        self._kernel.remove(container.path)

    async def _stop_sandbox(self, sandbox: Sandbox) -> None:
        for container in tuple(sandbox.containers):
            if container.phase in (Phase.RUNNING, Phase.STARTING):
                await self._stop(container, 0)
        if not sandbox.stopped:
            sandbox.stopped = True
            await self._tell(Event.STOP_POD_SANDBOX, sandbox)

    async def _remove_sandbox(self, sandbox: Sandbox) -> None:
        await self._stop_sandbox(sandbox)
        for container in tuple(sandbox.containers):
            async with self._there.calling():
                await self._remove(container)
        if sandbox.id in self._sandboxes:
            await self._tell(Event.REMOVE_POD_SANDBOX, sandbox)
            self._sandboxes.pop(sandbox.id, None)
            self._known.discard(sandbox.id)

    async def _update(self, container: Container, resources: Resources) -> None:
        linux = container.resized(resources)
        request = messages.UpdateContainerRequest(
            pod=container.sandbox.message, container=container.message, linux_resources=linux
        )
        async with self._there.turn():
            self._count(Event.UPDATE_CONTAINER, container.label)
            try:
                answer = await self._there.update(request)
            except EventFailed as failed:
                raise CriError(failed.problem, by_plugin=True) from failed
            await self.apply(answer.updates, triggered=True)
            if not answer.cpus:
                container.answered = False
                mishap = Mishap.LEFT_OUT if answer.replied else Mishap.UNANSWERED
                self._observer.mishap(container, mishap)
            container.resize(resources, linux)
            self._observer.resized(container, resources, answered=bool(answer.cpus))
            await self._set(container, answer.cpus, answer.mems)
        await self._tell(Event.POST_UPDATE_CONTAINER, container.sandbox, container)

    # ---- for the plugins' side ----

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
        succeeded = True
        for update in updates:
            container = self._containers.get(update.container_id)
            if container is None and update.container_id in self._coming:
                self._coming[update.container_id].passed_over = True
            if container is not None:
                self.updates += 1
                cpu = update.linux.resources.cpu
                done = await self._set(container, cpu.cpus, cpu.mems)
                succeeded &= done or update.ignore_failure or triggered
        return succeeded

    def snapshot(self) -> tuple[Sequence[messages.PodSandbox], Sequence[messages.Container]]:
        """List all pods, and the containers that are created or run."""
        live = [one for one in self.containers if one.phase is not Phase.EXITED]
        self._known.update(one.id for one in live)
        for container in live:
            container.stop_told = False
        for container in self._coming.values():
            container.passed_over = True
            self._observer.mishap(container, Mishap.UNASKED)
        return [one.message for one in self.sandboxes], [one.message for one in live]

    def plugin_synchronized(self, name: str) -> None:
        """Take note that a plugin is at work."""
        self._observer.plugin_synchronized(name)

    def plugin_left(self, name: str, reason: str) -> None:
        """Take note that a plugin is gone."""
        self._observer.plugin_left(name, reason)

    # ---- inside ----

    @property
    def _there(self) -> Plugins:
        if self._plugins is None:
            raise RuntimeAway
        return self._plugins

    async def _call(self, work: Coroutine[Any, Any, _R]) -> _R:
        """Do a call in a task of its own, which ends with the runtime."""
        if self._plugins is None:
            work.close()
            raise RuntimeAway
        task = asyncio.create_task(self._lock(self._plugins, work))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        # A task that is cancelled before its first step never comes to its work.
        task.add_done_callback(lambda _: work.close())
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise RuntimeAway from None

    async def _lock(self, plugins: Plugins, work: Coroutine[Any, Any, _R]) -> _R:
        async with plugins.calling():
            return await work

    async def _set(self, container: Container, cpus: str, mems: str) -> bool:
        """Apply one cpuset; tell whether that succeeded."""
        running = container.phase is Phase.RUNNING
        await asyncio.sleep(UPDATE_S if running else RECORD_S)
        if container.removing:
            return False
        if self._faults.strikes(FaultKind.FAIL_UPDATE, "", container.label):
            self._observer.mishap(container, Mishap.FAILED)
            return False
        before = (container.cpus, container.mems)
        container.pin(cpus, mems)
        if container.phase is Phase.STARTING:
            self._observer.mishap(container, Mishap.START)
        if container.phase is not Phase.RUNNING:
            return True
        if self._faults.strikes(FaultKind.LOSE_UPDATE, "", container.label):
            self._observer.mishap(container, Mishap.LOST)
            return True
        return self._enforce(container, before)

    def _enforce(self, container: Container, before: tuple[str, str]) -> bool:
        """Give a container what is on record; roll the record back if the kernel says no."""
        cpus = CpuSet.parse(container.cpus) if container.cpus else CpuSet.EMPTY
        mems = CpuSet.parse(container.mems) if container.mems else CpuSet.EMPTY
        try:
            self._kernel.set(container.path, cpus, mems)
        except OSError:
            container.pin(*before)
            return False
        return True

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
        await self._tell_stop(container)

    async def _tell_stop(self, container: Container) -> None:
        """Tell plugins once that a container has stopped, and apply what they answer."""
        if container.stop_told or container.id not in self._known:
            return
        container.stop_told = True
        self._count(Event.STOP_CONTAINER, container.label)
        if self._faults.strikes(FaultKind.SWAP, "STOP_CONTAINER", container.label):
            self._swapped.append((Event.STOP_CONTAINER, container.sandbox, container))
            return
        async with self._there.turn():
            await self._deliver_stop(container)
            await self._deliver_swapped()

    async def _tell(
        self, event: Event, sandbox: Sandbox, container: Container | None = None
    ) -> None:
        """Tell plugins of an event that needs no answer."""
        subject = sandbox if container is None else container
        self._count(event, sandbox.spec.key if container is None else container.label)
        if subject.id not in self._known:
            return
        if self._faults.strikes(FaultKind.SWAP, event.name, sandbox.spec.key):
            self._swapped.append((event, sandbox, container))
            return
        async with self._there.turn():
            await self._there.tell(event, sandbox.message, _message(container))
            await self._deliver_swapped()

    async def _deliver_stop(self, container: Container) -> None:
        # Once a sandbox is gone from the record its events carry nothing but its id.
        sandbox = container.sandbox
        pod = (
            sandbox.message if sandbox.id in self._sandboxes else messages.PodSandbox(id=sandbox.id)
        )
        request = messages.StopContainerRequest(pod=pod, container=container.message)
        answer = await self._there.stop(request)
        if container.phase is Phase.EXITED:
            container.show()
        await self.apply(answer.updates, triggered=True)

    async def _deliver_swapped(self) -> None:
        """Deliver the events that were held back until another one had passed."""
        swapped, self._swapped = self._swapped, []
        for event, sandbox, container in swapped:
            if event is Event.STOP_CONTAINER and container is not None:
                await self._deliver_stop(container)
            else:
                await self._there.tell(event, sandbox.message, _message(container))

    def _count(self, event: Event, subject: str) -> None:
        self.events += 1
        self._observer.event(event, subject)

    def _sandbox(self, sandbox_id: str) -> Sandbox:
        try:
            return self._sandboxes[sandbox_id]
        except KeyError:
            raise CriError(f"sandbox {sandbox_id} not found") from None

    def _container(self, container_id: str) -> Container:
        try:
            return self._containers[container_id]
        except KeyError:
            raise CriError(f"container {container_id} not found") from None


def _check_created(container: Container) -> None:
    """Refuse to start what runs or has ended."""
    if container.phase is not Phase.CREATED:
        raise CriError(f"container is in {container.phase.name} state")


def _message(container: Container | None) -> messages.Container | None:
    return None if container is None else container.message
