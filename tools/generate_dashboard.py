"""Writes the Grafana dashboard, deploy/grafana/weka-cpuset.json, from the list of panels below.

Run `python tools/generate_dashboard.py` after a change. A test compares the file with what this
makes, and another one has promtool parse each expression.
"""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent.parent / "deploy" / "grafana" / "weka-cpuset.json"

COLUMNS = 24
"""The width of Grafana's grid."""

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_RATE = "[$__rate_interval]"
_WHERE = '{job="weka-cpuset", instance=~"$instance"}'
_POOL = (
    'sum by (instance, node) (weka_cpuset_cpus{job="weka-cpuset", instance=~"$instance", '
    'use="pool"})'
)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel.

    Attributes:
        title: Its title.
        queries: Expressions, each with the legend of its series.
        unit: Grafana's name of the unit.
        kind: `timeseries` or `stat`.
        width: Its columns.
        height: Its rows.
        text: What it tells, for people who have not read the manual.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    text: str = ""


def _stat(title: str, expression: str, text: str, unit: str = "short") -> Panel:
    return Panel(title, ((expression, ""),), unit, "stat", 4, 4, text)


def _increase(metric: str, by: str) -> str:
    return f"sum by ({by}) (increase(weka_cpuset_{metric}{_WHERE}{_RATE}))"


def _quantile(share: float) -> str:
    buckets = f"sum by (le) (rate(weka_cpuset_request_seconds_bucket{_WHERE}{_RATE}))"
    return f"histogram_quantile({share}, {buckets})"


PANELS = (
    _stat("Ready", f"sum(weka_cpuset_ready{_WHERE})", "Agents that are ready."),
    _stat(
        "Not ready",
        f"count(weka_cpuset_ready{_WHERE} == 0) or vector(0)",
        "Agents that are not connected, or whose last audit found differences.",
    ),
    _stat(
        "In trouble",
        f"sum(weka_cpuset_containers_in_trouble{_WHERE})",
        "Containers without the cpus that they should have.",
    ),
    _stat(
        "Refused in a day",
        f"sum(increase(weka_cpuset_refusals_total{_WHERE}[1d]))",
        "Containers that were refused.",
    ),
    _stat(
        "Overlap in a day",
        f"sum(increase(weka_cpuset_overlap_seconds_total{_WHERE}[1d]))",
        "Container-seconds on cpus that others own; an upper bound.",
        "s",
    ),
    _stat(
        "Since the last event",
        f"time() - max(weka_cpuset_last_event_timestamp_seconds{_WHERE})",
        "How long ago a runtime last asked something.",
        "s",
    ),
    Panel(
        "Cpus by use",
        ((f"sum by (use) (weka_cpuset_cpus{_WHERE})", "{{use}}"),),
        text="Whose the online cpus are.",
    ),
    Panel(
        "Pool by NUMA node",
        ((_POOL, "{{instance}} node {{node}}"),),
        text="The cpus that nobody owns.",
    ),
    Panel(
        "Containers by class",
        ((f"sum by (class) (weka_cpuset_containers{_WHERE})", "{{class}}"),),
    ),
    Panel(
        "Time of answers",
        tuple((_quantile(share), f"p{share * 100:g}") for share in (0.5, 0.99, 0.999)),
        "s",
        text="How long runtimes wait. They drop an agent after 2 s.",
    ),
    Panel("Events", ((_increase("decisions_total", "event"), "{{event}}"),)),
    Panel(
        "Refusals",
        ((_increase("refusals_total", "reason"), "{{reason}}"),),
        text="What pods asked for in vain; weka-cpuset journal --refused has the words.",
    ),
    Panel(
        "Moves",
        (
            (_increase("moves_total", "instance"), "{{instance}} containers"),
            (_increase("moved_cpus_total", "instance"), "{{instance}} cpus"),
        ),
    ),
    Panel(
        "Updates",
        (
            (_increase("updates_sent_total", "way"), "sent by {{way}}"),
            (_increase("updates_failed_total", "way"), "failed by {{way}}"),
            (_increase("updates_repaired_total", "way"), "repaired by {{way}}"),
        ),
    ),
    Panel(
        "Trouble",
        ((f"sum by (trouble) (weka_cpuset_containers_in_trouble{_WHERE})", "{{trouble}}"),),
        text="See docs/how-to/alert-on-metrics.md.",
    ),
    Panel(
        "What audits found",
        (
            (_increase("audit_differences_total", "instance"), "{{instance}} differences"),
            (_increase("overlaps_total", "instance"), "{{instance}} overlaps"),
            (_increase("rivals_total", "rival"), "rival: {{rival}}"),
        ),
    ),
    Panel(
        "Connections and downtime",
        (
            (_increase("connects_total", "instance"), "{{instance}} connects"),
            (_increase("downtime_seconds_total", "instance"), "{{instance}} seconds down"),
        ),
    ),
    Panel(
        "Memory of agents",
        ((f"process_resident_memory_bytes{_WHERE}", "{{instance}}"),),
        "bytes",
    ),
    Panel(
        "Cpu time of agents",
        ((f"rate(process_cpu_seconds_total{_WHERE}{_RATE})", "{{instance}}"),),
        "percentunit",
    ),
)


def dashboard() -> str:
    """Return the file's text."""
    panels, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        panels.append(_panel(number, panel, x, y))
        x, height = x + panel.width, max(height, panel.height)
    content = {
        "title": "weka-nri-cpuset",
        "uid": "weka-nri-cpuset",
        "tags": ["kubernetes", "cpu"],
        "schemaVersion": 38,
        "editable": True,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": _variables()},
        "panels": panels,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, object]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for at, (expression, legend) in enumerate(panel.queries)
        ],
    }


def _variables() -> list[dict[str, object]]:
    instances = 'label_values(weka_cpuset_ready{job="weka-cpuset"}, instance)'
    return [
        {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
        {
            "name": "instance",
            "label": "Node",
            "type": "query",
            "datasource": _SOURCE,
            "query": instances,
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(dashboard())


if __name__ == "__main__":
    main()
