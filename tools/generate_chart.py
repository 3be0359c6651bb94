"""Generates what follows from the chart and the settings' table.

That is: the part of `values.schema.json` about settings, the reference page of the values, the
plain manifests, and the chart's copies of the alert rules and the dashboard: a chart can use only
files that are in its own folder. Run `python tools/generate_chart.py` after a change, or with
`--check` to find out whether the committed files are what is generated now.
"""

import enum
import json
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import helm_python
import yaml

from weka_cpuset import __version__
from weka_cpuset.engine import CpuSet
from weka_cpuset.settings import TABLE, Setting, Settings

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "deploy" / "helm" / "weka-nri-cpuset"
SCHEMA: Final = CHART / "values.schema.json"
PAGE: Final = ROOT / "docs" / "reference" / "chart-values.md"
MANIFESTS: Final = ROOT / "deploy" / "manifests"
COPIED: Final = (
    ROOT / "deploy" / "prometheus" / "alerts.yaml",
    ROOT / "deploy" / "grafana" / "weka-cpuset.json",
)
NAME: Final = "weka-nri-cpuset"
NAMESPACE: Final = "kube-system"

REQUIRED: Final = {
    "nri": ["socket"],
    "http": ["listen"],
    "kubernetes": ["events"],
    "": ["cgroups", "http", "kubernetes", "nri", "sysfs"],
}
"""Settings that the templates look at, by group."""

_RANGES: Final = "[0-9]{1,4}(-[0-9]{1,4})?"
_RANGE = re.compile(r"from ([0-9.]+) to ([0-9.]+)")
_HEAD: Final = """\
# Values of the chart

For `helm install --values FILE` or `--set`. A value that is not allowed, or an unknown one, is
refused by Helm before anything is changed. What `settings` mean is in [settings](settings.md);
those without a default here have the one of that page.

<!-- Generated from the chart by tools/generate_chart.py, and checked by a test. -->

| value | default | what it is |
|---|---|---|
"""


def schema_of(row: Setting) -> dict[str, Any]:
    """Return the JSON schema of a setting's value.

    Args:
        row: The setting.
    """
    described = {"description": f"{row.allowed[0].upper()}{row.allowed[1:]}."}
    kind = _kind(row.key)
    if kind is bool:
        return described | {"type": "boolean"}
    if kind is int:
        return described | {"type": "integer"} | _bounds(row)
    if kind is float:
        return described | {"type": "number"} | _bounds(row)
    if kind is CpuSet:
        return described | {
            "type": "string",
            "pattern": "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$",
        }
    if kind is Path:
        return described | {"type": "string", "pattern": "^/"}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return described | {"enum": [one.value for one in kind]}
    return described | {"type": "string"} | _PATTERNS.get(row.key, {})


def _bounds(row: Setting) -> dict[str, float]:
    """The limits of a number, which its row has in words."""
    limits = _RANGE.search(row.allowed)
    if limits is None:
        return {}
    least, most = map(json.loads, limits.groups())
    return {"minimum": least, "maximum": most}


_PATTERNS: Final = {
    "nri.index": {"pattern": "^[0-9]{2}$"},
    "nri.name": {"pattern": "^[A-Za-z0-9_.+-]+$"},
    "http.listen": {"pattern": r"^(/.*|(\[[0-9a-fA-F:.]+\]|[^/\[\]:\s]+):[0-9]{1,5})?$"},
}


def _kind(key: str) -> Any:
    """The type of a setting's field."""
    holder: Any = Settings
    for name in key.split("."):
        holder = typing.get_type_hints(holder)[name]
    return holder


def settings_schema() -> dict[str, Any]:
    """Return the JSON schema of the value `settings`."""
    top: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for row in TABLE:
        group, _, field = row.key.rpartition(".")
        (groups.setdefault(group, {}) if group else top)[field] = schema_of(row)
    for group, fields in groups.items():
        top[group] = _object(fields, REQUIRED.get(group, []))
    return {"description": "The agent's settings file."} | _object(top, REQUIRED[""])


def _object(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    closed: dict[str, Any] = {"type": "object", "additionalProperties": False}
    return closed | ({"required": required} if required else {}) | {"properties": fields}


def schema() -> str:
    """Return the text of the chart's schema: what is there, with the settings of today."""
    tree = json.loads(SCHEMA.read_text())
    tree["properties"]["settings"] = settings_schema()
    return json.dumps(tree, indent=2) + "\n"


def page() -> str:
    """Return the text of the reference page."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [
        f"| `{path}` | {_shown(values, path)} | {node.get('description', '')} |"
        for path, node in _leaves(json.loads(schema()))
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _leaves(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, below in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        if "properties" in below:
            yield from _leaves(below, here)
        else:
            yield here, below


def _shown(values: Any, path: str) -> str:
    for name in path.split("."):
        if not isinstance(values, dict) or name not in values:
            return ""
        values = values[name]
    return f"`{json.dumps(values)}`" if values not in ("", None) else ""


def render(values: dict[str, Any]) -> dict[str, str]:
    """Return the chart's templates as Helm renders them.

    Args:
        values: What the defaults are overridden with.

    Returns:
        By the template's file name; those that give nothing are left out.

    Raises:
        HelmError: The values are refused.
    """
    with helm_python.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        rendered = chart.render(values, name=NAME, namespace=NAMESPACE)
    found = {Path(name).name: text.strip() for name, text in rendered.items()}
    return {name: text for name, text in found.items() if text and name.endswith(".yaml")}


def manifests() -> dict[Path, str]:
    """Return the plain manifests and their kustomization, by path."""
    files = {MANIFESTS / name: _plain(text) for name, text in sorted(render({}).items())}
    tree = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [path.name for path in files],
        "images": [{"name": NAME, "newName": NAME, "newTag": __version__}],
    }
    return files | {MANIFESTS / "kustomization.yaml": yaml.safe_dump(tree, sort_keys=False)}


def _plain(text: str) -> str:
    """Return a manifest without what only Helm has a use for."""
    unused = ("app.kubernetes.io/managed-by:", "app.kubernetes.io/instance:")
    lines = [line for line in text.splitlines() if not line.strip().startswith(unused)]
    return "\n".join(lines) + "\n"


def copies() -> dict[Path, str]:
    """Return the chart's copies of files that are of use without it too, by path."""
    return {CHART / "files" / path.name: path.read_text() for path in COPIED}


def generated() -> dict[Path, str]:
    """Return all generated files, by path."""
    return {SCHEMA: schema(), PAGE: page()} | copies() | manifests()


def main() -> int:
    """Writes the files, or with `--check` compares them; returns the exit status."""
    files = generated()
    if sys.argv[1:] == ["--check"]:
        old = [
            path for path, text in files.items() if not path.exists() or path.read_text() != text
        ]
        for path in old:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what is generated now\n")
        return 1 if old else 0
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
