"""Kubernetes manifests: which pods a file asks for.

Understood are the kinds in `KINDS` as far as they bear on where a container may run and how
long it lives (docs/reference/manifests.md). Other kinds are passed over and told.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nodesim import documents
from nodesim.fields import BadField, Field
from nodesim.podspec import name_of, namespace_of, pod_of
from nodesim.workload import PodSpec, RestartPolicy

PODS_MAX = 10_000
"""The most pods that one file may ask for."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A document that makes no pods.

    Attributes:
        kind: What it is.
        name: Its name; empty if it has none.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file asks for.

    Attributes:
        pods: The pods, in the order of the file.
        ignored: What was passed over.
    """

    pods: tuple[PodSpec, ...]
    ignored: tuple[Ignored, ...] = ()


def load(path: Path) -> Manifest:
    """Read a file of Kubernetes manifests.

    Args:
        path: The file.

    Returns:
        Its pods, and what was passed over.

    Raises:
        UnreadableFile: It cannot be read, is too large, or is not YAML.
        BadField: A value in it is not allowed.
    """
    return parse(documents.read(path), str(path))


def parse(data: str | bytes, file: str) -> Manifest:
    """Read Kubernetes manifests.

    Args:
        data: YAML, with any number of documents.
        file: A name for it, for errors.

    Returns:
        The pods, and what was passed over.

    Raises:
        UnreadableFile: It is too large, or is not YAML.
        BadField: A value in it is not allowed.
    """
    return gather(documents.parse(data, file))


def gather(trees: list[Field]) -> Manifest:
    """Read manifests that have been parsed.

    Args:
        trees: One for each document.

    Returns:
        The pods, and what was passed over.

    Raises:
        BadField: A value is not allowed.
    """
    pods: dict[str, PodSpec] = {}
    ignored = []
    for one in _unlisted(trees):
        kind = _kind_of(one)
        if kind not in KINDS:
            name = one.get("metadata").get("name").value if one.get("metadata").given else ""
            ignored.append(Ignored(kind, name if isinstance(name, str) else ""))
            continue
        for pod in KINDS[kind](one, kind):
            if pod.key in pods:
                raise one.get("metadata").get("name").bad(f"a name that makes no second {pod.key}")
            if len(pods) == PODS_MAX:
                raise BadField(one.place, f"{PODS_MAX + 1} pods", f"at most {PODS_MAX} pods")
            pods[pod.key] = pod
    return Manifest(tuple(pods.values()), tuple(ignored))


def _unlisted(trees: list[Field]) -> Iterator[Field]:
    """Yield the documents, those of a List one by one."""
    for one in trees:
        if one.get("kind").value == "List":
            yield from one.get("items").items()
        else:
            yield one


def _kind_of(one: Field) -> str:
    kind = one.get("kind")
    if not isinstance(kind.value, str) or not kind.value:
        raise kind.bad("the kind of a Kubernetes object, such as Pod")
    return kind.value


# ---- one function for each shape of workload ----


def _pod(one: Field, kind: str) -> Iterator[PodSpec]:  # noqa: ARG001  # all kinds are read alike
    yield pod_of(one)


def _replicas(one: Field, kind: str) -> Iterator[PodSpec]:
    count = one.get("spec").get("replicas").count(1, PODS_MAX)
    return _numbered(one, kind, range(1, count + 1))


def _ordinals(one: Field, kind: str) -> Iterator[PodSpec]:
    return _numbered(one, kind, range(one.get("spec").get("replicas").count(1, PODS_MAX)))


def _one_per_node(one: Field, kind: str) -> Iterator[PodSpec]:
    return _numbered(one, kind, range(1, 2))


def _job(one: Field, kind: str) -> Iterator[PodSpec]:
    """Yield the pods that a job runs at one time."""
    spec = one.get("spec")
    parallel = spec.get("parallelism").count(1, PODS_MAX)
    count = min(parallel, spec.get("completions").count(parallel, PODS_MAX))
    return _numbered(one, kind, range(1, 1 if spec.get("suspend").flag() else count + 1))


def _numbered(one: Field, kind: str, numbers: range) -> Iterator[PodSpec]:
    """Yield the pods of a workload, alike but for their names."""
    name = name_of(one)
    template = one.get("spec").get("template")
    # The workload gives its pods a name and its own namespace, whatever the template says.
    namespace = namespace_of(one)
    metadata = template.get("metadata").fields() if template.get("metadata").given else {}
    named: Mapping[str, object] = {
        **{key: field.value for key, field in metadata.items()},
        "name": name,
        "namespace": namespace,
    }
    whole = replace(template, value={**_raw(template), "metadata": named})
    pod = pod_of(whole)
    _check_restart_policy(template, kind, pod.restart_policy)
    for number in numbers:
        yield replace(pod, name=f"{name}-{number}", owner=f"{kind}/{name}")


def _raw(template: Field) -> dict[str, object]:
    return {key: field.value for key, field in template.fields().items()}


def _check_restart_policy(template: Field, kind: str, policy: RestartPolicy) -> None:
    """Refuse what the API server refuses: jobs end, all other workloads do not."""
    field = template.get("spec").get("restartPolicy")
    if kind == "Job" and policy is RestartPolicy.ALWAYS:
        raise field.bad("Never or OnFailure in a Job")
    if kind != "Job" and policy is not RestartPolicy.ALWAYS:
        raise field.bad(f"Always in a {kind}")


KINDS: Mapping[str, Callable[[Field, str], Iterator[PodSpec]]] = {
    "Pod": _pod,
    "Deployment": _replicas,
    "ReplicaSet": _replicas,
    "StatefulSet": _ordinals,
    "DaemonSet": _one_per_node,
    "Job": _job,
}
"""How the pods of each kind are made."""
