"""`weka-cpuset stress` on the simulator, and its options."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weka_cpuset.cli import commands


def stress(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(commands, ["stress", *arguments])


def test_the_operators_own_test_passes_on_the_simulator() -> None:
    """Six criteria, each with its evidence, and exit status 0."""
    done = stress("--rounds", "3")

    assert done.exit_code == 0, done.output
    assert "6 of 6 criteria met" in done.output
    assert done.output.count("PASS") == 6
    assert "3 in" in done.output


def test_json_has_criteria_and_figures() -> None:
    """For programs: the same, by name."""
    told = json.loads(stress("--rounds", "1", "--json").output)

    assert told["passed"] is True
    assert {"title", "met", "evidence"} == set(told["criteria"][0])
    assert "rounds" in told["measured"]
    assert told["unmet"] == told["broken_rules"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--machine", "laptop"], "names cpus"),
        (["--machine", "none"], "none"),
        (["--completing", "/no/such/file"], "/no/such/file"),
        (["--cri", "/a.sock", "--node", "n"], "use one of them"),
        (["--cri", "/no/such.sock", "--agent-log", "/no/such.log"], "--agent-log"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str) -> None:
    """What is wrong and what would be right, exit status 2, and no traceback."""
    done = stress(*arguments)

    assert done.exit_code == 2
    assert said in done.output
    assert len(done.output.splitlines()) == 1


def test_pods_that_never_end_cannot_complete(tmp_path: Path) -> None:
    """They would be waited for until the deadline; it is told at once instead."""
    file = tmp_path / "pods.yaml"
    file.write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c}]}}"
    )

    done = stress("--completing", str(file))

    assert done.exit_code == 2
    assert "default/a/c runs for ever" in done.output
