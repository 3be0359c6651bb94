"""A node of a cluster, through kubectl.

On the node itself the kernel is read directly. From elsewhere it is read by commands inside the
pods, which takes about a second for each look, and shows no container of a pod that kubectl
does not know any more.
"""

import datetime
import json
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from nodesim import export, kubernetes
from nodesim.kubernetes import CgroupDriver
from nodesim.workload import PodSpec
from nodestress import waiting
from nodestress.kubectl import Calls, items_of
from nodestress.node import AgentState, NodeFailed, Resident
from nodestress.orders import OWNER_LABEL, cgroup_of
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet

LOOK_HERE_S = 0.01
LOOK_AWAY_S = 1.0
"""How often the kernel is looked at: on the node itself, and from elsewhere; in seconds."""

START_S = 180.0
"""So long pods may take to run, in seconds: their image may have to be pulled."""

ENDED_S = 30.0
"""So long containers may take to end after a forced deletion, in seconds."""

ELSEWHERE = "exec "
"""The beginning of `Resident.where` for a container that is read through kubectl."""

FORCED = ("--grace-period=0", "--force")
"""kubectl's options for a forced deletion."""

SELECTOR = f"{OWNER_LABEL}=stress"


@dataclass(frozen=True, slots=True)
class Target:
    """What of a cluster is tested.

    Attributes:
        node: The node's name.
        namespace: The namespace of the agent's pods.
        selector: The labels of the agent's pods.
        image: The image that the test's containers run.
    """

    node: str
    namespace: str
    selector: str
    image: str


