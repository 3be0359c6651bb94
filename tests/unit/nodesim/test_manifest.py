"""Kubernetes manifests: which pods a file asks for."""

from pathlib import Path

import pytest

from nodesim import documents, manifest
from nodesim.fields import BadField
from nodesim.manifest import Ignored, Manifest
from nodesim.workload import PodSpec, RestartPolicy

SPEC = "spec: {containers: [{name: app}]}"
TEMPLATE = f"template: {{metadata: {{labels: {{app: web}}}}, {SPEC}}}"


def read(text: str) -> Manifest:
    """Read manifests."""
    return manifest.parse(text, "pods.yaml")


def workload(kind: str, spec: str = "", metadata: str = "name: web") -> str:
    """Return the manifest of a workload."""
    body = ", ".join(filter(None, (spec, TEMPLATE)))
    return f"{{kind: {kind}, metadata: {{{metadata}}}, spec: {{{body}}}}}"


def job(spec: str = "", policy: str = "restartPolicy: Never") -> str:
    """Return the manifest of a job."""
    return workload("Job", spec).replace("spec: {containers", f"spec: {{{policy}, containers")


def keys(text: str) -> list[str]:
    """Return the pods' names for people."""
    return [pod.key for pod in read(text).pods]


def refused(text: str) -> BadField:
    """Return the error of manifests that are refused."""
    with pytest.raises(BadField) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (["default/web"], f"{{kind: Pod, metadata: {{name: web}}, {SPEC}}}"),
        (["default/web-1"], workload("Deployment")),
        (["default/web-1", "default/web-2"], workload("Deployment", "replicas: 2")),
        (["default/web-1", "default/web-2"], workload("ReplicaSet", "replicas: 2")),
        (["default/web-0", "default/web-1"], workload("StatefulSet", "replicas: 2")),
        (["default/web-0"], workload("StatefulSet")),
        ([], workload("Deployment", "replicas: 0")),
        (["default/web-1"], workload("DaemonSet", "replicas: 5")),
        (["shop/web-1"], workload("DaemonSet", "", "name: web, namespace: shop")),
        (["default/web-1"], job()),
        (["default/web-1", "default/web-2"], job("parallelism: 2, completions: 9")),
        (["default/web-1", "default/web-2"], job("parallelism: 5, completions: 2")),
        (["default/web-1", "default/web-2"], job("parallelism: 2")),
        (["default/web-1"], job("completions: 3")),
        ([], job("parallelism: 2, suspend: true")),
    ],
)
def test_pods_are_named_after_their_workload(expected: list[str], text: str) -> None:
    """With a number, so that names are the same each time; jobs run so many at one time."""
    assert expected == keys(text)


def test_pods_know_their_workload_and_its_template() -> None:
    """All are alike but for their names."""
    first, second = read(workload("StatefulSet", "replicas: 2")).pods
    assert ("StatefulSet/web", {"app": "web"}) == (first.owner, first.labels)
    assert (first.containers, first.owner) == (second.containers, second.owner)


def test_the_template_names_neither_pods_nor_their_namespace() -> None:
    """Both are the workload's."""
    text = workload("Deployment", "", "name: web, namespace: shop").replace(
        "metadata: {labels", "metadata: {name: other, namespace: other, labels"
    )
    assert ["shop/web-1"] == keys(text)


def test_documents_and_lists_are_read_in_order() -> None:
    """`kubectl get -o yaml` writes lists."""
    pod = f"{{kind: Pod, metadata: {{name: %s}}, {SPEC}}}"
    text = f"{pod % 'a'}\n---\n{{kind: List, items: [{pod % 'b'}, {workload('DaemonSet')}]}}"
    assert ["default/a", "default/b", "default/web-1", "default/c"] == keys(
        f"{text}\n---\n{pod % 'c'}"
    )
    assert [] == keys("kind: List")


def test_other_kinds_are_passed_over_and_told() -> None:
    """Nobody has to take a file apart to simulate it."""
    text = (
        "{kind: Service, metadata: {name: web}}\n---\n{kind: Custom}\n---\n"
        "{kind: Odd, metadata: {name: [1]}}"
    )
    found = read(text)
    assert (Ignored("Service", "web"), Ignored("Custom", ""), Ignored("Odd", "")) == found.ignored
    assert ["Service web", "Custom", "Odd"] == list(map(str, found.ignored))
    assert () == found.pods


