"""What a kubelet does on a node: it turns pods into CRI calls, in a kubelet's order.

Each pod has a worker of its own, so that the calls of several pods reach the runtime at the
same time, as they do on a node.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from os import sysconf
from pathlib import Path
from typing import Final

from nodestress import cgroups, kubelet
from nodestress import cri_pb2 as pb
from nodestress.cri import CriError
from nodestress.kubelet import Pod, in_parallel
from nodestress.waiting import wait_for
from tests.e2e import images
from tests.e2e.containerd import Containerd
from tests.e2e.pods import (
    ContainerSpec,
    PodSpec,
    container_resources,
    pod_resources,
)

PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPod(Pod):
    """A pod on the node, and what its user wrote."""

    spec: PodSpec

    @property
    def container(self) -> str:
        """The id of the pod's only container."""
        (container,) = self.containers.values()
        return container


class Kubelet:
    """Runs, resizes and deletes pods on one containerd.

    Attributes:
        patience_s: How long a container has to be let in, or to end by itself, in seconds.
    """

    patience_s = PATIENCE_S

    def __init__(self, runtime: Containerd, logs: Path) -> None:
        self._runtime = runtime
        self._cri = runtime.cri
        self._logs = logs
        self._node_memory_bytes = sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES")
        self._attempts: dict[tuple[str, str], int] = {}

    def run(self, spec: PodSpec) -> RunningPod:
        """Starts a pod: cgroup, sandbox, then each container in order.

        Raises:
            CriError: the runtime refused a step; what was made so far stays, as on a node.
        """
        pod = self.run_sandbox(spec)
        for container in spec.containers:
            self.create(pod, container)
            self.start(pod, container.name)
        return pod

    def run_in_time(self, spec: PodSpec) -> RunningPod:
        """Starts a pod; creates its containers again and again as long as they are refused."""
        pod = self.run_sandbox(spec)
        for container in spec.containers:
            wait_for(
                f"{spec.name} to be let in",
                partial(self._is_let_in, pod, container),
                self.patience_s,
            )
            self.start(pod, container.name)
        return pod

    def run_all(self, specs: Iterable[PodSpec]) -> list[RunningPod]:
        """Starts pods at the same time; returns them in the order given."""
        return in_parallel(self.run, specs)

    def run_sandbox(self, spec: PodSpec) -> RunningPod:
        """Makes the pod's cgroup and its sandbox, without any container."""
        pod = kubelet.run_sandbox(self._cri, self._sandbox_config(spec))
        return RunningPod(pod.config, pod.sandbox, spec=spec)

    def create(self, pod: RunningPod, container: ContainerSpec) -> None:
        """Creates a container of a pod without starting it; a second time is a new attempt."""
        key = (pod.spec.uid, container.name)
        attempt = self._attempts[key] = self._attempts.get(key, -1) + 1
        kubelet.create(self._cri, pod, self._container_config(pod.spec, container, attempt))

    def start(self, pod: RunningPod, name: str) -> None:
        """Starts a created container of a pod."""
        self._cri.start_container(pod.containers[name])

    def resize(self, pod: RunningPod, container: ContainerSpec) -> RunningPod:
        """Resizes a container in place to the quantities of `container` (same name).

        The pod's own cgroup is always as wide as both its old and its new size while the
        container changes, as a kubelet does it: the kernel refuses a child wider than its parent.

        Returns:
            The pod with its new size.

        Raises:
            CriError: the runtime refused; the pod is as it was.
        """
        containers = tuple(
            container if old.name == container.name else old for old in pod.spec.containers
        )
        resized = replace(pod, spec=replace(pod.spec, containers=containers))
        old, new = pod_resources(pod.spec), pod_resources(resized.spec)
        self._limit(pod, _widest(old, new))
        resources = container_resources(resized.spec, container, self._node_memory_bytes)
        try:
            self._cri.update_container_resources(pod.containers[container.name], resources)
        except CriError:
            self._limit(pod, old)
            raise
        self._limit(pod, new)
        return resized

    def stop_containers(self, pod: RunningPod, grace_s: int) -> None:
        """Stops a pod's containers at the same time; they and the sandbox stay until removed."""
        kubelet.stop_containers(self._cri, pod, grace_s)

    def delete(self, pod: RunningPod, grace_s: int | None = None) -> None:
        """Deletes a pod: containers first, then the sandbox, then its cgroup.

        Args:
            pod: the pod.
            grace_s: as in `kubectl delete --grace-period`; None means the pod's own.
        """
        kubelet.delete(self._cri, pod, pod.spec.grace_s if grace_s is None else grace_s)

    def delete_all(self, pods: Iterable[RunningPod], grace_s: int | None = None) -> None:
        """Deletes pods at the same time."""
        in_parallel(lambda pod: self.delete(pod, grace_s), pods)

    def replace_all(self, old: Iterable[RunningPod], new: Iterable[PodSpec]) -> list[RunningPod]:
        """Deletes pods by force and starts others at the same time; returns the new ones."""
        deletions = [partial(self.delete, pod, 0) for pod in old]
        creations = [partial(self.run_in_time, spec) for spec in new]
        steps: list[Callable[[], RunningPod | None]] = [*deletions, *creations]
        results = in_parallel(lambda step: step(), steps)
        return [pod for pod in results if pod is not None]

    def pid(self, pod: RunningPod, name: str | None = None) -> int:
        """The process id of a running container's first process."""
        return self._cri.container_pid(pod.containers[name] if name else pod.container)

    def wait_exited(self, pod: RunningPod) -> pb.ContainerStatus:
        """Waits until the pod's only container has ended by itself."""
        return wait_for(
            f"{pod.spec.name} to end", lambda: self._exited(pod.container), self.patience_s
        )

    def log_of(self, pod: RunningPod) -> list[str]:
        """What the pod's only container wrote, line by line, without the log's own columns."""
        (container,) = pod.spec.containers
        text = (Path(pod.config.log_directory) / _log_name(container, 0)).read_text()
        # "<time> <stream> <F or P> <text>", the CRI log format.
        return [line.split(" ", maxsplit=3)[3] for line in text.splitlines()]

    def _limit(self, pod: RunningPod, resources: pb.LinuxContainerResources) -> None:
        """Gives a pod's own cgroup other limits."""
        cgroups.make(pod.config.linux.cgroup_parent, kubelet.pod_values(resources))

    def _is_let_in(self, pod: RunningPod, container: ContainerSpec) -> bool:
        try:
            self.create(pod, container)
        except CriError as error:
            if "NRI" not in error.message:
                raise
            return False
        return True

    def _exited(self, container: str) -> pb.ContainerStatus | None:
        status = self._cri.container_status(container)
        return status if status.state == pb.CONTAINER_EXITED else None

    def _sandbox_config(self, spec: PodSpec) -> pb.PodSandboxConfig:
        parent = f"{self._runtime.cgroup}/kubepods{spec.qos.value}/pod{spec.uid}"
        return pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(
                name=spec.name, uid=spec.uid, namespace=spec.namespace, attempt=0
            ),
            log_directory=str(self._logs / f"{spec.namespace}_{spec.name}_{spec.uid}"),
            labels=_pod_labels(spec),
            annotations=dict(spec.annotations) | {"kubernetes.io/config.source": "api"},
            linux=pb.LinuxPodSandboxConfig(
                cgroup_parent=parent,
                security_context=pb.LinuxSandboxSecurityContext(
                    namespace_options=_namespaces(spec)
                ),
                overhead=pb.LinuxContainerResources(),
                resources=pod_resources(spec),
            ),
        )

    def _container_config(
        self, spec: PodSpec, container: ContainerSpec, attempt: int
    ) -> pb.ContainerConfig:
        return pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=container.name, attempt=attempt),
            image=pb.ImageSpec(image=images.BUSYBOX_IMAGE),
            command=container.command,
            labels=_pod_labels(spec) | {"io.kubernetes.container.name": container.name},
            annotations={
                "io.kubernetes.container.restartCount": str(attempt),
                "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
                "io.kubernetes.container.terminationMessagePolicy": "File",
                "io.kubernetes.pod.terminationGracePeriod": str(spec.grace_s),
            },
            log_path=_log_name(container, attempt),
            linux=pb.LinuxContainerConfig(
                resources=container_resources(spec, container, self._node_memory_bytes),
                security_context=pb.LinuxContainerSecurityContext(
                    namespace_options=_namespaces(spec)
                ),
            ),
        )


