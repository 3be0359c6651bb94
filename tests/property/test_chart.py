"""The Helm chart, rendered by Helm's own engine."""

import json
import re
import warnings
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import helm_python
import pytest
import yaml
from hypothesis import Phase, given
from hypothesis import settings as examples

from tests.property.chart_values import FOLDER, SOCKET, values
from tools.generate_chart import CHART, COPIED, NAMESPACE, render
from weka_cpuset import settings
from weka_cpuset.settings import TABLE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a deprecated part of the standard library
    import kubernetes_validate

KUBERNETES = ("1.30", "1.34", "1.37")
"""The releases whose schemas each object must satisfy."""

CUSTOM = {"monitoring.coreos.com/v1", "security.openshift.io/v1"}
"""Versions of objects that Kubernetes itself has no schema for."""

OF_NO_NAMESPACE = {"SecurityContextConstraints", "ClusterRole", "ClusterRoleBinding"}

VALUE_FILES = sorted(CHART.glob("values-*.yaml"))

MINIMAL = {
    "runAsUser": 0,
    "runAsGroup": 0,
    "privileged": False,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def objects(chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """The Kubernetes objects that the chart gives."""
    return [one for text in render(chosen).values() for one in yaml.safe_load_all(text)]


def one_of(kind: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The only object of a kind."""
    (found_one,) = [one for one in found if one["kind"] == kind]
    return found_one


def assert_valid(found: list[dict[str, Any]]) -> None:
    """Each object satisfies the schemas of all releases, and belongs to the agent."""
    for one in found:
        assert one["metadata"]["labels"]["app"] == "weka-nri-cpuset"
        if one["kind"] not in OF_NO_NAMESPACE:
            assert one["metadata"]["namespace"] == NAMESPACE
        if one["apiVersion"] not in CUSTOM:
            for release in KUBERNETES:
                kubernetes_validate.validate(one, release, strict=True)


def assert_least_privilege(daemon_set: dict[str, Any]) -> None:
    """The pod may do what the agent needs, and nothing else, whatever the values are."""
    pod = daemon_set["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    context = dict(container["securityContext"])
    context.pop("seLinuxOptions", None)
    assert context == MINIMAL
    assert not any(pod[name] for name in ("hostNetwork", "hostPID", "hostIPC"))
    assert "cpu" not in container["resources"].get("limits", {})
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert set(mounts) <= {"settings", "nri", "machine", "cgroups", "data"}
    assert all(mounts[name]["readOnly"] for name in ("settings", "nri", "machine"))


def assert_rights(found: list[dict[str, Any]], *, tells: bool) -> None:
    """The agent may create Events, and has a token, only if it shall; nothing else, ever."""
    pod = one_of("DaemonSet", found)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is tells
    kinds = {one["kind"] for one in found}
    if not tells:
        assert kinds.isdisjoint(RIGHTS)
        return
    assert kinds & RIGHTS == {"ClusterRole", "ClusterRoleBinding"}
    role, binding = one_of("ClusterRole", found), one_of("ClusterRoleBinding", found)
    allowed = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}
    assert role["rules"] == [allowed]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    assert subject["name"] == pod["serviceAccountName"] != "default"
    assert subject["namespace"] == NAMESPACE


RIGHTS = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def loaded(found: list[dict[str, Any]]) -> settings.Settings:
    """The settings as the agent in the pod reads them."""
    maps = [one["data"] for one in found if one["kind"] == "ConfigMap"]
    (text,) = (data["config.yaml"] for data in maps if "config.yaml" in data)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(text)
        return settings.load(file, {}, {})


# Shrinking would take minutes, and a set of values is short.
@examples(max_examples=30, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(values())
def test_every_valid_set_of_values_works(chosen: dict[str, Any]) -> None:
    """Valid objects, least privilege, and an agent that takes each setting as it was given."""
    found = objects(chosen)

    assert_valid(found)
    daemon_set = one_of("DaemonSet", found)
    assert_least_privilege(daemon_set)
    agent = loaded(found)
    tells = agent.kubernetes.events and not agent.dry_run and not chosen.get("release")
    assert_rights(found, tells=tells)
    for row in TABLE:
        group, _, field = row.key.rpartition(".")
        given_here = chosen.get("settings", {})
        given_here = given_here.get(group, {}) if group else given_here
        if field in given_here:
            holder = getattr(agent, group) if group else agent
            assert getattr(holder, field) == row.parse(given_here[field])
    pod = daemon_set["spec"]["template"]["spec"]
    mounts = {one["name"]: one for one in pod["containers"][0]["volumeMounts"]}
    assert PurePosixPath(mounts["nri"]["mountPath"]) == PurePosixPath(agent.nri.socket.parent)
    writes = agent.settle.way in {"auto", "cgroup"} and not agent.dry_run
    assert mounts["cgroups"]["readOnly"] is not writes


@pytest.mark.parametrize("file", VALUE_FILES, ids=lambda file: file.stem)
def test_value_file_works(file: Path) -> None:
    """Each value file for a kind of cluster gives valid objects."""
    found = objects(yaml.safe_load(file.read_text()))

    assert_valid(found)
    assert_least_privilege(one_of("DaemonSet", found))
    assert_rights(found, tells=False)
    loaded(found)


def test_agent_that_tells_kubernetes_has_the_rights_for_that_alone() -> None:
    """And reaches the API server where all else of the network is closed to it."""
    chosen = {
        "settings": {"kubernetes": {"events": True}},
        "networkPolicy": {"enabled": True, "apiServerPorts": [6443]},
        "securityContextConstraints": {"create": True},
    }
    found = objects(chosen)

    assert_valid(found)
    assert_least_privilege(one_of("DaemonSet", found))
    assert_rights(found, tells=True)
    (egress,) = one_of("NetworkPolicy", found)["spec"]["egress"]
    assert egress == {"ports": [{"port": 6443, "protocol": "TCP"}]}
    assert "projected" in one_of("SecurityContextConstraints", found)["volumes"]
    assert loaded(found).kubernetes.events


def test_agent_that_tells_nobody_reaches_nobody() -> None:
    """There is no way out of its network, and no token that it could use."""
    found = objects(
        {"networkPolicy": {"enabled": True}, "securityContextConstraints": {"create": True}}
    )

    assert one_of("NetworkPolicy", found)["spec"]["egress"] == []
    assert one_of("SecurityContextConstraints", found)["volumes"] == ["configMap", "hostPath"]
    assert_rights(found, tells=False)


def test_account_of_all_pods_gets_no_rights() -> None:
    """A namespace's default account is that of any pod."""
    chosen = {"settings": {"kubernetes": {"events": True}}, "serviceAccount": {"create": False}}

    with pytest.raises(helm_python.HelmError, match=r"serviceAccount\.create"):
        render(chosen)


def test_there_are_value_files() -> None:
    """The test above looks at something."""
    assert {"values-k3s", "values-rke2", "values-crio", "values-kind", "values-openshift"} == {
        file.stem for file in VALUE_FILES
    }


def test_change_of_settings_rolls_the_pods() -> None:
    """The pods' template differs if, and only if, the settings do."""

    def template(chosen: dict[str, Any]) -> Any:
        return one_of("DaemonSet", objects(chosen))["spec"]["template"]

    before = template({})
    assert before == template({"podMonitor": {"enabled": True}})
    assert before != template({"settings": {"cpus": {"reserved": "0"}}})


def test_release_is_done_when_the_pod_is_ready() -> None:
    """A first container does it with the agent's own rights; there is nothing to ask for probes."""
    agent = one_of("DaemonSet", objects({}))["spec"]["template"]["spec"]
    pod = one_of("DaemonSet", objects({"release": True}))["spec"]["template"]["spec"]

    (first,), (second,) = pod["initContainers"], pod["containers"]
    assert first["args"][:2] == ["release", "--write"]
    assert second["args"][:3] == ["release", "--write", "--stay"]
    assert "readinessProbe" not in second
    for same in ("securityContext", "volumeMounts", "image"):
        assert first[same] == second[same] == agent["containers"][0][same]


def test_pod_of_a_fail_closed_node_is_let_in() -> None:
    """The agent's own pod has the annotation that exempts it."""
    found = objects({"tolerateAnnotation": "example.org/without-agent"})

    template = one_of("DaemonSet", found)["spec"]["template"]
    assert template["metadata"]["annotations"]["example.org/without-agent"] == "true"


@pytest.mark.parametrize("listen", ["", SOCKET, "127.0.0.1:17099", "localhost:1", "[::1]:1"])
def test_no_probe_asks_where_kubelet_cannot(listen: str) -> None:
    """Without an address that kubelet reaches there are no probes, and the agent stays up."""
    found = objects({"settings": {"http": {"listen": listen}}, "dataFolder": FOLDER})

    (container,) = one_of("DaemonSet", found)["spec"]["template"]["spec"]["containers"]
    assert {"livenessProbe", "readinessProbe", "ports"}.isdisjoint(container)


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"setings": {}}, "setings"),
        ({"settings": {"cpus": {"reservd": "0"}}}, "reservd"),
        ({"settings": {"cpus": {"reserved": "0,x"}}}, "settings/cpus/reserved"),
        ({"settings": {"cpus": {"min_shared": -1}}}, "settings/cpus/min_shared"),
        ({"settings": {"audit": {"interval_s": 0}}}, "settings/audit/interval_s"),
        ({"settings": {"log": {"level": "loud"}}}, "settings/log/level"),
        ({"settings": {"nri": {"socket": "nri.sock"}}}, "settings/nri/socket"),
        ({"settings": {"http": None}}, "http"),
        ({"image": {"tag": "latest"}}, "image/tag"),
        ({"resources": {"limits": {"cpu": "1"}}}, "resources/limits"),
        ({"podLabels": {"app": "other"}}, "'app'"),
        ({"maxUnavailable": 0}, "maxUnavailable"),
    ],
)
def test_invalid_value_is_refused_by_name(chosen: dict[str, Any], named: str) -> None:
    """Helm refuses it before anything is changed, and says which value it is."""
    with pytest.raises(helm_python.HelmError, match=re.escape(named)):
        render(chosen)


