"""The package's public names."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

from weka_cpuset import engine
from weka_cpuset.engine import cpuset, demand, errors, events

FOLDER = Path(engine.__file__).parent
PURE = {
    *("collections", "dataclasses", "enum", "fractions", "functools", "itertools", "re", "types"),
    "typing",
}
"""What modules without any input or output need of the standard library."""


def test_all_names_exist_once_and_in_order() -> None:
    """Each public name can be imported, is listed once, and the list can be searched by eye."""
    names = engine.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(engine, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_everything_imported_is_public() -> None:
    """The package imports nothing that it does not also export."""
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(engine.__all__)


def test_every_refusal_is_public() -> None:
    """Whoever handles a refusal by its type can import each type there is."""
    refusals = {one.__name__ for one in errors.Refusal.__subclasses__()}
    assert len(refusals) > 1
    assert refusals <= set(engine.__all__)
    assert all(issubclass(one, errors.EngineError) for one in errors.Refusal.__subclasses__())


@pytest.mark.parametrize(
    ("module", "union"),
    [(demand, demand.Demand), (events, events.Event), (errors, errors.Notice)],
)
def test_every_member_of_a_closed_set_is_public(module: ModuleType, union: object) -> None:
    """Each case of a union can be named in a match statement outside the package."""
    members = getattr(union, "__args__", ())
    assert len(members) > 1
    assert {one.__name__ for one in members} <= set(engine.__all__)
    assert all(one.__module__ == module.__name__ for one in members)


def test_functions_and_modules_of_one_name_do_not_hide_each_other() -> None:
    """`decide` and `explain` of the package are the functions, not the modules they are in."""
    assert callable(engine.decide)
    assert callable(engine.explain)
    assert engine.CpuSet is cpuset.CpuSet


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_modules_are_pure(path: Path) -> None:
    """No module imports anything by which it could read a clock, a file, or chance."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module or "")
    foreign = {name for name in imported if not name.startswith("weka_cpuset.engine")}
    assert {name.split(".")[0] for name in foreign} <= PURE
