"""A node in memory that does what it is told, or does not."""

from collections.abc import Sequence

from nodesim import kubernetes
from nodesim.workload import ContainerSpec, PodSpec, Resources
from nodestress.node import AgentState, NodeFailed, Resident
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import AnnotatedDemand, CpuSet, IntegerDemand

ONLINE = CpuSet.parse("0-7")


def shared(name: str, life_s: float | None = None) -> PodSpec:
    """Return a pod that runs in the pool."""
    return PodSpec(name, (ContainerSpec("c", Resources(50, 100, 1 << 20, 1 << 20), life_s=life_s),))


def integer(name: str, cpus: int = 1, life_s: float | None = None) -> PodSpec:
    """Return a pod with cpus of its own."""
    asked = Resources(1000 * cpus, 1000 * cpus, 1 << 20, 1 << 20)
    return PodSpec(name, (ContainerSpec("c", asked, life_s=life_s),))


def annotated(name: str, cpus: str, life_s: float | None = None) -> PodSpec:
    """Return a pod that names its cpus."""
    pod = shared(name, life_s)
    return PodSpec(name, pod.containers, annotations={"weka.io/cores-ids": cpus})


class FakeNode:
    """A node that places at once and by the rules; tests make it do otherwise.

    Attributes:
        misplaced: Cpus that containers have instead, by label.
        refusals: What `replace` reports.
        state: The agent.
        lines: The agent's log.
        on_replace: Called at each round.
        closed: How often it was cleaned up.
    """

    name = "fake, 8 cpus"
    removal_s = 0.0
    look_s = 0.001

    def __init__(self) -> None:
        self.misplaced: dict[str, str] = {}
        self.refusals: list[str] = []
        self.state = AgentState("1")
        self.lines: list[str] | None = []
        self.closed = 0
        self.problems: list[str] = []
        self.pings_fail = False
        # Replaced as a whole and never changed: watchers look at it from their threads.
        self._pods: dict[str, tuple[Resident, ...]] = {}
        self._count = 0

    @property
    def online(self) -> CpuSet:
        return ONLINE

    def on_replace(self) -> None:
        """Nothing happens beside."""

    def create(self, pods: Sequence[PodSpec]) -> list[str]:
        more = {}
        for pod in pods:
            self._count += 1
            more[pod.key] = tuple(
                Resident(
                    f"{self._count}-{one.name}",
                    f"{pod.key}/{one.name}",
                    kubernetes.demand_of(pod, one, ONLINE),
                    "",
                )
                for one in pod.containers
            )
        self._pods = self._pods | more
        return []

    def replace(self, pods: Sequence[PodSpec]) -> list[str]:
        self.on_replace()
        self.delete(pods)
        self.create(pods)
        return list(self.refusals)

    def wait_completed(self, pods: Sequence[PodSpec], deadline_s: float) -> list[str]:  # noqa: ARG002
        return self.problems

    def delete(self, pods: Sequence[PodSpec]) -> None:
        gone = {pod.key for pod in pods}
        self._pods = {key: one for key, one in self._pods.items() if key not in gone}
        if self.lines is not None:
            self.lines += ["INFO: Removing container", "INFO: reason=container removal"] * len(gone)

    def residents(self) -> tuple[Resident, ...]:
        return tuple(one for several in self._pods.values() for one in several)

    def read(self, one: Resident) -> Enforced | None:
        wrong = self.misplaced.get(one.label)
        cpus = CpuSet.parse(wrong) if wrong else self._placed().get(one.id)
        return None if cpus is None else Enforced(cpus, CpuSet.parse("0"), cpus)

    def memory_nodes(self, cpus: CpuSet) -> CpuSet | None:  # noqa: ARG002
        return CpuSet.parse("0")

    def ping(self) -> None:
        if self.pings_fail:
            raise NodeFailed("the runtime", "hangs")

    def agent(self) -> AgentState:
        return self.state

    def agent_log(self) -> tuple[str, ...] | None:
        return None if self.lines is None else tuple(self.lines)

    def close(self) -> None:
        self.closed += 1
        self._pods = {}

    def _placed(self) -> dict[str, CpuSet]:
        """Return where each container is by the rules."""
        everybody = self.residents()
        free, placed = ONLINE, {}
        for one in everybody:
            if isinstance(one.demand, AnnotatedDemand):
                placed[one.id] = one.demand.cpus
                free -= one.demand.cpus
        for one in everybody:
            if isinstance(one.demand, IntegerDemand):
                placed[one.id] = CpuSet.of(list(free)[: one.demand.count])
                free -= placed[one.id]
        return {one.id: placed.get(one.id, free) for one in everybody}
