"""One pod of a manifest, read as the API server would complete it."""

import re

from nodesim import quantity
from nodesim.command import life_of
from nodesim.fields import BadField, Field
from nodesim.kubernetes import most_at_one_time
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy

GRACE_S = 30.0
"""How long a pod may take to end unless it says otherwise (Kubernetes' default)."""

CONTAINERS_MAX = 100
"""The most containers of one pod that are read."""

CRITICAL_CLASS = "system-node-critical"
"""The priority class whose pods the kernel spares, whatever their quality of service."""

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_CPU = "a quantity of cpus that is not negative, such as 2, 500m or 0.5"
_MEMORY = "a quantity of memory that is not negative, such as 100Mi or 2G"


def pod_of(one: Field) -> PodSpec:
    """Read a pod, or the template of one.

    Args:
        one: The document; its metadata names the pod.

    Returns:
        The pod.

    Raises:
        BadField: A value is not allowed.
    """
    metadata, spec = one.get("metadata"), one.get("spec")
    containers = _containers_of(spec)
    return PodSpec(
        name=name_of(one),
        containers=containers,
        namespace=namespace_of(one),
        uid=_text_or(metadata.get("uid"), ""),
        annotations=_texts(metadata.get("annotations")),
        labels=_texts(metadata.get("labels")),
        resources=_whole_of(spec.get("resources"), containers),
        restart_policy=_restart_policy_of(spec.get("restartPolicy")),
        grace_s=spec.get("terminationGracePeriodSeconds").number(GRACE_S),
        owner=_owner_of(metadata.get("ownerReferences")),
        critical=_text_or(spec.get("priorityClassName"), "") == CRITICAL_CLASS,
    )


def name_of(one: Field) -> str:
    """Return the name of a document.

    Raises:
        BadField: It has none that Kubernetes would accept.
    """
    return _named(one.get("metadata").get("name"), _NAME)


def namespace_of(one: Field) -> str:
    """Return the namespace of a document.

    Raises:
        BadField: It is no name that Kubernetes would accept.
    """
    return _named(one.get("metadata").get("namespace"), _LABEL, "default")


def resources_of(field: Field) -> Resources:
    """Read the resources of a container; missing requests are filled in from the limits.

    Args:
        field: A mapping with `requests` and `limits`; may be missing.

    Raises:
        BadField: A value is not allowed, or a request exceeds its limit.
    """
    asked = _asked(field)
    cpu_limit, memory_limit = asked.get("limits.cpu", 0), asked.get("limits.memory", 0)
    return _checked(
        field,
        Resources(
            cpu_request_m=asked.get("requests.cpu", cpu_limit),
            cpu_limit_m=cpu_limit,
            memory_request=asked.get("requests.memory", memory_limit),
            memory_limit=memory_limit,
        ),
    )


def _whole_of(field: Field, containers: tuple[ContainerSpec, ...]) -> Resources | None:
    """Read the resources of the pod itself (KEP-2837).

    A missing request is what the containers ask for together, or else the limit.
    """
    if not field.given:
        return None
    asked = _asked(field)
    if not asked:
        return Resources()
    total = most_at_one_time(PodSpec("", containers))
    cpu_limit, memory_limit = asked.get("limits.cpu", 0), asked.get("limits.memory", 0)
    return _checked(
        field,
        Resources(
            cpu_request_m=asked.get("requests.cpu", total.cpu_request_m or cpu_limit),
            cpu_limit_m=cpu_limit,
            memory_request=asked.get("requests.memory", total.memory_request or memory_limit),
            memory_limit=memory_limit,
        ),
    )


def _asked(field: Field) -> dict[str, int]:
    """Return what is given of cpu and memory, by its path below `resources`."""
    found = {}
    for side in ("requests", "limits"):
        cpu, memory = field.get(side).get("cpu"), field.get(side).get("memory")
        if cpu.given:
            found[f"{side}.cpu"] = cpu.parsed(quantity.parse_milli, _CPU)
        if memory.given:
            found[f"{side}.memory"] = memory.parsed(quantity.parse_bytes, _MEMORY)
    return found


def _checked(field: Field, resources: Resources) -> Resources:
    for name, request, limit in (
        ("cpu", resources.cpu_request_m, resources.cpu_limit_m),
        ("memory", resources.memory_request, resources.memory_limit),
    ):
        given = field.get("limits").get(name)
        if given.given and request > limit:
            asked = field.get("requests").get(name)
            raise (asked if asked.given else given).bad("a request that does not exceed its limit")
    return resources


def _containers_of(spec: Field) -> tuple[ContainerSpec, ...]:
    first = [(one, _init_kind_of(one)) for one in _listed(spec.get("initContainers"))]
    apps = [(one, ContainerKind.APP) for one in _listed(spec.get("containers"))]
    if not apps:
        raise BadField(spec.get("containers").place, None, "at least one container")
    containers = tuple(_container_of(one, kind) for one, kind in first + apps)
    names: set[str] = set()
    for (one, _), container in zip(first + apps, containers, strict=True):
        if container.name in names:
            raise one.get("name").bad("a name that no other container of the pod has")
        names.add(container.name)
    return containers


def _listed(field: Field) -> list[Field]:
    several = field.items()
    if len(several) > CONTAINERS_MAX:
        raise BadField(field.place, f"{len(several)} containers", f"at most {CONTAINERS_MAX}")
    return several


def _init_kind_of(one: Field) -> ContainerKind:
    policy = one.get("restartPolicy")
    if policy.given and policy.value != RestartPolicy.ALWAYS.value:
        raise policy.bad("Always, which makes a sidecar, or none")
    return ContainerKind.SIDECAR if policy.given else ContainerKind.INIT


def _container_of(one: Field, kind: ContainerKind) -> ContainerSpec:
    words = [word.text() for word in one.get("command").items() + one.get("args").items()]
    life = life_of(words)
    return ContainerSpec(
        name=_named(one.get("name"), _LABEL),
        resources=resources_of(one.get("resources")),
        kind=kind,
        life_s=life.life_s,
        exit_code=life.exit_code,
        heeds_term=life.heeds_term,
    )


def _restart_policy_of(field: Field) -> RestartPolicy:
    if not field.given:
        return RestartPolicy.ALWAYS
    return field.parsed(RestartPolicy, "Always, OnFailure or Never")


def _owner_of(field: Field) -> str:
    owners = field.items()
    return f"{owners[0].get('kind').text()}/{owners[0].get('name').text()}" if owners else ""


def _texts(field: Field) -> dict[str, str]:
    return {key: one.text() for key, one in field.fields().items()}


def _text_or(field: Field, default: str) -> str:
    return field.text() if field.given else default


def _named(field: Field, form: re.Pattern[str], default: str = "") -> str:
    name = _text_or(field, default) if default else field.value
    if not isinstance(name, str) or not form.fullmatch(name):
        raise field.bad("a name of small letters, digits and dashes, such as web-1")
    return name
