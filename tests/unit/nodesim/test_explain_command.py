"""The command explain: a container, a cpu, a pod to come; as text, as JSON, and its status."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.recordings import record
from weka_cpuset.cli import commands

ROOT = Path(__file__).parents[3]
MIXED = str(ROOT / "examples/mixed.yaml")
POD = """
apiVersion: v1
kind: Pod
metadata: {name: wants}
spec:
  containers:
  - name: main
    resources: {limits: {cpu: "%d", memory: 1Gi}}
"""


def run(*arguments: object, stdin: str | None = None) -> Result:
    """Run the command."""
    return CliRunner().invoke(commands, ["explain", *map(str, arguments)], input=stdin)


def test_a_container_of_a_simulation() -> None:
    """One that was moved is told for whose sake."""
    shown = run("container", "db-0", "--simulate", MIXED)
    assert shown.exit_code == 0, shown.output
    assert "shop/db-0/postgres" in shown.output
    assert "for which it was moved" in shown.output
    assert "runner-up" in shown.output


def test_a_cpu_of_a_simulation_as_json() -> None:
    """The state of a cpu is one object."""
    shown = run("cpu", 2, "--simulate", MIXED, "--json")
    found = json.loads(shown.stdout)
    assert found["state"] == "owned"
    assert [one["class"] for one in found["who"]] == ["annotated"]


@pytest.mark.parametrize(("cpus", "status"), [(3, 0), (9, 1)])
def test_a_pod_that_would_be_refused_ends_with_one(cpus: int, status: int) -> None:
    """A pipeline can ask before it applies."""
    shown = run("pod", "-", "--machine", "laptop", stdin=POD % cpus)
    assert shown.exit_code == status, shown.output
    assert "Nothing was changed." in shown.output


def test_a_recording(tmp_path: Path) -> None:
    """What lives at the end of a recording is explained with what led to it."""
    path = tmp_path / "recording"
    session = record(path, 200)
    one = next(one for one in session.ledger.exclusive.values() if one.pod is not None)
    shown = run("container", one.id, "--recording", path, "--json")
    found = json.loads(shown.stdout)
    assert (found["id"], found["cpus"]) == (one.id, str(one.cpus))


def test_a_scenario() -> None:
    """The ledger is the one that a scenario ends with."""
    shown = run("cpu", 1, "--scenario", ROOT / "examples/placement/scenario.yaml")
    assert shown.exit_code == 0, shown.output


def test_no_such_container_ends_with_one() -> None:
    """And tells which ones there are."""
    shown = run("container", "nobody", "--simulate", MIXED)
    assert shown.exit_code == 1
    assert "shop/db-0/postgres" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("cpu", 0, "--recording", "x", "--machine", "laptop"), "different sources"),
        (("cpu", 0, "--agent", "nowhere"), "is no address"),
        (("cpu", 0, "--agent", "/nowhere/http.sock"), "http.listen"),
        (("cpu", 0, "--recording", "/nowhere"), "No such file"),
        (("cpu", 0, "--recording", MIXED), "line 1"),
        (("cpu", 0, "--machine", "nothing"), "nothing"),
        (("pod", "/nowhere.yaml", "--machine", "laptop"), "/nowhere.yaml"),
    ],
)
def test_bad_input_ends_with_two(arguments: tuple[object, ...], told: str) -> None:
    """And tells what is wrong."""
    shown = run(*arguments)
    assert shown.exit_code == 2
    assert told in shown.stderr


def test_files_without_pods_are_told() -> None:
    """Nothing would happen, which is not what anybody wants to know."""
    shown = run("pod", "-", "--machine", "laptop", stdin="kind: Service\nmetadata: {name: x}\n")
    assert shown.exit_code == 2
    assert "Service x" in shown.stderr
    assert "no pods" in shown.stderr
