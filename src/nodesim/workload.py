"""Pods as values: what a user asks for, in the units that a kubelet computes with.

`manifest` makes these from Kubernetes YAML, `storm` draws them from a seed. Everything
that a container gets (its class, its cpus) is told from these values alone, so that the
checker judges the agent by the manifest, not by what the agent believes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ContainerKind(Enum):
    """What part a container has in its pod's life."""

    INIT = "init"
    """Runs to its end before the next one starts."""
    SIDECAR = "sidecar"
    """An init container with restartPolicy Always: starts in its turn and stays."""
    APP = "app"
    """Starts when all init containers have ended."""


class RestartPolicy(Enum):
    """When a kubelet starts an ended app container again."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class Qos(Enum):
    """A pod's quality of service class."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits; 0 means: not given.

    Attributes:
        cpu_request_m: CPU request in thousandths of a cpu.
        cpu_limit_m: CPU limit in thousandths of a cpu.
        memory_request: Memory request in bytes.
        memory_limit: Memory limit in bytes.
    """

    cpu_request_m: int = 0
    cpu_limit_m: int = 0
    memory_request: int = 0
    memory_limit: int = 0


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container of a pod.

    Attributes:
        name: Its name within the pod.
        resources: What it asks for, requests filled in from limits as the API server does.
        kind: Its part in the pod's life.
        life_s: After how many seconds it ends by itself; None: it runs until it is stopped.
        exit_code: With which code it then ends.
        heeds_term: Whether it ends at once when it is asked to. The first process of a
            container ignores SIGTERM unless it has a handler for it (`sleep` has none).
    """

    name: str
    resources: Resources = Resources()
    kind: ContainerKind = ContainerKind.APP
    life_s: float | None = None
    exit_code: int = 0
    heeds_term: bool = False


@dataclass(frozen=True, slots=True)
class PodSpec:
    """A pod.

    Attributes:
        name: Its name.
        containers: Its containers: init containers and sidecars first, in manifest order.
        namespace: Its namespace.
        uid: Its Kubernetes uid; unique in a simulation, filled in when the pod is applied.
        annotations: Its annotations.
        labels: Its labels.
        resources: The pod's own requests and limits (KEP-2837), or None.
        restart_policy: When ended app containers are started again.
        grace_s: How long a container may take to end when the pod is deleted, in seconds.
        owner: The workload that it is a replica of, as `Kind/name`; empty for a bare pod.
        critical: Whether its priority is that of node-critical pods.
    """

    name: str
    containers: tuple[ContainerSpec, ...]
    namespace: str = "default"
    uid: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Resources | None = None
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    grace_s: float = 30.0
    owner: str = ""
    critical: bool = False

    @property
    def key(self) -> str:
        """Its name for people and in scenarios: `namespace/name`."""
        return f"{self.namespace}/{self.name}"
