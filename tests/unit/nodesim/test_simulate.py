"""`weka-cpuset simulate`: what it prints, and with which status it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weka_cpuset.cli import commands

PODS = """
kind: Pod
metadata: {name: db}
spec:
  containers:
  - {name: main, image: x, resources: {limits: {cpu: "2", memory: 1Gi}}}
---
kind: Pod
metadata: {name: web}
spec: {containers: [{name: main, image: x}]}
"""
WRONG_POD = """
kind: Pod
metadata: {name: wrong, annotations: {weka.io/cores-ids: "99"}}
spec: {containers: [{name: main, image: x}]}
"""
FAILS = """
machine: laptop
steps: [{wait: 3}, {wait: 2}, {expect: {pool: 3}}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, which is the current one."""
    for name, text in {"pods": PODS, "wrong": WRONG_POD, "fails": FAILS}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def simulate(*arguments: str, stdin: str | None = None, width: int = 80) -> Result:
    """Run the command."""
    return CliRunner().invoke(
        commands, ["simulate", *arguments], input=stdin, env={"COLUMNS": str(width)}
    )


def test_pods_alone_show_the_machine_and_pass() -> None:
    """The picture has each owner, and the verdict comes last."""
    result = simulate("pods.yaml")

    assert result.exit_code == 0, result.output
    assert "default/db/main" in result.output
    assert "default/web/main" in result.output
    assert result.output.index("node 0") < result.output.index("Verdict: PASSED")


def test_a_refused_container_is_told_with_its_reason() -> None:
    """A refusal breaks no rule: it is what the agent should do."""
    result = simulate("pods.yaml", "wrong.yaml")

    assert result.exit_code == 0, result.output
    assert "Refused containers" in result.output
    assert "default/wrong/main" in result.output
    assert "99" in result.output


def test_the_timeline_tells_what_happens() -> None:
    """Events and changes are told only if they are asked for."""
    assert "CREATE_CONTAINER" in simulate("pods.yaml", "--timeline").output
    assert "CREATE_CONTAINER" not in simulate("pods.yaml").output


def test_the_log_is_the_agents() -> None:
    """It is told only if it is asked for."""
    assert "INFO: Registered" in simulate("pods.yaml", "--log").output
    assert "INFO: Registered" not in simulate("pods.yaml").output


def test_pods_of_the_standard_input() -> None:
    """`kubectl get -o yaml | weka-cpuset simulate -` works."""
    result = simulate("-", stdin=PODS)

    assert result.exit_code == 0, result.output
    assert "default/db/main" in result.output


@pytest.mark.parametrize("width", [40, 80, 140])
def test_lines_fit_where_there_is_no_terminal(width: int) -> None:
    """Plain text without control characters, as wide as it should be."""
    result = simulate("pods.yaml", "wrong.yaml", width=width)

    assert "\x1b" not in result.output
    assert max(map(len, result.output.splitlines())) <= width


def test_an_unmet_expectation_fails() -> None:
    """Exit status 1; nothing is written, since the scenario is in a file already."""
    result = simulate("--scenario", "fails.yaml")

    assert result.exit_code == 1
    assert "found: 8" in result.output
    assert "Replay" not in result.output


def test_a_failing_seed_leaves_a_short_scenario_that_fails_again(folder: Path) -> None:
    """The file's name is told, and its replay has the same outcome."""
    result = simulate("--scenario", "fails.yaml", "--seed", "5")

    assert result.exit_code == 1
    assert "weka-cpuset simulate --scenario failing-seed-5.yaml" in result.output
    assert (folder / "failing-seed-5.yaml").exists()
    again = simulate("--scenario", "failing-seed-5.yaml")
    assert again.exit_code == 1
    assert "found: 8" in again.output


def test_a_file_can_be_chosen_for_what_fails(folder: Path) -> None:
    """Also without random faults."""
    simulate("--scenario", "fails.yaml", "--save", "short.yaml")

    assert len((folder / "short.yaml").read_text()) > 0
    assert simulate("--scenario", "short.yaml").exit_code == 1


def test_what_passes_is_not_written(folder: Path) -> None:
    """There is nothing to replay."""
    assert simulate("pods.yaml", "--save", "short.yaml").exit_code == 0
    assert not (folder / "short.yaml").exists()


def test_json_is_one_object_and_the_same_each_time() -> None:
    """All of it can be asked for; nothing else is on the standard output."""
    options = ("pods.yaml", "wrong.yaml", "--json", "--timeline", "--log", "--seed", "4")
    first, second = simulate(*options), simulate(*options)

    document = json.loads(first.stdout)
    assert {"passed", "rounds", "refusals", "timeline", "log"} <= document.keys()
    assert "default/wrong/main" in {one["subject"] for one in document["refusals"]}
    assert first.stdout == second.stdout


def test_json_names_the_file_of_what_fails() -> None:
    """A program can go on with it."""
    result = simulate("--scenario", "fails.yaml", "--save", "short.yaml", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["saved"] == "short.yaml"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("missing.yaml",),
        ("pods.yaml", "--machine", "nowhere"),
        ("pods.yaml", "--machine", "pods.yaml"),
        ("pods.yaml", "--runtime", "docker"),
        ("pods.yaml", "--scenario", "pods.yaml"),
        ("pods.yaml", "--storm", "5"),
        ("--scenario", "fails.yaml", "--save", "no/such/folder/short.yaml"),
    ],
    ids=" ".join,
)
def test_wrong_input_is_one_line_and_status_2(arguments: tuple[str, ...]) -> None:
    """It says what is wrong, and never shows a traceback."""
    result = simulate(*arguments)

    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("weka-cpuset: ")


def test_what_makes_no_pods_is_told_and_passed_over() -> None:
    """Manifests of a whole application can be given as they are."""
    result = simulate("-", stdin=f"{PODS}---\nkind: Service\nmetadata: {{name: web}}\n")

    assert result.exit_code == 0
    assert "Service web" in result.stderr


def test_a_small_storm_runs_without_files() -> None:
    """Some events on a small machine, several seeds."""
    result = simulate("--storm", "20", "--machine", "laptop", "--rounds", "2")

    assert "2 rounds with the random faults of seeds 1 to 2" in result.output.replace("\n", " ")
