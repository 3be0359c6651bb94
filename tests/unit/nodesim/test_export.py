"""Pods as manifests: nothing is written that Kubernetes would fill in."""

from nodesim.export import pod_tree, resources_tree, seconds
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy

GI = 1 << 30


def test_a_plain_pod_is_a_short_manifest() -> None:
    """Defaults are left out."""
    assert pod_tree(PodSpec("web", (ContainerSpec("app"),))) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "app"}]},
    }


def test_all_that_is_no_default_is_written() -> None:
    """In the words of a manifest."""
    pod = PodSpec(
        "web-1",
        (
            ContainerSpec("first", kind=ContainerKind.INIT, life_s=1.5),
            ContainerSpec("side", kind=ContainerKind.SIDECAR, heeds_term=True),
            ContainerSpec("app", Resources(1000, 1000, GI, GI), exit_code=3, life_s=2.0),
        ),
        namespace="shop",
        uid="u-1",
        annotations={"weka.io/cores-ids": "2"},
        labels={"app": "web"},
        resources=Resources(1000, 2000, GI, 0),
        restart_policy=RestartPolicy.NEVER,
        grace_s=0.0,
        owner="Deployment/web",
        critical=True,
    )
    tree = pod_tree(pod)
    assert tree["metadata"] == {
        "name": "web-1",
        "namespace": "shop",
        "uid": "u-1",
        "annotations": {"weka.io/cores-ids": "2"},
        "labels": {"app": "web"},
        "ownerReferences": [{"kind": "Deployment", "name": "web"}],
    }
    assert tree["spec"] == {
        "initContainers": [
            {"name": "first", "command": ["sleep", "1.5"]},
            {
                "name": "side",
                "command": ["sh", "-c", "trap exit TERM; sleep infinity & wait"],
                "restartPolicy": "Always",
            },
        ],
        "containers": [
            {
                "name": "app",
                "command": ["sh", "-c", "sleep 2; exit 3"],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            }
        ],
        "restartPolicy": "Never",
        "priorityClassName": "system-node-critical",
        "terminationGracePeriodSeconds": 0,
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}},
    }


def test_a_request_that_equals_its_limit_is_left_out() -> None:
    """It is filled in from the limit; a smaller one, and one of zero, is written."""
    assert resources_tree(Resources(500, 500, 7, 7)) == {"limits": {"cpu": "500m", "memory": "7"}}
    assert resources_tree(Resources(0, 500)) == {
        "requests": {"cpu": "0"},
        "limits": {"cpu": "500m"},
    }
    assert resources_tree(Resources()) == {}


def test_empty_resources_of_the_pod_itself_are_not_none() -> None:
    """They change how its quality of service is told."""
    pod = PodSpec("web", (ContainerSpec("app"),), resources=Resources())
    assert pod_tree(pod)["spec"]["resources"] == {}


def test_seconds_are_written_as_people_do() -> None:
    """Whole ones without a point."""
    assert ["30", "0.5"] == [repr(seconds(30.0)), repr(seconds(0.5))]