def test_an_empty_file_asks_for_nothing() -> None:
    """As `kubectl apply` has it, nearly."""
    assert Manifest(()) == read("# nothing yet\n---\n")


@pytest.mark.parametrize(
    ("place", "allowed", "text"),
    [
        ("document 1", "a mapping", "text"),
        ("document 1, kind", "the kind of a Kubernetes object", "metadata: {name: web}"),
        ("document 1, kind", "the kind of a Kubernetes object", "kind: 5"),
        ("document 1, kind", "the kind of a Kubernetes object", "kind: ''"),
        ("document 1, items", "a list", "{kind: List, items: 5}"),
        ("document 1, items[0].kind", "the kind", "{kind: List, items: [{}]}"),
        ("document 1, metadata", "a mapping", "{kind: Service, metadata: web}"),
        (
            "document 2, metadata.name",
            "a name of small letters",
            f"a: 1\nkind: x\n---\nkind: Pod\n{SPEC}",
        ),
        ("document 1, metadata.name", "a name of small letters", workload("Job", "", "name: Web")),
        (
            "document 1, metadata.namespace",
            "a name of small letters",
            workload("Deployment", "", "name: web, namespace: A"),
        ),
        ("document 1, spec.replicas", "from 0 to 10000", workload("Deployment", "replicas: -1")),
        (
            "document 1, spec.replicas",
            "from 0 to 10000",
            workload("StatefulSet", "replicas: 10001"),
        ),
        ("document 1, spec.replicas", "from 0 to 10000", workload("Deployment", "replicas: '2'")),
        ("document 1, spec.parallelism", "from 0 to 10000", job("parallelism: 1.5")),
        ("document 1, spec.completions", "from 0 to 10000", job("completions: -1")),
        ("document 1, spec.suspend", "true or false", job("suspend: 1")),
        (
            "document 1, spec.template.spec.containers",
            "at least one container",
            "{kind: Deployment, metadata: {name: web}, spec: {}}",
        ),
        (
            "document 1, spec.template.spec.containers",
            "at least one container",
            "{kind: Deployment, metadata: {name: web}}",
        ),
        (
            "document 1, spec.template.spec.restartPolicy",
            "Never or OnFailure in a Job",
            job(policy="restartPolicy: Always"),
        ),
        (
            "document 1, spec.template.spec.restartPolicy",
            "Never or OnFailure in a Job",
            job(policy="priority: 1"),
        ),
        (
            "document 1, spec.template.spec.restartPolicy",
            "Always in a DaemonSet",
            job().replace("Job", "DaemonSet"),
        ),
        (
            "document 2, metadata.name",
            "a name that makes no second default/web-1",
            f"{workload('Deployment')}\n---\n{workload('DaemonSet')}",
        ),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(place: str, allowed: str, text: str) -> None:
    """The error names the place and what would be right."""
    message = str(refused(text))
    assert message.startswith(f"pods.yaml, {place}: ")
    assert allowed in message


def test_the_number_of_pods_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """All documents together."""
    monkeypatch.setattr(manifest, "PODS_MAX", 3)
    two = workload("StatefulSet", "replicas: 2")
    assert "at most 3 pods" in str(refused(f"{two}\n---\n{two.replace('web', 'db')}"))


def test_a_file_is_read(tmp_path: Path) -> None:
    """Errors name it."""
    path = tmp_path / "pods.yaml"
    path.write_text(workload("Deployment"))
    assert read(workload("Deployment")) == manifest.load(path)
    with pytest.raises(documents.UnreadableFile, match="No such file"):
        manifest.load(tmp_path / "none.yaml")


def test_jobs_and_bare_pods_may_end() -> None:
    """Their own restart policy is read."""
    pods: tuple[PodSpec, ...] = read(
        f"{job()}\n---\n{{kind: Pod, metadata: {{name: a}}, spec: {{restartPolicy: OnFailure, "
        "containers: [{name: app}]}}"
    ).pods
    assert [RestartPolicy.NEVER, RestartPolicy.ON_FAILURE] == [pod.restart_policy for pod in pods]
