"""What a kubelet does on a host: it turns pods into CRI calls, in a kubelet's order.

Each pod has a worker which looks at how things are, does the next necessary step, and waits
until something happens. So it copes with a runtime that is away in the middle of anything:
the step is simply still necessary.
"""

import asyncio
import dataclasses
from enum import StrEnum
from typing import Protocol

from nodesim import clock
from nodesim.kubernetes import qos_of
from nodesim.observer import CriError, RuntimeAway
from nodesim.runtime import Runtime
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy

MIN_GRACE_S = 2.0
"""A kubelet gives every container at least this long to end by itself, in seconds, also when
its pod is deleted by force (kuberuntime, minimumGracePeriodInSeconds)."""

RETRY_S = 10.0
"""A kubelet tries again this long after a step has failed, in seconds (10 to 15 s)."""

AWAY_S = 0.2
"""It looks for a runtime that is away this often, in seconds; a kubelet takes a little longer."""

CRASH_BACKOFF_S = (10.0, 300.0)
"""First and longest pause before an ended container is started again, in seconds."""


class PodPhase(StrEnum):
    """How a pod is doing, for people."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    REFUSED = "Refused"
    TERMINATING = "Terminating"
    GONE = "Gone"


@dataclasses.dataclass(slots=True)
class _Attempt:
    """One container of a pod, through all its attempts.

    Attributes:
        spec: The container, resizes included.
        container_id: The present attempt; empty: none.
        running: Whether it was told to start and has not ended.
        started: Whether the runtime has said that it is started.
        exit_code: How the last attempt ended; None: it has not.
        failures: How often it has ended, for the pause before the next attempt.
        retry_s: When the next attempt is due.
        refusal: Why the agent refuses it; empty: it does not.
    """

    spec: ContainerSpec
    container_id: str = ""
    running: bool = False
    started: bool = False
    exit_code: int | None = None
    failures: int = 0
    retry_s: float = 0.0
    refusal: str = ""


class PodWatcher(Protocol):
    """Who is told how pods are doing."""

    def refused(self, label: str, reason: str) -> None:
        """The agent refuses a container."""

    def failed(self, label: str, reason: str) -> None:
        """The runtime fails to create or start a container."""

    def completed(self, key: str) -> None:
        """A pod has run to its own end."""


class PodWorker:
    """Brings one pod to where it should be.

    Args:
        spec: The pod.
        runtime: Where its containers run.
        watcher: Who is told how the pod is doing.

    Attributes:
        spec: The pod.
    """

    def __init__(self, spec: PodSpec, runtime: Runtime, watcher: PodWatcher) -> None:
        self.spec = spec
        self._runtime = runtime
        self._watcher = watcher
        self._completed = False
        self._sandbox = ""
        self._old: list[str] = []
        self._containers = {one.name: _Attempt(one) for one in spec.containers}
        self._deleted_grace_s: float | None = None
        self._gone = False
        self._wake = asyncio.Event()

    @property
    def phase(self) -> PodPhase:
        """How the pod is doing."""
        if self._gone:
            return PodPhase.GONE
        if self._deleted_grace_s is not None:
            return PodPhase.TERMINATING
        apps = [one for one in self._containers.values() if one.spec.kind is ContainerKind.APP]
        if any(one.refusal for one in self._containers.values()):
            return PodPhase.REFUSED
        if all(self._is_over(one) for one in apps):
            failed = any(one.exit_code for one in apps)
            return PodPhase.FAILED if failed else PodPhase.COMPLETED
        runs = all(one.running and one.started for one in apps)
        return PodPhase.RUNNING if runs else PodPhase.PENDING

    @property
    def refused(self) -> tuple[ContainerSpec, ...]:
        """The containers that the agent refuses; they are tried again and again."""
        return tuple(one.spec for one in self._containers.values() if one.refusal)

    def wake(self) -> None:
        """Look again: something has happened."""
        self._wake.set()

    def exited(self, container_id: str, code: int) -> None:
        """Take note that a container has ended."""
        now_s = asyncio.get_running_loop().time()
        for one in self._containers.values():
            if one.container_id == container_id and one.running:
                one.running, one.exit_code = False, code
                first_s, longest_s = CRASH_BACKOFF_S
                one.retry_s = now_s + min(longest_s, first_s * 2**one.failures)
                one.failures += 1
        self.wake()

    @property
    def is_deleted(self) -> bool:
        """Whether the pod was deleted."""
        return self._deleted_grace_s is not None

    def delete(self, grace_s: float | None) -> None:
        """Delete the pod; a second time can only shorten its grace period."""
        grace_s = self.spec.grace_s if grace_s is None else grace_s
        before_s = self._deleted_grace_s
        self._deleted_grace_s = grace_s if before_s is None else min(before_s, grace_s)
        self.wake()

    async def resize(self, name: str, resources: Resources) -> None:
        """Change a running container's resources in place.

        Raises:
            CriError: The agent or the API server refused it, or the container does not run.
        """
        one = self._containers.get(name)
        if one is None or not one.running:
            raise CriError(f"container {name} does not run")
        before = tuple(other.spec for other in self._containers.values())
        after = tuple(
            dataclasses.replace(spec, resources=resources) if spec.name == name else spec
            for spec in before
        )
        if qos_of(dataclasses.replace(self.spec, containers=before)) is not qos_of(
            dataclasses.replace(self.spec, containers=after)
        ):
            # The API server refuses it (KEP-1287).
            raise CriError("a resize must not change the pod's quality of service class")
        await self._runtime.update_container_resources(one.container_id, resources)
        one.spec = dataclasses.replace(one.spec, resources=resources)

    async def run(self) -> None:
        """Work until the pod is gone."""
        while not self._gone:
            self._wake.clear()
            try:
                pause_s = await self._step()
            except CriError:
                pause_s = AWAY_S
            if pause_s == 0.0:
                continue
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _step(self) -> float | None:
        """Do what is necessary now.

        Returns:
            After how many seconds to look again; None: when something happens.
        """
        if self._deleted_grace_s is not None:
            await self._terminate(self._deleted_grace_s)
            return 0.0
        if self.phase in (PodPhase.COMPLETED, PodPhase.FAILED):
            await self._end()
            return None
        if not self._find_sandbox():
            self._sandbox = await self._runtime.run_pod_sandbox(self.spec)
        pauses = []
        for one in self._containers.values():
            pause_s = await self._advance(one)
            if self._deleted_grace_s is not None:
                return 0.0
            if pause_s is not None:
                pauses.append(pause_s)
            if one.spec.kind is not ContainerKind.APP and not self._lets_pass(one):
                break
        return min(pauses, default=None)

    def _find_sandbox(self) -> str:
        """Look for the pod's sandbox; a call that never returned may have made one."""
        self._sandbox = self._sandbox or self._runtime.sandbox_of(self.spec.uid)
        return self._sandbox

    async def _advance(self, one: _Attempt) -> float | None:
        """Bring one container to where it should be; return when to look at it again."""
        if one.running or self._is_over(one):
            return None
        left_s = one.retry_s - asyncio.get_running_loop().time()
        if left_s > 0:
            return left_s
        if one.container_id:
            self._old.append(one.container_id)
            one.container_id = ""
        try:
            one.container_id = await self._runtime.create_container(self._sandbox, one.spec)
            one.refusal = ""
            one.exit_code = None
            one.running, one.started = True, False
            await self._runtime.start_container(one.container_id)
            one.started = True
        except RuntimeAway:
            one.running = False
            raise
        except CriError as error:
            return self._failed(one, error)
        return None

    def _failed(self, one: _Attempt, error: CriError) -> float:
        one.running = False
        label = f"{self.spec.key}/{one.spec.name}"
        if error.by_plugin:
            one.refusal = error.problem
            self._watcher.refused(label, error.problem)
        else:
            self._watcher.failed(label, error.problem)
        one.retry_s = asyncio.get_running_loop().time() + RETRY_S
        return RETRY_S

    async def _terminate(self, grace_s: float) -> None:
        """End all of the pod; a step that fails is done again by the next call."""
        live = [one.container_id for one in self._containers.values() if one.container_id]
        await self._stop_all(live, max(grace_s, MIN_GRACE_S))
        await self._runtime.stop_pod_sandbox(self._find_sandbox())
        for container_id in (*self._old, *live):
            await self._runtime.remove_container(container_id)
        await self._runtime.remove_pod_sandbox(self._sandbox)
        self._gone = True

    async def _stop_all(self, container_ids: list[str], grace_s: float) -> None:
        """Stop containers at the same time."""
        stops = [self._runtime.stop_container(one, grace_s) for one in container_ids]
        if len(stops) == 1:  # as of nearly all pods: a task less
            await stops[0]
            return
        results = await asyncio.gather(*stops, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _end(self) -> None:
        """End what has no own end once all app containers have ended."""
        if self.phase is PodPhase.COMPLETED and not self._completed:
            self._completed = True
            self._watcher.completed(self.spec.key)
        for one in self._containers.values():
            if one.running:
                await self._runtime.stop_container(one.container_id, MIN_GRACE_S)

    def _is_over(self, one: _Attempt) -> bool:
        """Tell whether a container has ended for good."""
        if one.exit_code is None:
            return False
        policy = self.spec.restart_policy
        if one.spec.kind is ContainerKind.SIDECAR:
            return False
        if one.spec.kind is ContainerKind.INIT:
            return one.exit_code == 0 or policy is RestartPolicy.NEVER
        match policy:
            case RestartPolicy.ALWAYS:
                return False
            case RestartPolicy.ON_FAILURE:
                return one.exit_code == 0
            case RestartPolicy.NEVER:
                return True

    def _lets_pass(self, one: _Attempt) -> bool:
        """Tell whether the containers after an init container or sidecar may start."""
        if one.spec.kind is ContainerKind.SIDECAR:
            return one.running
        return one.exit_code == 0


class Kubelet:
    """All pods of a host.

    Args:
        runtime: Where their containers run.
        watcher: Who is told how pods are doing.

    Attributes:
        created: How many pods were created.
    """

    def __init__(self, runtime: Runtime, watcher: PodWatcher) -> None:
        self.created = 0
        self._runtime = runtime
        self._watcher = watcher
        self._workers: dict[str, PodWorker] = {}
        self._by_uid: dict[str, PodWorker] = {}
        self._tasks: dict[PodWorker, asyncio.Task[None]] = {}

    @property
    def pods(self) -> tuple[PodSpec, ...]:
        """The pods that are not forgotten, oldest first."""
        return tuple(worker.spec for worker in self._workers.values())

    @property
    def is_idle(self) -> bool:
        """Whether no pod is left, forgotten ones included."""
        return not self._tasks

    @property
    def is_ending(self) -> bool:
        """Whether a pod that was deleted is not gone yet."""
        return any(worker.is_deleted for worker in self._tasks)

    @property
    def refused(self) -> tuple[tuple[PodSpec, ContainerSpec], ...]:
        """The containers that the agent refuses, with their pods, oldest first."""
        live = (worker for worker in self._workers.values() if not worker.is_deleted)
        return tuple((worker.spec, one) for worker in live for one in worker.refused)

    def phase(self, key: str) -> PodPhase:
        """Tell how a pod is doing."""
        worker = self._workers.get(key)
        return PodPhase.GONE if worker is None else worker.phase

    def apply(self, spec: PodSpec) -> None:
        """Create a pod; one of the same name that is there already stays."""
        if spec.key in self._workers:
            return
        self.created += 1
        spec = dataclasses.replace(spec, uid=f"uid-{self.created:06}")
        worker = PodWorker(spec, self._runtime, self._watcher)
        self._workers[spec.key] = self._by_uid[spec.uid] = worker
        task = clock.spawn(worker.run(), spec.key)
        self._tasks[worker] = task
        task.add_done_callback(lambda _: self._ended(worker))

    def delete(self, key: str, grace_s: float | None, *, force: bool) -> None:
        """Delete a pod, if it is there.

        Args:
            key: Its name.
            grace_s: How long its containers may take, in seconds; None: its own time.
            force: Whether its name is free at once.
        """
        worker = self._workers.get(key)
        if worker is None:
            return
        worker.delete(grace_s)
        if force:
            del self._workers[key]

    async def resize(self, key: str, container: str, resources: Resources) -> None:
        """Change a running container's resources in place.

        Raises:
            CriError: The agent refused it, or the container does not run.
        """
        worker = self._workers.get(key)
        if worker is None:
            raise CriError(f"pod {key} is not there")
        await worker.resize(container, resources)

    def exited(self, uid: str, container_id: str, code: int) -> None:
        """Take note that a container has ended."""
        worker = self._by_uid.get(uid)
        if worker is not None:
            worker.exited(container_id, code)

    def close(self) -> None:
        """End all workers where they are."""
        for task in self._tasks.values():
            task.cancel()

    def _ended(self, worker: PodWorker) -> None:
        del self._tasks[worker], self._by_uid[worker.spec.uid]
        if self._workers.get(worker.spec.key) is worker:
            del self._workers[worker.spec.key]
