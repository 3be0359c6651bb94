"""The plugin of the differential test: it answers as its scene says, and writes down what it hears.

Ids differ from runtime to runtime. The witness gives everything a name: `pod` for a pod,
`pod/container` for a container, `pod/container.2` for its second attempt.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

import nri
from nri import Event, messages
from nri.messages import ContainerState
from tests.e2e.differential.steps import Answer

USUAL = Answer(None)


class Witness:
    """The plugin, over all its connections.

    Args:
        pins: What new containers get, by name.
        cgroup: The cgroup that all pods of the runtime are below; left out of what is heard.
        silent: Whether it only listens.

    Attributes:
        heard: What was heard, one line for each event.
        times: When each of these was heard, in seconds of the monotonic clock.
    """

    def __init__(self, pins: Mapping[str, str], cgroup: str, *, silent: bool) -> None:
        self.heard: list[str] = []
        self.times: list[float] = []
        self._pins = pins
        self._cgroup = cgroup
        self._silent = silent
        self._names: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._answers: list[Answer] = []
        self._hangs: dict[str, float] = {}

    def expect(self, answer: Answer) -> None:
        """Take note of what is to be answered to the next event of a kind."""
        self._answers.append(answer)

    def hang(self, event: Event, seconds: float) -> None:
        """Take so many seconds for the next event of a kind, and stop everything meanwhile."""
        self._hangs[event.name] = seconds

    def configure(self, request: messages.ConfigureRequest) -> int:
        """Subscribe to everything that every runtime knows."""
        del request
        return nri.VALID_MASK_OLD

    def synchronize(
        self, pods: Sequence[messages.PodSandbox], containers: Sequence[messages.Container]
    ) -> Sequence[messages.ContainerUpdate]:
        """Write down who is there."""
        names = {pod.id: self._name_pod(pod) for pod in pods}
        listed = sorted(
            f"{self._name(names[one.pod_sandbox_id], one)} {_facts(one)}" for one in containers
        )
        everybody = ", ".join([*sorted(names.values()), *listed])
        self._hear(f"SYNCHRONIZE {everybody}".rstrip())
        return self.updates(self._answer(None).updates)

    def create_container(
        self, request: messages.CreateContainerRequest
    ) -> messages.CreateContainerResponse:
        """Give the new container what it should get."""
        name = self._hear_container(Event.CREATE_CONTAINER, request.pod, request.container)
        self.heard[-1] += f" {self._describe(request.pod, request.container)}"
        answer = self._answer(Event.CREATE_CONTAINER)
        if answer.refusal:
            raise nri.Refusal(answer.refusal)
        cpus = answer.cpus or self._pins.get(name.partition(".")[0], "")
        return messages.CreateContainerResponse(
            adjust=messages.cpu_adjustment(cpus, answer.mems) if cpus else None,
            update=self.updates(answer.updates),
        )

    def update_container(
        self, request: messages.UpdateContainerRequest
    ) -> messages.UpdateContainerResponse:
        """Keep the container where it is, unless there is another answer."""
        self._hear_container(Event.UPDATE_CONTAINER, request.pod, request.container)
        self.heard[-1] += f" asked: {_limits(request.linux_resources)}"
        answer = self._answer(Event.UPDATE_CONTAINER)
        if answer.refusal:
            raise nri.Refusal(answer.refusal)
        cpus = answer.cpus or request.container.linux.resources.cpu.cpus
        if self._silent:
            return messages.UpdateContainerResponse()
        own = [messages.cpu_update(request.container.id, cpus, answer.mems)] if cpus else []
        return messages.UpdateContainerResponse(update=[*self.updates(answer.updates), *own])

    def stop_container(
        self, request: messages.StopContainerRequest
    ) -> messages.StopContainerResponse:
        """Let others have the cpus, if that is the answer."""
        self._hear_container(Event.STOP_CONTAINER, request.pod, request.container)
        return messages.StopContainerResponse(
            update=self.updates(self._answer(Event.STOP_CONTAINER).updates)
        )

    def state_change(
        self, event: Event, pod: messages.PodSandbox, container: messages.Container | None
    ) -> None:
        """Write it down."""
        if container is None:
            self._hear(f"{event.name} {self._name_pod(pod)}")
        else:
            self._hear_container(event, pod, container)

    def shutdown(self) -> None:
        """No runtime calls this."""
        raise AssertionError

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Let a defect of the test be seen."""
        raise AssertionError(method) from error

    def answered(self, method: nri.Method, took_s: float) -> None:
        """Nobody wants to know how long it took."""

    def id_of(self, name: str) -> str:
        """Return the id of a container, or of a pod, by its name."""
        return next((one for one, other in self._names.items() if other == name), name)

    def name_of(self, one_id: str) -> str:
        """Return the name of a container, or of a pod, by its id."""
        return self._names.get(one_id, "?")

    def updates(self, cpus: Mapping[str, str]) -> list[messages.ContainerUpdate]:
        """Return the updates that give containers, by name, these cpus."""
        return [messages.cpu_update(self.id_of(name), one, "") for name, one in cpus.items()]

    def _hear(self, line: str) -> None:
        self.heard.append(line)
        self.times.append(time.monotonic())
        time.sleep(self._hangs.pop(line.partition(" ")[0], 0))

    def _hear_container(
        self, event: Event, pod: messages.PodSandbox, container: messages.Container
    ) -> str:
        name = self._name(self._name_pod(pod), container)
        nameless = "" if pod.name else " without its pod"
        self._hear(f"{event.name} {name}{nameless} {_facts(container)}")
        return name

    def _name_pod(self, pod: messages.PodSandbox) -> str:
        return self._names.setdefault(pod.id, pod.name or "?")

    def _name(self, pod: str, container: messages.Container) -> str:
        if container.id not in self._names:
            name = f"{pod}/{container.name}"
            attempt = self._attempts[name] = self._attempts.get(name, 0) + 1
            self._names[container.id] = name if attempt == 1 else f"{name}.{attempt}"
        return self._names[container.id]

    def _answer(self, event: Event | None) -> Answer:
        for answer in self._answers:
            if answer.event is event:
                self._answers.remove(answer)
                return answer
        return USUAL

    def _updates(self, answer: Answer) -> list[messages.ContainerUpdate]:
        return [
            messages.cpu_update(self.id_of(name), cpus, "") for name, cpus in answer.updates.items()
        ]

    def _describe(self, pod: messages.PodSandbox, container: messages.Container) -> str:
        """Everything that tells the class of a new container, and where it will be."""
        parent = pod.linux.cgroup_parent.removeprefix(self._cgroup)
        path = container.linux.cgroups_path.removeprefix(self._cgroup)
        own = path.replace(container.id, "ID")
        notes = {key: pod.annotations[key] for key in sorted(pod.annotations) if _is_ours(key)}
        return (
            f"{_limits(container.linux.resources)}"
            f" oom={container.linux.oom_score_adj.value}"
            f" pod: {pod.namespace} {pod.uid} {parent} {notes}"
            f" {_limits(pod.linux.pod_resources)} cgroup: {own}"
        )


def _is_ours(annotation: str) -> bool:
    return annotation.startswith(("weka.io/", "example.com/"))


def _facts(container: messages.Container) -> str:
    cpu = container.linux.resources.cpu
    state = ContainerState.Name(container.state).removeprefix("CONTAINER_")
    return " ".join([state, *_cpuset(cpu)])


def _cpuset(cpu: messages.LinuxCPU) -> Iterator[str]:
    yield f"cpus={cpu.cpus or '-'}"
    if cpu.mems:
        yield f"mems={cpu.mems}"


def _limits(resources: messages.LinuxResources) -> str:
    cpu = resources.cpu
    return (
        f"shares={cpu.shares.value} quota={cpu.quota.value} period={cpu.period.value}"
        f" memory={resources.memory.limit.value}"
    )