def test_pod_monitor_needs_an_address() -> None:
    """What could not be scraped is refused, with what would be right."""
    chosen = {"podMonitor": {"enabled": True}, "settings": {"http": {"listen": ""}}}

    with pytest.raises(helm_python.HelmError, match=r"settings\.http\.listen"):
        render(chosen)


def test_pod_monitor_names_the_job_as_the_rules_do() -> None:
    """Else an alert or a panel would look at no agent at all."""
    (endpoint,) = one_of("PodMonitor", objects({"podMonitor": {"enabled": True}}))["spec"][
        "podMetricsEndpoints"
    ]

    (job,) = (one for one in endpoint["relabelings"] if one["targetLabel"] == "job")
    for path in COPIED:
        named = set(re.findall(r'job=\\?"([^"\\]+)', path.read_text()))
        assert named == {job["replacement"]}


def test_rules_are_those_of_the_file() -> None:
    """The object has each alert, and the labels by which a Prometheus selects it."""
    found = objects({"prometheusRule": {"enabled": True, "labels": {"release": "stack"}}})

    rule = one_of("PrometheusRule", found)
    assert rule["metadata"]["labels"]["release"] == "stack"
    assert rule["spec"] == yaml.safe_load(COPIED[0].read_text())


def test_dashboard_is_that_of_the_file() -> None:
    """The sidecar finds it by its label, and Grafana gets the very file."""
    found = objects({"dashboard": {"enabled": True}})

    (dashboard,) = (one for one in found if "grafana_dashboard" in one["metadata"]["labels"])
    assert json.loads(dashboard["data"]["weka-cpuset.json"]) == json.loads(COPIED[1].read_text())


@pytest.mark.parametrize("folder", ["", "/var/lib", f"{FOLDER}-too"])
@pytest.mark.parametrize("group", ["log", "record", "journal"])
def test_file_that_the_agent_could_not_write_is_refused(group: str, folder: str) -> None:
    """Its root file system is read-only, so such an agent would not start."""
    chosen = {"settings": {group: {"file": f"{FOLDER}/file"}}, "dataFolder": folder}

    if folder == "/var/lib":
        render(chosen)
    else:
        with pytest.raises(helm_python.HelmError, match=rf"settings\.{group}\.file"):
            render(chosen)


def test_every_value_is_used() -> None:
    """A template names each value of the defaults."""
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    tree = yaml.safe_load((CHART / "values.yaml").read_text())
    names = {
        f"{group}.{name}" if isinstance(below, dict) and below and group in OPENED else group
        for group, below in tree.items()
        for name in (below if isinstance(below, dict) and below else [""])
    }
    assert not {name for name in names if f".Values.{name}" not in text}


OPENED = {
    "image",
    "probes",
    "podMonitor",
    "prometheusRule",
    "dashboard",
    "networkPolicy",
    "serviceAccount",
}
"""Groups of which the templates name each value."""
