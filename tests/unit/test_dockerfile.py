"""The Dockerfile: what can be said of it without an engine that builds images."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tools.generate_chart import render

ROOT = Path(__file__).parents[2]
LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and line[0] not in "# "]


def values(word: str) -> list[str]:
    """What all steps of a kind say."""
    return [rest for name, rest in STEPS if name == word]


def test_base_is_a_pinned_release() -> None:
    """Its tag has all three numbers and the distribution, and each stage uses it."""
    (argument,) = values("ARG")
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+\.\d+-slim-[a-z]+", argument)
    assert {line.split()[0] for line in values("FROM")} == {"${PYTHON}"}


def test_last_stage_runs_nothing() -> None:
    """No compiler, package manager or shell has a part in it, and none is needed to start."""
    last = [name for name, _ in STEPS][
        max(i for i, (name, _) in enumerate(STEPS) if name == "FROM") :
    ]
    assert "RUN" not in last
    (entry,), (command,) = values("ENTRYPOINT"), values("CMD")
    assert json.loads(entry) == ["/opt/weka-cpuset/bin/weka-cpuset"]
    assert json.loads(command) == ["run"]


@pytest.mark.parametrize("line", [line for name, line in STEPS if name == "COPY"])
def test_what_is_copied_is_let_in(line: str) -> None:
    """The ignore file lets all sources of the build through."""
    if line.startswith("--from"):
        return
    allowed = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    *sources, _ = line.split()
    assert set(sources) <= allowed
    assert all((ROOT / source).exists() for source in sources)


def test_chart_runs_the_image_as_it_is() -> None:
    """The pod gives arguments only; the program is the image's."""
    daemon_set = yaml.safe_load(render({})["daemonset.yaml"])
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    assert "command" not in container
    assert container["args"][0] == "run"
