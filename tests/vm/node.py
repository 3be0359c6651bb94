"""A node in a virtual machine: its runtime, its agent and its kubelet, driven from outside."""

import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nodestress import cri_pb2 as pb
from nodestress.cri import CriClient, CriError
from nodestress.waiting import wait_for
from tests.e2e.kubelet import Kubelet, RunningPod
from tests.e2e.placement import demand_of
from tests.e2e.pods import ContainerSpec, PodSpec
from tests.vm.machine import Machine
from tests.vm.product import PROGRAM
from weka_cpuset.engine import Demand

READY_TIMEOUT_S: Final = 180.0
# Forty pods at once are served one after the other, and all is emulated.
CALL_TIMEOUT_S: Final = 300.0
LOG: Final = "/node/agent.log"
# `ps` may put a process's own name before its command line, in braces.
AGENT_ROW: Final = re.compile(r" *(\d+) (?:\{.*\} )?\S*python3 \S*weka-cpuset(?: run|$)")


class Runtime:
    """The containerd of a virtual node.

    Args:
        machine: The virtual machine; it runs.

    Attributes:
        was_killed: Whether it was ended without a warning. It may have lost what it was about to
            make, and no other process knows of that.
    """

    cgroup = ""
    """All pods are below the cgroup of this name: the root, as on a node."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.cri = CriClient(machine.cri_target, CALL_TIMEOUT_S)
        self.was_killed = False

    def wait_ready(self) -> None:
        """Waits until it serves CRI."""
        wait_for("containerd to serve", self._is_ready, READY_TIMEOUT_S)

    def start(self) -> None:
        """Starts it and waits until it serves."""
        self.machine.run("node-containerd start; sleep 0.1")
        self.wait_ready()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal; its pods go on."""
        self.was_killed |= number is signal.SIGKILL
        self.machine.run(f"node-containerd stop {number.name.removeprefix('SIG')}")

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stops it by a signal and starts it again."""
        self.stop(number)
        self.start()

    def complaints(self) -> list[str]:
        """The lines of its log that tell of a crash, or of a plugin that was too slow."""
        # Deadlines of its own pass in emulation; one that drops a plugin names it.
        marks = "panic:|fatal error:|plugin.*deadline exceeded"
        return self.machine.run(f"grep -E '{marks}' /node/containerd.log || true").splitlines()

    def close(self) -> None:
        """Closes the connection; it goes on."""
        self.cri.close()

    def _is_ready(self) -> bool:
        try:
            return self.cri.is_ready()
        except CriError:
            return False


class Agent:
    """The agent in a virtual node: `weka-cpuset run`, one process after the other.

    Args:
        machine: The virtual machine; the product is in it.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._said = 0

    def start(self, options: Sequence[str] = ()) -> None:
        """Starts a process and waits until it is synchronized with the runtime."""
        self.expect_ready()
        command = " ".join([PROGRAM, "run", *options])
        self._machine.run(
            f"NOTIFY_SOCKET=/run/notify setsid /{command} < /dev/null >> {LOG} 2>&1 &"
        )
        self.wait_ready()

    def expect_ready(self) -> None:
        """From now on the agent has yet to say that it is synchronized."""
        self._said = self._machine.ask("ready")

    def wait_ready(self) -> None:
        """Waits until the agent says (again) that it is synchronized."""
        wait_for("the agent to be synchronized", self._said_ready, READY_TIMEOUT_S)

    def pids(self) -> list[int]:
        """Its processes; one, if all is well."""
        lines = self._machine.run("ps -o pid,args").splitlines()
        return [int(found[1]) for line in lines if (found := AGENT_ROW.match(line))]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal."""
        (pid,) = self.pids()
        self._machine.run(
            f"kill -{number.value} {pid}; while [ -d /proc/{pid} ]; do sleep 0.05; done"
        )

    def lines(self) -> list[str]:
        """What all processes wrote to their log."""
        return self._machine.run(f"cat {LOG}").splitlines()

    def _said_ready(self) -> bool:
        return bool(self._machine.ask("ready") > self._said)


class VmKubelet(Kubelet):
    """Runs pods in a virtual node; has each started container watched there.

    Args:
        runtime: The runtime of the node.

    Attributes:
        demands: What each container that ever ran should have had: id -> the pod's name, and one
            demand for each size that it had, the last one at the end.
        pods: The pods that it has made and not deleted yet, by their sandbox.
    """

    patience_s = READY_TIMEOUT_S

    def __init__(self, runtime: Runtime) -> None:
        # The parent class asks the runtime for `cri` and `cgroup` only.
        super().__init__(runtime, Path("/var/log/pods"))  # type: ignore[arg-type]  # as said
        self._machine = runtime.machine
        self.demands: dict[str, tuple[str, list[Demand]]] = {}
        self.pods: dict[str, RunningPod] = {}

    def run_sandbox(self, spec: PodSpec) -> RunningPod:
        """Makes the pod's cgroup and its sandbox, without any container."""
        config = self._sandbox_config(spec)
        self._machine.ask("make_pod", cgroup=config.linux.cgroup_parent, logs=config.log_directory)
        pod = RunningPod(config, self._cri.run_pod_sandbox(config), spec=spec)
        self.pods[pod.sandbox] = pod
        return pod

    def start(self, pod: RunningPod, name: str) -> None:
        """Starts a created container of a pod."""
        super().start(pod, name)
        container = pod.containers[name]
        (spec,) = (one for one in pod.spec.containers if one.name == name)
        self.demands[container] = (pod.spec.name, [demand_of(pod.spec, spec)])
        self._machine.ask("watch", containers={container: f"{pod.cgroup}/{container}"})

    def resize(self, pod: RunningPod, container: ContainerSpec) -> RunningPod:
        """Resizes a container in place; from now on it should have what its new size asks for.

        Raises:
            CriError: The runtime refused; the pod is as it was.
        """
        resized = super().resize(pod, container)
        _, demands = self.demands[pod.containers[container.name]]
        demands.append(demand_of(resized.spec, container))
        self.pods[pod.sandbox] = resized
        return resized

    def forget_former_sizes(self) -> None:
        """From now on each container should have what its last size asks for, and nothing else."""
        for _, demands in self.demands.values():
            del demands[:-1]

    def stop_containers(self, pod: RunningPod, grace_s: int) -> None:
        """Stops a pod's containers; tries again where a kubelet would."""
        try:
            super().stop_containers(pod, grace_s)
        except CriError as error:
            # containerd, when its shim ends while it is asked to kill what has just ended.
            if "ttrpc: closed" not in error.message:
                raise
            super().stop_containers(pod, grace_s)

    def delete(self, pod: RunningPod, grace_s: int | None = None) -> None:
        """Deletes a pod: containers first, then the sandbox, then its cgroup."""
        self.stop_containers(pod, pod.spec.grace_s if grace_s is None else grace_s)
        self._cri.stop_pod_sandbox(pod.sandbox)
        for container in pod.containers.values():
            self._cri.remove_container(container)
        self._cri.remove_pod_sandbox(pod.sandbox)
        self._machine.ask("remove_pod", cgroup=pod.cgroup)
        self.pods.pop(pod.sandbox, None)

    def _limit(self, pod: RunningPod, resources: pb.LinuxContainerResources) -> None:
        """The pods' own cgroups have no limits here."""

    def log_of(self, pod: RunningPod) -> list[str]:
        """What the pod's only container wrote, line by line, without the log's own columns."""
        (container,) = pod.spec.containers
        text = self._machine.ask("read", path=f"{pod.config.log_directory}/{container.name}_0.log")
        return [line.split(" ", maxsplit=3)[3] for line in text.splitlines()]