def _pod_labels(spec: PodSpec) -> dict[str, str]:
    return {
        "io.kubernetes.pod.name": spec.name,
        "io.kubernetes.pod.namespace": spec.namespace,
        "io.kubernetes.pod.uid": spec.uid,
    }


def _namespaces(spec: PodSpec) -> pb.NamespaceOption:
    # Host network: the tests need no network plugin.
    pid = pb.NODE if spec.host_pid else pb.CONTAINER
    return pb.NamespaceOption(network=pb.NODE, pid=pid, ipc=pb.POD)


def _log_name(container: ContainerSpec, attempt: int) -> str:
    return f"{container.name}_{attempt}.log"


def _widest(
    one: pb.LinuxContainerResources, other: pb.LinuxContainerResources
) -> pb.LinuxContainerResources:
    """Limits that neither of two sizes exceeds; a limit of 0 is none."""
    quotas = (one.cpu_quota, other.cpu_quota)
    limits = (one.memory_limit_in_bytes, other.memory_limit_in_bytes)
    return pb.LinuxContainerResources(
        cpu_period=one.cpu_period,
        cpu_shares=max(one.cpu_shares, other.cpu_shares),
        cpu_quota=max(quotas) if all(quotas) else 0,
        memory_limit_in_bytes=max(limits) if all(limits) else 0,
    )
