"""One pod of a manifest: what is read of it, what is filled in, and what is refused."""

import copy
from typing import Any

import pytest

from nodesim.fields import BadField, Field, Place
from nodesim.podspec import CONTAINERS_MAX, pod_of, resources_of
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy

MI = 1 << 20
WEB: dict[str, Any] = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}}


def read(tree: dict[str, Any]) -> PodSpec:
    """Read a pod."""
    return pod_of(Field(tree, Place("pods.yaml")))


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the manifest of a small pod with one value put in."""
    tree = copy.deepcopy(WEB)
    *way, last = path.split(".")
    here: Any = tree
    for key in way:
        here = here[int(key)] if isinstance(here, list) else here.setdefault(key, {})
    here[last] = value
    return tree


def refused(path: str, value: object) -> BadField:
    """Return the error of a pod with one value put in."""
    with pytest.raises(BadField) as caught:
        read(changed(path, value))
    return caught.value


def test_the_smallest_pod_has_the_defaults_of_kubernetes() -> None:
    """Namespace, restart policy and grace are filled in."""
    assert PodSpec("web", (ContainerSpec("app"),)) == read(WEB)
    assert "default/web" == read(WEB).key


def test_all_that_bears_on_a_pods_life_is_read() -> None:
    """Each value lands where it belongs."""
    tree = {
        "metadata": {
            "name": "web.1",
            "namespace": "shop",
            "uid": "u-1",
            "annotations": {"weka.io/cores-ids": "2,3"},
            "labels": {"app": "web"},
            "ownerReferences": [{"kind": "Deployment", "name": "web"}, {"kind": "x"}],
        },
        "spec": {
            "restartPolicy": "OnFailure",
            "terminationGracePeriodSeconds": 5,
            "priorityClassName": "system-node-critical",
            "resources": {"limits": {"cpu": 4, "memory": "1Gi"}},
            "nodeSelector": {"passed": "over"},
            "containers": [
                {"name": "app", "command": ["sh", "-c"], "args": ["sleep 3; exit 7"]},
                {"name": "more", "args": ["serve"]},
            ],
            "initContainers": [
                {"name": "first", "command": ["true"]},
                {"name": "side", "restartPolicy": "Always"},
            ],
        },
    }
    assert read(tree) == PodSpec(
        name="web.1",
        containers=(
            ContainerSpec("first", kind=ContainerKind.INIT, life_s=0.0),
            ContainerSpec("side", kind=ContainerKind.SIDECAR),
            ContainerSpec("app", life_s=3.0, exit_code=7),
            ContainerSpec("more"),
        ),
        namespace="shop",
        uid="u-1",
        annotations={"weka.io/cores-ids": "2,3"},
        labels={"app": "web"},
        resources=Resources(4000, 4000, 1 << 30, 1 << 30),
        restart_policy=RestartPolicy.ON_FAILURE,
        grace_s=5.0,
        owner="Deployment/web",
        critical=True,
    )


@pytest.mark.parametrize(
    ("expected", "asked"),
    [
        (Resources(), None),
        (Resources(), {"requests": None, "limits": {}}),
        (Resources(500, 500, 0, 0), {"limits": {"cpu": "500m"}}),
        (Resources(0, 500, 0, 0), {"limits": {"cpu": "500m"}, "requests": {"cpu": 0}}),
        (Resources(250, 500, 0, 0), {"limits": {"cpu": 0.5}, "requests": {"cpu": "250m"}}),
        (Resources(250, 0, 0, 0), {"requests": {"cpu": "250m"}}),
        (Resources(0, 0, 64 * MI, 64 * MI), {"limits": {"memory": "64Mi"}}),
        (Resources(0, 0, 64 * MI, 0), {"requests": {"memory": "64Mi"}}),
        (Resources(2000, 2000, 1000, 1000), {"limits": {"cpu": 2, "memory": "1k"}}),
        (Resources(), {"limits": {"nvidia.com/gpu": 1, "hugepages-2Mi": "4Mi"}}),
    ],
)
def test_missing_requests_are_filled_in_from_limits(
    expected: Resources, asked: dict[str, Any] | None
) -> None:
    """As the API server does; resources of other kinds are passed over."""
    assert expected == resources_of(Field(asked, Place("pods.yaml")))


@pytest.mark.parametrize(
    ("expected", "whole"),
    [
        (None, None),
        (Resources(), {}),
        (Resources(1500, 4000, 96 * MI, 0), {"limits": {"cpu": 4}}),
        (Resources(3000, 4000, 96 * MI, 0), {"limits": {"cpu": 4}, "requests": {"cpu": 3}}),
    ],
)
def test_missing_requests_of_the_pod_are_those_of_its_containers(
    expected: Resources | None, whole: dict[str, Any] | None
) -> None:
    """The sum of what runs at one time, and not the limit (KEP-2837)."""
    tree = changed("spec.resources", whole)
    tree["spec"]["containers"] = [
        {"name": "one", "resources": {"limits": {"cpu": 1, "memory": "64Mi"}}},
        {"name": "two", "resources": {"limits": {"cpu": "500m", "memory": "32Mi"}}},
    ]
    assert expected == read(tree).resources


def test_a_request_of_the_pod_that_nobody_has_made_is_its_limit() -> None:
    """No container asks for anything."""
    tree = changed("spec.resources", {"limits": {"cpu": 2, "memory": "1Ki"}})
    assert Resources(2000, 2000, 1024, 1024) == read(tree).resources


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        ("metadata.name", None, "a name of small letters"),
        ("metadata.name", 5, "a name of small letters"),
        ("metadata.name", "Web", "a name of small letters"),
        ("metadata.name", "-web", "a name of small letters"),
        ("metadata.name", "w" * 254, "a name of small letters"),
        ("metadata.name", "web\n", "a name of small letters"),
        ("metadata.namespace", "a.b", "a name of small letters"),
        ("metadata.namespace", 5, "text"),
        ("metadata.uid", 5, "text"),
        ("metadata.annotations", ["a"], "a mapping"),
        ("metadata.annotations", {"weka.io/cores-ids": 3}, "text; quote it"),
        ("metadata.annotations", {"weka.io/cores-ids": None}, "text; quote it"),
        ("metadata.labels", {"on": True}, "text; quote it"),
        ("metadata.ownerReferences", {"kind": "Job"}, "a list"),
        ("metadata.ownerReferences", [{"kind": "Job"}], "text"),
        ("metadata", "web", "a mapping"),
        ("spec", [], "a mapping"),
        ("spec.containers", None, "at least one container"),
        ("spec.containers", [], "at least one container"),
        ("spec.containers", "app", "a list"),
        ("spec.containers", ["app"], "a mapping"),
        ("spec.containers", [{"image": "x"}], "a name of small letters"),
        ("spec.containers", [{"name": "a.b"}], "a name of small letters"),
        ("spec.containers", [{"name": "a"}] * 2, "a name that no other container of the pod has"),
        ("spec.containers", [{"name": "a"}] * (CONTAINERS_MAX + 1), f"at most {CONTAINERS_MAX}"),
        ("spec.initContainers", [{"name": "app"}], "at least one container"),
        ("spec.restartPolicy", "never", "Always, OnFailure or Never"),
        ("spec.restartPolicy", True, "Always, OnFailure or Never"),
        ("spec.terminationGracePeriodSeconds", -1, "a number from 0"),
        ("spec.terminationGracePeriodSeconds", "30", "a number from 0"),
        ("spec.priorityClassName", 1, "text"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(path: str, value: object, allowed: str) -> None:
    """The error names the place and what would be right."""
    tree = changed(path, value)
    if path == "spec.initContainers":
        del tree["spec"]["containers"]
    with pytest.raises(BadField) as caught:
        read(tree)
    assert caught.value.place.path.startswith(path.partition(".")[0])
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "path", "allowed"),
    [
        ("command", "sleep 5", "command", "a list"),
        ("command", ["sleep", 5], "command[1]", "text; quote it"),
        ("args", [None], "args[0]", "text"),
        ("resources", "big", "resources", "a mapping"),
        ("resources", {"limits": {"cpu": "two"}}, "resources.limits.cpu", "such as 2, 500m or 0.5"),
        ("resources", {"limits": {"cpu": "-1"}}, "resources.limits.cpu", "not negative"),
        ("resources", {"limits": {"cpu": True}}, "resources.limits.cpu", "a quantity"),
        ("resources", {"limits": {"cpu": float("inf")}}, "resources.limits.cpu", "a quantity"),
        ("resources", {"limits": {"cpu": 10**90}}, "resources.limits.cpu", "a quantity"),
        ("resources", {"requests": {"memory": "1GB"}}, "resources.requests.memory", "100Mi or 2G"),
        ("resources", {"limits": [1]}, "resources.limits", "a mapping"),
        (
            "resources",
            {"limits": {"cpu": 1}, "requests": {"cpu": "1001m"}},
            "resources.requests.cpu",
            "a request that does not exceed its limit",
        ),
        (
            "resources",
            {"limits": {"memory": 0}, "requests": {"memory": 1}},
            "resources.requests.memory",
            "a request that does not exceed its limit",
        ),
    ],
)
def test_a_container_that_cannot_be_is_refused(
    key: str, value: object, path: str, allowed: str
) -> None:
    """The path leads to the very value."""
    error = refused("spec.containers.0." + key, value)
    assert f"spec.containers[0].{path}" == error.place.path
    assert allowed in str(error)


def test_a_limit_of_the_pod_below_what_its_containers_ask_for_is_refused() -> None:
    """Nobody wrote the request, so the error is at the limit."""
    tree = changed("spec.containers.0.resources", {"requests": {"cpu": 3}})
    tree["spec"]["resources"] = {"limits": {"cpu": 2}}
    with pytest.raises(BadField, match=r"spec.resources.limits.cpu: 2 .* does not exceed"):
        read(tree)


@pytest.mark.parametrize("policy", ["Never", "OnFailure", "always", True])
def test_an_init_container_starts_again_always_or_never(policy: object) -> None:
    """Only sidecars have a policy of their own."""
    error = refused("spec.initContainers", [{"name": "first", "restartPolicy": policy}])
    assert "spec.initContainers[0].restartPolicy" == error.place.path
    assert "Always, which makes a sidecar" in error.allowed