class KubectlNode:
    """A node of a cluster, through kubectl.

    Args:
        calls: kubectl.
        target: What of its cluster is tested.
        tree: The cgroups of this computer, which may be the node.
        stopping: Set when the test was interrupted.

    Raises:
        NodeFailed: The cluster does not answer, or has no such node.
    """

    removal_s = 120.0  # a kubelet removes ended containers once a minute

    def __init__(
        self, calls: Calls, target: Target, tree: CpusetTree, stopping: threading.Event
    ) -> None:
        self._calls = calls
        self._target = target
        self._tree = tree
        self._stopping = stopping
        self._began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._agent_pod = ""
        self._agent_state = AgentState("")
        # Replaced as a whole and never changed: watchers look at it from their threads.
        self._residents: tuple[Resident, ...] = ()
        node = json.loads(calls.run("get", "node", target.node, "--output=json"))
        self._online = CpuSet.of(range(int(node["status"]["capacity"]["cpu"])))
        about = node["status"]["nodeInfo"]["containerRuntimeVersion"]
        self.name = f"{target.node}, {about}, {len(self._online)} cpus"
        self.close()  # of what an earlier test has left, should it have been killed

    @property
    def look_s(self) -> float:
        """How long to wait between two looks at the kernel, in seconds."""
        return LOOK_AWAY_S if self._is_elsewhere() else LOOK_HERE_S

    @property
    def online(self) -> CpuSet:
        """The cpus of the node, by their number."""
        return self._online

    def create(self, pods: Sequence[PodSpec]) -> list[str]:
        """Create pods, all at once, and wait until their containers run."""
        tree = {"apiVersion": "v1", "kind": "List", "items": [self._manifest(pod) for pod in pods]}
        self._calls.run("create", "--filename=-", given=json.dumps(tree))
        return self._wait_running(pods)

    def replace(self, pods: Sequence[PodSpec]) -> list[str]:
        """Delete pods by force, all at once, and create them again without waiting."""
        old = self._deleted(pods)
        refusals = self.create(pods)
        self._wait_ended(old)
        return refusals

    def wait_completed(self, pods: Sequence[PodSpec], deadline_s: float) -> list[str]:
        """Wait until pods have run to their own end."""
        problems: list[str] = []

        def all_completed() -> bool:
            problems[:] = [
                f"{pod.key} is {found['status']['phase']}"
                for pod, found in self._found(pods)
                if found["status"]["phase"] != "Succeeded"
            ]
            return not problems

        with suppress(waiting.DeadlineError):
            waiting.wait_for("pods to complete", all_completed, deadline_s)
        return problems

    def delete(self, pods: Sequence[PodSpec]) -> None:
        """Delete pods by force, all at once, and wait until they are gone."""
        self._wait_ended(self._deleted(pods))

    def residents(self) -> tuple[Resident, ...]:
        """Return the test's containers that run."""
        return self._residents

    def read(self, one: Resident) -> Enforced | None:
        """Return what the kernel enforces for a container; None: it has no process."""
        if one.where.startswith(ELSEWHERE):
            return self._read_elsewhere(one)
        try:
            return None if self._tree.is_dead(one.where) else self._tree.read(one.where)
        except OSError:  # it is just going away
            return None

    def memory_nodes(self, cpus: CpuSet) -> None:  # of another computer, perhaps
        """Return None: the node's memory is not known."""

    def ping(self) -> None:
        """Ask the node's kubelet whether it is well: its main loop calls the runtime."""
        self._calls.run("get", "--raw", f"/api/v1/nodes/{self._target.node}/proxy/healthz")

    def agent(self) -> AgentState:
        """Return which agent is at work."""
        target = self._target
        try:
            found = items_of(
                self._calls,
                "pods",
                f"--namespace={target.namespace}",
                f"--selector={target.selector}",
                f"--field-selector=spec.nodeName={target.node},status.phase=Running",
            )
        except NodeFailed:  # that the cluster does not answer says nothing of the agent
            return self._agent_state
        if not found:
            self._agent_state = AgentState("")
            return self._agent_state
        pod = found[0]
        self._agent_pod = pod["metadata"]["name"]
        restarts = sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))
        self._agent_state = AgentState(pod["metadata"]["uid"], restarts)
        return self._agent_state

    def agent_log(self) -> tuple[str, ...] | None:
        """Return what the agent has logged since the test began; None: it cannot be read."""
        where = f"--namespace={self._target.namespace}"
        try:
            text = self._calls.run("logs", where, self._agent_pod, f"--since-time={self._began}")
        except NodeFailed:
            return None
        return tuple(text.splitlines())

    def close(self) -> None:
        """Remove all pods of any test, also of one that was killed."""
        self._residents = ()
        self._calls.run("delete", "pods", "--all-namespaces", f"--selector={SELECTOR}", *FORCED)

    # ---- pods ----

    def _manifest(self, pod: PodSpec) -> dict[str, Any]:
        tree = export.pod_tree(replace(pod, labels={**pod.labels, OWNER_LABEL: "stress"}))
        tree["metadata"]["namespace"] = pod.namespace
        tree["spec"]["nodeSelector"] = {"kubernetes.io/hostname": self._target.node}
        for container in (*tree["spec"].get("initContainers", ()), *tree["spec"]["containers"]):
            container["image"] = self._target.image
            container.setdefault("command", ["sleep", "infinity"])
        return tree

    def _deleted(self, pods: Sequence[PodSpec]) -> set[str]:
        """Delete pods by force; return the ids of their containers that can still be read."""
        keys = {pod.key for pod in pods}
        gone = [one for one in self._residents if _pod_key(one) in keys]
        unseen = {one.id for one in gone if one.where.startswith(ELSEWHERE)}
        self._residents = tuple(one for one in self._residents if one.id not in unseen)
        for namespace in sorted({pod.namespace for pod in pods}):
            names = [pod.name for pod in pods if pod.namespace == namespace]
            where = f"--namespace={namespace}"
            self._calls.run("delete", "pods", where, *names, *FORCED, "--ignore-not-found")
        return {one.id for one in gone} - unseen

    def _wait_ended(self, ids: set[str]) -> None:
        """Wait until containers have ended, and forget them."""

        def all_ended() -> bool:
            ended = {one.id for one in self._residents if one.id in ids and not self.read(one)}
            self._residents = tuple(one for one in self._residents if one.id not in ended)
            return ids.isdisjoint(one.id for one in self._residents)

        with suppress(waiting.DeadlineError):  # what is left is told by `residents`
            waiting.wait_for("containers to end", all_ended, ENDED_S)

    def _wait_running(self, pods: Sequence[PodSpec]) -> list[str]:
        refusals: dict[str, str] = {}

        def all_run() -> bool:
            found = list(self._found(pods))
            for pod, one in found:
                refusals.update(_refusals(pod, one))
            if self._stopping.is_set():
                raise NodeFailed("the test", "was interrupted")
            return len(found) == len(pods) and all(_has_started(one) for _, one in found)

        try:
            waiting.wait_for("pods to run", all_run, START_S)
        except waiting.DeadlineError as error:
            reason = "; ".join(refusals.values()) or f"do not run after {START_S:g} s"
            raise NodeFailed(", ".join(pod.key for pod in pods), reason) from error
        for pod, one in self._found(pods):
            self._register(pod, one)
        return list(refusals.values())

    def _found(self, pods: Iterable[PodSpec]) -> Iterable[tuple[PodSpec, dict[str, Any]]]:
        """Yield the pods that the cluster has, with what it says of them."""
        everything = items_of(self._calls, "pods", "--all-namespaces", f"--selector={SELECTOR}")
        by_key = {
            f"{one['metadata']['namespace']}/{one['metadata']['name']}": one for one in everything
        }
        return [(pod, by_key[pod.key]) for pod in pods if pod.key in by_key]

    def _register(self, pod: PodSpec, found: dict[str, Any]) -> None:
        """Have the running containers of a pod watched."""
        spec = replace(pod, uid=found["metadata"]["uid"])
        ids = {
            one["name"]: one["containerID"].rpartition("/")[2]
            for one in found["status"]["containerStatuses"]
            if "running" in one["state"]
        }
        self._residents += tuple(
            Resident(
                ids[container.name],
                f"{spec.key}/{container.name}",
                kubernetes.demand_of(spec, container, self._online),
                self._where(spec, container.name, ids[container.name]),
            )
            for container in spec.containers
            if container.name in ids
        )

    # ---- the kernel ----

    def _where(self, pod: PodSpec, container: str, container_id: str) -> str:
        """Return the container's cgroup on this computer, or how to read it from elsewhere."""
        for driver in CgroupDriver:
            path = cgroup_of(kubernetes.cgroup_parent(pod, driver), container_id, driver)
            with suppress(OSError):
                self._tree.read(path)
                return path
        return f"{ELSEWHERE}{pod.namespace} {pod.name} {container}"

    def _read_elsewhere(self, one: Resident) -> Enforced | None:
        namespace, pod, container = one.where.removeprefix(ELSEWHERE).split()
        where = (f"--namespace={namespace}", pod, f"--container={container}")
        try:
            text = self._calls.run("exec", *where, "--", "cat", "/proc/1/status")
        except NodeFailed:
            return None
        lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        cpus = CpuSet.parse(lines["Cpus_allowed_list"].strip())
        return Enforced(cpus, CpuSet.parse(lines["Mems_allowed_list"].strip()), cpus)

    def _is_elsewhere(self) -> bool:
        return any(one.where.startswith(ELSEWHERE) for one in self._residents)


def _pod_key(one: Resident) -> str:
    return one.label.rpartition("/")[0]


def _has_started(found: dict[str, Any]) -> bool:
    statuses = found["status"].get("containerStatuses", ())
    return bool(statuses) and all("waiting" not in one["state"] for one in statuses)


def _refusals(pod: PodSpec, found: dict[str, Any]) -> dict[str, str]:
    """Return what the kubelet says of containers that it could not create, by container."""
    return {
        f"{found['metadata']['uid']}/{one['name']}": f"{pod.key}: {waits.get('message', '')}"
        for one in found["status"].get("containerStatuses", ())
        if (waits := one["state"].get("waiting", {})).get("reason") == "CreateContainerError"
    }
