"""The pods of the test, and whether a node has room for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from nodesim import kubernetes, manifest
from nodesim.documents import UnreadableFile
from nodesim.plan import WrongOptions
from nodesim.workload import PodSpec
from weka_cpuset.engine import AnnotatedDemand, CpuSet, Demand, IntegerDemand

COMPLETING = "crash-test-pods.yaml"
DELETED = "stress-race-test.yaml"
"""The files with the operators' own pods, in the folder `seed` of this package."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The pods of the test.

    Attributes:
        completing: Those that run to their own end, once.
        deleted: Those that are deleted by force and created again, round after round.
    """

    completing: tuple[PodSpec, ...]
    deleted: tuple[PodSpec, ...]

    @property
    def pods(self) -> tuple[PodSpec, ...]:
        """All pods."""
        return (*self.completing, *self.deleted)


def load(completing: Path | None, deleted: Path | None) -> Workload:
    """Read the pods of the test.

    Args:
        completing: A file of manifests; None: the operators' own four pods.
        deleted: A file of manifests; None: the operators' own three pods.

    Raises:
        nodesim.fields.InputError: A file cannot be read, or its pods cannot be used.
    """
    workload = Workload(_load(completing, COMPLETING), _load(deleted, DELETED))
    for pod in workload.completing:
        for container in pod.containers:
            if container.life_s is None:
                raise WrongOptions(
                    f"{pod.key}/{container.name} runs for ever",
                    "give it a command that ends, such as [sleep, '15']",
                )
    return workload


def check_fit(workload: Workload, online: CpuSet) -> None:
    """See whether a node can run the pods at all.

    Args:
        workload: The pods.
        online: The node's online cpus.

    Raises:
        WrongOptions: It cannot.
    """
    for pods in (workload.completing, workload.deleted):
        for pod in pods:
            if None in demands_of([pod], online):
                raise WrongOptions(
                    f"{pod.key} names cpus that this node, with cpus {online}, does not have",
                    "give pods that fit with --completing and --deleted",
                )
        if not has_room(demands_of(pods, online), online):
            raise WrongOptions(
                f"the {len(pods)} pods from {pods[0].key} on need more cpus than this node has, "
                f"{len(online)}",
                "give pods that fit with --completing and --deleted",
            )


def demands_of(pods: Iterable[PodSpec], online: CpuSet) -> tuple[Demand | None, ...]:
    """Return what the containers of pods must get, by their manifests.

    Args:
        pods: The pods.
        online: The node's online cpus.
    """
    return tuple(
        kubernetes.demand_of(pod, container, online) for pod in pods for container in pod.containers
    )


def has_room(demands: Iterable[Demand | None], online: CpuSet) -> bool:
    """Tell whether all these containers can run at one time, with a cpu left to share.

    Args:
        demands: What they must get.
        online: The node's online cpus.
    """
    named, count = CpuSet.EMPTY, 0
    for demand in demands:
        match demand:
            case AnnotatedDemand(cpus):
                named |= cpus
            case IntegerDemand(cpu_count):
                count += cpu_count
            case _:
                pass
    return len(named) + count < len(online)


def _load(file: Path | None, default: str) -> tuple[PodSpec, ...]:
    if file is None:
        text = resources.files("nodestress").joinpath("seed", default).read_text()
        return manifest.parse(text, default).pods
    pods = manifest.load(file).pods
    if not pods:
        raise UnreadableFile(str(file), "it has no pods")
    return pods
