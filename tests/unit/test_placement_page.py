"""The pictures of the page on placement are what the engine decides."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/placement.md"


@pytest.fixture(name="drawing", scope="module")
def _drawing() -> ModuleType:
    """The tool, which lies in no package."""
    spec = importlib.util.spec_from_file_location("drawing", ROOT / "tools/draw_placement.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_picture_is_what_is_decided_now(drawing: ModuleType) -> None:
    """After a change of the rules `python tools/draw_placement.py` draws them anew."""
    assert drawing.main(["--check"]) == 0
    assert PAGE.read_text().count("<!-- drawn: ") >= 8


def test_an_old_picture_is_noticed(
    drawing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that somebody has edited fails the check, and is drawn anew."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text().replace("I1", "I9"))
    monkeypatch.setattr(drawing, "PAGE", page)
    assert drawing.main(["--check"]) == 1
    assert drawing.main([]) == 0
    assert page.read_text() == PAGE.read_text()


def test_what_can_happen_in_a_picture(drawing: ModuleType) -> None:
    """Containers that are resized or stopped are shown as they are afterwards."""
    lines = drawing.draw("laptop; a 2; b 2; a -> 4; stop b").splitlines()
    assert [line for line in lines if line.startswith("I")] == ["I1  a  1,3,5,7"]
