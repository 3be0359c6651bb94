"""The examples and the reference pages of manifests and scenarios are what the code reads."""

import re
from pathlib import Path

import pytest

from nodesim import documents, manifest, scenario
from nodesim.actions import FaultKind, Looked
from nodesim.fields import BadField
from nodesim.kubelet import PodPhase
from nodesim.kubernetes import demand_of, qos_of
from nodesim.runtimes import RUNTIMES
from nodesim.steps import StepReader
from nodesim.workload import Qos
from weka_cpuset.engine import AnnotatedDemand, CpuSet, Demand, IntegerDemand, SharedDemand

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
MANIFESTS = (ROOT / "docs/reference/manifests.md").read_text()
SCENARIO = (ROOT / "docs/reference/scenario.md").read_text()
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
ONLINE = CpuSet.parse("0-31")
SHARED = SharedDemand()


def demands(name: str) -> dict[str, Demand | None]:
    """Return what each container of a file asks for, by pod and container."""
    return {
        f"{pod.name}/{one.name}": demand_of(pod, one, ONLINE)
        for pod in manifest.load(EXAMPLES / name).pods
        for one in pod.containers
    }


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.name)
def test_each_example_is_read(path: Path) -> None:
    """A scenario has a machine; all others are manifests."""
    if documents.parse(documents.read(path), path.name)[0].get("machine").given:
        assert scenario.load(path).actions
    else:
        assert manifest.load(path).pods


def test_the_pods_of_the_acceptance_test_are_what_it_says() -> None:
    """One names its cpus, two have whole cpus, one is shared; they end one after the other."""
    assert demands("seed/crash-test-pods.yaml") == {
        "crash-test-integer-1/test-container": IntegerDemand(1),
        "crash-test-integer-2/test-container": IntegerDemand(2),
        "crash-test-annotated/test-container": AnnotatedDemand(CpuSet.parse("15-16")),
        "crash-test-shared/test-container": SHARED,
    }
    assert demands("seed/stress-race-test.yaml") == {
        "stress-race-1/test-container": IntegerDemand(1),
        "stress-race-2/test-container": SHARED,
        "stress-race-3/test-container": SHARED,
    }
    crash = manifest.load(EXAMPLES / "seed/crash-test-pods.yaml").pods
    race = manifest.load(EXAMPLES / "seed/stress-race-test.yaml").pods
    assert [15.0, 20.0, 10.0, 12.0] == [pod.containers[0].life_s for pod in crash]
    assert [60.0] * 3 == [pod.containers[0].life_s for pod in race]


def test_the_mixed_example_has_all_classes_and_kinds() -> None:
    """Workloads, sidecars, init containers, and a pod whose containers differ in class."""
    four = IntegerDemand(4, CpuSet.of([0]))
    assert demands("mixed.yaml") == {
        "web-1/nginx": SHARED,
        "web-2/nginx": SHARED,
        "db-0/postgres": four,
        "db-1/postgres": four,
        "logs-1/collector": SHARED,
        "storage/server": AnnotatedDemand(CpuSet.parse("2-3,18-19")),
        "inference/fetch": SHARED,
        "inference/proxy": SHARED,
        "inference/model": IntegerDemand(2),
        "report-1/report": SHARED,
        "report-2/report": SHARED,
    }
    pods = manifest.load(EXAMPLES / "mixed.yaml").pods
    assert {Qos.GUARANTEED, Qos.BURSTABLE} == set(map(qos_of, pods))


@pytest.mark.parametrize("block", BLOCK.findall(MANIFESTS))
def test_the_manifests_of_the_page_are_read(block: str) -> None:
    """As they stand there."""
    assert manifest.parse(block, "manifests.md").pods


@pytest.mark.parametrize("block", BLOCK.findall(SCENARIO))
def test_the_scenarios_of_the_page_are_read(block: str) -> None:
    """Whole ones as they stand there, and steps as those of a small one."""
    indented = "".join(f"  {line}\n" for line in block.splitlines())
    text = block if block.startswith("machine:") else f"machine: laptop\nsteps:\n{indented}"
    text = text.replace("apply: pods.yaml", "apply: seed/crash-test-pods.yaml")
    assert scenario.parse(text, "scenario.md", EXAMPLES).actions


def test_the_error_of_the_page_is_the_real_one() -> None:
    """A reader who makes the mistake finds it again."""
    bad = "{kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, resources: %s}]}}"
    with pytest.raises(BadField) as caught:
        manifest.parse("a: 1\nkind: x\n---\n" + bad % "{limits: {cpu: two}}", "pods.yaml")
    assert f"    {caught.value}\n" in MANIFESTS


def test_the_pages_are_complete() -> None:
    """Each kind, step, expectation, phase, fault and runtime is on its page."""
    steps = set(re.findall(r"^### (.*)$", SCENARIO, re.MULTILINE))
    assert set(StepReader.KINDS) == {step for line in steps for step in line.split(", ")}
    for word in (*Looked, *FaultKind, *PodPhase, *RUNTIMES):
        assert f"`{word}`" in SCENARIO
    for word in manifest.KINDS:
        assert f"`{word}`" in MANIFESTS
    for limit in (documents.NODES_MAX, documents.DEPTH_MAX, manifest.PODS_MAX):
        assert f"| {limit:,} |" in MANIFESTS
