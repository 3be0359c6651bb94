"""Pods as the manifests that would make them: the inverse of `manifest`."""

from typing import Any

from nodesim.command import Life, command_of
from nodesim.podspec import CRITICAL_CLASS, GRACE_S
from nodesim.quantity import write_bytes, write_milli
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy


def pod_tree(pod: PodSpec) -> dict[str, Any]:
    """Return a pod as the tree of its manifest, without what is Kubernetes' default.

    Args:
        pod: The pod.

    Returns:
        A tree that `manifest.gather` reads as an equal pod.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata_tree(pod),
        "spec": _spec_tree(pod),
    }


def resources_tree(resources: Resources) -> dict[str, Any]:
    """Return resources as `requests` and `limits`; a request that equals its limit is left out."""
    cpu, memory = resources.cpu_request_m, resources.memory_request
    requests = {
        **({"cpu": write_milli(cpu)} if cpu != resources.cpu_limit_m else {}),
        **({"memory": write_bytes(memory)} if memory != resources.memory_limit else {}),
    }
    limits = {
        **({"cpu": write_milli(resources.cpu_limit_m)} if resources.cpu_limit_m else {}),
        **({"memory": write_bytes(resources.memory_limit)} if resources.memory_limit else {}),
    }
    return _filled({"requests": requests, "limits": limits})


def seconds(value: float) -> float:
    """Return seconds as a person writes them: whole ones without a point."""
    return int(value) if value.is_integer() else value


def _metadata_tree(pod: PodSpec) -> dict[str, Any]:
    kind, _, name = pod.owner.partition("/")
    return _filled(
        {
            "name": pod.name,
            "namespace": pod.namespace if pod.namespace != "default" else None,
            "uid": pod.uid,
            "annotations": dict(pod.annotations),
            "labels": dict(pod.labels),
            "ownerReferences": [{"kind": kind, "name": name}] if pod.owner else None,
        }
    )


def _spec_tree(pod: PodSpec) -> dict[str, Any]:
    first = [one for one in pod.containers if one.kind is not ContainerKind.APP]
    apps = [one for one in pod.containers if one.kind is ContainerKind.APP]
    always = pod.restart_policy is RestartPolicy.ALWAYS
    tree = _filled(
        {
            "initContainers": [_container_tree(one) for one in first],
            "containers": [_container_tree(one) for one in apps],
            "restartPolicy": None if always else pod.restart_policy.value,
            "priorityClassName": CRITICAL_CLASS if pod.critical else None,
        }
    )
    if pod.grace_s != GRACE_S:
        tree["terminationGracePeriodSeconds"] = seconds(pod.grace_s)
    if pod.resources is not None:
        tree["resources"] = _whole_tree(pod.resources)
    return tree


def _whole_tree(resources: Resources) -> dict[str, Any]:
    """Return the pod's own resources, all requests written: their defaults are not its limits."""
    if resources == Resources():
        return {}
    limits = {
        "cpu": write_milli(resources.cpu_limit_m) if resources.cpu_limit_m else None,
        "memory": write_bytes(resources.memory_limit) if resources.memory_limit else None,
    }
    requests = {
        "cpu": write_milli(resources.cpu_request_m),
        "memory": write_bytes(resources.memory_request),
    }
    return {"requests": requests, "limits": _filled(limits)}


def _container_tree(container: ContainerSpec) -> dict[str, Any]:
    life = Life(container.life_s, container.exit_code, container.heeds_term)
    return _filled(
        {
            "name": container.name,
            "command": command_of(life) if life != Life() else None,
            "restartPolicy": "Always" if container.kind is ContainerKind.SIDECAR else None,
            "resources": resources_tree(container.resources),
        }
    )


def _filled(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a tree without what is empty."""
    return {key: value for key, value in tree.items() if value}
