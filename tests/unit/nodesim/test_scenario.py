"""Scenarios as YAML."""

from pathlib import Path

import pytest

from nodesim import scenario, steps
from nodesim.actions import Apply, OtherPluginKind, Scenario, Wait
from nodesim.documents import UnreadableFile
from nodesim.fields import BadField
from nodesim.kernel import CgroupVersion
from nodesim.simulation import Simulation
from nodesim.workload import PodSpec

NOWHERE = Path("no/such/folder")
EXAMPLES = Path(__file__).parents[3] / "examples"


def read(text: str, folder: Path = NOWHERE) -> Scenario:
    """Read a scenario."""
    return scenario.parse(text, "s.yaml", folder)


def test_only_machine_and_steps_must_be_there() -> None:
    """All else has the defaults of a scenario."""
    assert Scenario("laptop", (Wait(1.0),)) == read("machine: laptop\nsteps:\n  - wait: 1\n")


def test_all_keys_are_read() -> None:
    """Settings are texts, in the order of the file."""
    text = (
        "{machine: laptop, runtime: containerd-1.7, other_plugin: slow, cgroup: 2, "
        "tail: 0.5, steps: [], settings: {cpus.reserved: 0-1, cpus.min_shared: 2, dry_run: false, "
        "nri.reconnect_max_s: 2.5}}"
    )
    assert read(text) == Scenario(
        machine="laptop",
        actions=(),
        runtime="containerd-1.7",
        settings=(
            ("cpus.reserved", "0-1"),
            ("cpus.min_shared", "2"),
            ("dry_run", "false"),
            ("nri.reconnect_max_s", "2.5"),
        ),
        tail_s=0.5,
        other_plugin=OtherPluginKind.SLOW,
        cgroup=CgroupVersion.V2,
    )


@pytest.mark.parametrize(
    ("place", "allowed", "text"),
    [
        ("s.yaml", "a mapping", "[]"),
        (
            "s.yaml",
            "only machine, runtime, other_plugin, cgroup, settings, tail",
            "pods: []",
        ),
        ("s.yaml", "text as a key", "1: 2"),
        ("s.yaml, machine", "the name of a machine such as 2x8-smt2", "steps: []"),
        ("s.yaml, machine", "text", "{machine: 5, steps: []}"),
        ("s.yaml, steps", "a list of steps", "machine: laptop"),
        ("s.yaml, steps", "a list", "{machine: laptop, steps: {wait: 1}}"),
        ("s.yaml, tail", "a number", "{machine: laptop, steps: [], tail: -1}"),
        (
            "s.yaml, runtime",
            "one of containerd-1.7, containerd-2.1",
            "{machine: laptop, steps: [], runtime: docker}",
        ),
        (
            "s.yaml, other_plugin",
            "one of none, quiet, slow, pinning",
            "{machine: laptop, steps: [], other_plugin: loud}",
        ),
        ("s.yaml, cgroup", "1 or 2", "{machine: laptop, steps: [], cgroup: 3}"),
        ("s.yaml, cgroup", "a whole number", "{machine: laptop, steps: [], cgroup: v2}"),
        ("s.yaml, settings", "a mapping", "{machine: laptop, steps: [], settings: []}"),
        (
            "s.yaml, settings",
            "cpus.min_shared",
            "{machine: laptop, steps: [], settings: {cpus: {reserved: 0}}}",
        ),
        (
            "s.yaml, settings.cpus.reserved",
            "a cpu list",
            "{machine: laptop, steps: [], settings: {cpus.reserved: 0-}}",
        ),
        (
            "s.yaml, settings.cpus.reserved",
            "text",
            "{machine: laptop, steps: [], settings: {cpus.reserved: [0]}}",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(place: str, allowed: str, text: str) -> None:
    """The error names the place and what would be right."""
    with pytest.raises(BadField) as caught:
        read(text)
    assert str(caught.value).startswith(f"{place}: ")
    assert allowed in str(caught.value)


@pytest.mark.parametrize("text", ["", "a: 1\n---\nb: 2\n"])
def test_a_scenario_is_one_document(text: str) -> None:
    """Pods are applied by a step, not by a document of their own."""
    with pytest.raises(UnreadableFile, match="documents; a scenario is one"):
        read(text)


def test_the_steps_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only those within one repetition."""
    monkeypatch.setattr(steps, "SIZE_MAX", 3)
    with pytest.raises(BadField, match="'4 actions' is not allowed; use at most 3"):
        read(f"machine: laptop\nsteps: [{'{wait: 1}, ' * 4}]")


def test_a_machine_is_a_name_or_a_file_in_the_scenarios_folder(tmp_path: Path) -> None:
    """A name comes first, and what is neither is left to who looks machines up."""
    for name in ("mine.json", "laptop"):
        (tmp_path / name).touch()
    texts = [f"{{machine: {name}, steps: []}}" for name in ("mine.json", "laptop", "x" * 300)]
    assert [str(tmp_path / "mine.json"), "laptop", "x" * 300] == [
        read(text, tmp_path).machine for text in texts
    ]


def test_files_are_looked_for_beside_the_scenario(tmp_path: Path) -> None:
    """Wherever the program was started."""
    (tmp_path / "pods.yaml").write_text(
        "{kind: Pod, metadata: {name: a}, spec: {containers: [{name: c}]}}"
    )
    (tmp_path / "s.yaml").write_text("{machine: laptop, steps: [{apply: pods.yaml}]}")
    (apply,) = scenario.load(tmp_path / "s.yaml").actions
    assert isinstance(apply, Apply)
    assert ["default/a"] == [pod.key for pod in apply.pods]


def test_what_is_written_is_short_and_in_the_order_that_people_read() -> None:
    """Without settings there are none in the text."""
    assert scenario.dump(Scenario("laptop", (Wait(1.5),))) == (
        "machine: laptop\nruntime: containerd-2.1\ntail: 5\nsteps:\n- wait: 1.5\n"
    )


def test_repeated_pods_are_written_without_references() -> None:
    """A person can take any step out."""
    pod: PodSpec = scenario.load(EXAMPLES / "seed" / "scenario.yaml").actions[0].pods[0]  # type: ignore[union-attr]  # it applies pods
    text = scenario.dump(Scenario("laptop", (Apply((pod,)), Apply((pod,)))))
    assert "&" not in text
    assert text.count("kind: Pod") == 2


def test_the_acceptance_test_of_the_examples_passes() -> None:
    """Its pods run to their own end; others are deleted by force and created again at once."""
    report = Simulation(scenario.load(EXAMPLES / "seed" / "scenario.yaml")).run()
    assert [] == [one for one in report.expectations if not one.met]
    assert report.passed
    assert report.agent_restarts == 0
