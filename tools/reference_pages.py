"""Writes the generated parts of the reference pages: metrics, and what is shown as JSON.

Run `python tools/reference_pages.py` after a change of the table of metrics or of a schema. A test
compares the pages with what this makes of them.
"""

import ast
import inspect
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import msgspec

from weka_cpuset.explain import report, view
from weka_cpuset.explain.text import TERMS
from weka_cpuset.journal import entry
from weka_cpuset.metrics.table import TABLE, Metric
from weka_cpuset.status import health, schema
from weka_cpuset.web import events, site

PAGES = Path(__file__).parent.parent / "docs" / "reference"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"

_TYPES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "object": "object",
}


def metrics() -> Iterator[str]:
    """Yield the table of metrics."""
    yield "| metric | type | labels | what it tells |"
    yield "|---|---|---|---|"
    for row in TABLE:
        yield f"| `{row.name}` | {row.kind} | {_labels(row)} | {row.help} |"


def _labels(row: Metric) -> str:
    return "; ".join(
        f"`{label.name}`: {label.note or ', '.join(label.values)}" for label in row.labels
    )


def status() -> Iterator[str]:
    """Yield the fields of everything that is shown as JSON."""
    yield from _struct(schema.Status, "/status.json", (schema.Status, schema.Summary))
    for kind in (
        *(schema.Agent, schema.Health, schema.Problem, schema.Connection, schema.Cpus),
        *(schema.Settle, schema.Audit, schema.Rivals),
        *(schema.Machine, schema.Package, schema.Node, schema.Llc, schema.Container),
    ):
        yield from _struct(kind, kind.__name__, (kind,))
    yield from _struct(events.Change, "change, an event of /events", (events.Change,))
    yield from _struct(site.JournalPage, "/journal.json", (site.JournalPage,))
    yield from _struct(entry.Line, "Line, an entry of the journal", (entry.Line,))
    yield from _struct(entry.MoveLine, "MoveLine", (entry.MoveLine,))
    yield from _struct(view.LedgerPage, "/ledger.json", (view.LedgerPage,))
    yield "## Problems"
    yield ""
    yield "| code | what it is | ready |"
    yield "|---|---|---|"
    texts = _texts(health, "Code")
    for code in health.Code:
        ready = "no" if code in health.NOT_READY else "yes"
        yield f"| `{code.value}` | {texts[code.name]} | {ready} |"


def explain() -> Iterator[str]:
    """Yield the fields of explanations."""
    for kind in (report.Container, report.Cpu, report.Plan):
        title = f"explain {'pod' if kind is report.Plan else kind.__name__.lower()}"
        yield from _struct(kind, title, (kind,))
    for part in (
        *(report.Decision, report.Chosen, report.Option, report.InTheWay),
        *(report.Who, report.Planned, report.Move),
    ):
        yield from _struct(part, part.__name__, (part,))
    yield "## Terms of a cost"
    yield ""
    yield "| term | what it counts |"
    yield "|---|---|"
    for term, words in TERMS.items():
        yield f"| `{term}` | {words} |"


def _struct(
    kind: type[msgspec.Struct], title: str, documented: Iterable[type[msgspec.Struct]]
) -> Iterator[str]:
    """Yield the table of a struct's fields, with what the code says of each."""
    texts: dict[str, str] = {}
    types: dict[str, str] = {}
    for one in documented:
        module = sys.modules[one.__module__]
        texts |= _texts(module, one.__name__)
        types |= _annotations(module, one.__name__)
    yield f"## {title}"
    yield ""
    yield inspect.cleandoc(kind.__doc__ or "")
    yield ""
    yield "| field | type | what it is |"
    yield "|---|---|---|"
    for name, shown in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        if name in texts:
            yield f"| `{shown}` | {_type(types[name])} | {texts[name]} |"
    yield ""


def _type(annotation: str) -> str:
    if annotation.endswith(" | None"):
        return f"{_type(annotation.removesuffix(' | None'))} or null"
    if annotation.startswith("dict[str, "):
        return f"{_type(annotation.removeprefix('dict[str, ').removesuffix(']'))} by name"
    inner = annotation.removeprefix("tuple[").removesuffix(", ...]")
    name = inner.rpartition(".")[2]
    text = _TYPES.get(name, "Line" if name == "Raw" else name)
    return f"list of {text}" if inner != annotation else text


def _body(module: ModuleType, name: str) -> list[ast.stmt]:
    tree = ast.parse(inspect.getsource(module))
    (found,) = (one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    return found.body


def _texts(module: ModuleType, name: str) -> dict[str, str]:
    """Return the docstring below each field of a class, on one line."""
    body = _body(module, name)
    texts = {}
    for field, text in itertools.pairwise(body):
        target = _target(field)
        if target and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            texts[target] = " ".join(str(text.value.value).split())
    return texts


def _annotations(module: ModuleType, name: str) -> dict[str, str]:
    return {
        _target(field): ast.unparse(field.annotation)
        for field in _body(module, name)
        if isinstance(field, ast.AnnAssign)
    }


def _target(field: ast.stmt) -> str:
    match field:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""


GENERATED = {"metrics.md": metrics, "status.md": status, "explain.md": explain}
"""What is generated for which page."""


def page(name: str) -> str:
    """Return a page with its generated part made anew."""
    text = (PAGES / name).read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n" + "\n".join(GENERATED[name]()).rstrip() + f"\n\n{END}{tail}"


def main() -> None:
    """Write the pages."""
    for name in GENERATED:
        (PAGES / name).write_text(page(name))


if __name__ == "__main__":
    main()
