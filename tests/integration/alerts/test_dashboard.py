"""The dashboard: made of the panels in the tool, of metrics that there are, in valid PromQL."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.packages import PROMETHEUS, fetch
from tests.integration.alerts.scrape import NAME
from tools import generate_dashboard
from weka_cpuset.metrics.table import TABLE, Kind


@pytest.fixture
def panels() -> list[dict[str, object]]:
    """The panels of the file."""
    found: list[dict[str, object]] = json.loads(generate_dashboard.FILE.read_text())["panels"]
    return found


def expressions() -> list[str]:
    """Return all expressions."""
    return [query for panel in generate_dashboard.PANELS for query, _ in panel.queries]


def test_file_is_up_to_date() -> None:
    """If not, run `python tools/generate_dashboard.py`."""
    assert generate_dashboard.dashboard() == generate_dashboard.FILE.read_text()


def test_panels_do_not_cover_each_other(panels: list[dict[str, object]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert isinstance(at, dict)
        rows, columns = range(at["y"], at["y"] + at["h"]), range(at["x"], at["x"] + at["w"])
        cells = {(x, y) for x in columns for y in rows}
        assert taken.isdisjoint(cells)
        assert max(columns) < generate_dashboard.COLUMNS
        taken |= cells


def test_expressions_look_at_metrics_that_there_are() -> None:
    names = {one.name for one in TABLE}
    names |= {f"{one.name}_bucket" for one in TABLE if one.kind is Kind.HISTOGRAM}
    for expression in expressions():
        assert NAME.findall(expression)
        assert set(NAME.findall(expression)) <= names


def test_promtool_understands_every_expression(tmp_path: Path) -> None:
    """With Grafana's variables replaced, as Grafana does."""
    fetch([PROMETHEUS])
    rules = [
        {
            "record": f"panel:{number}",
            "expr": one.replace("$__rate_interval", "5m").replace("$instance", ".*"),
        }
        for number, one in enumerate(expressions())
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool = PROMETHEUS.folder / "usr" / "bin" / "promtool"
    done = subprocess.run(
        [promtool, "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
