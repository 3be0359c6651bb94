"""The generated files are what protoc makes of the .proto files now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
GENERATORS = {"tools/generate_messages.py": "src"}


def generator(path: str) -> ModuleType:
    """Loads a generator, which lies in no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("path", "target"), GENERATORS.items())
def test_the_committed_files_equal_a_fresh_generation(path: str, target: str) -> None:
    """Whoever changes a .proto file generates again, and nobody edits the result."""
    generated = generator(path).generate()
    committed = {name: (ROOT / target / name).read_text() for name in generated}
    assert generated == committed


@pytest.mark.parametrize(("path", "target"), GENERATORS.items())
def test_no_generated_file_is_left_over(path: str, target: str) -> None:
    """Every generated file in the tree comes from one of the .proto files."""
    folder = ROOT / target
    found = {str(file.relative_to(folder)) for file in folder.rglob("*_pb2.py*")}
    found = {name for name in found if "__pycache__" not in name}
    assert found == set(generator(path).generate())


class TestCheck:
    """`generate_messages.py --check`, which continuous integration runs."""

    def test_it_is_silent_when_all_is_well(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Exit status 0."""
        assert generator("tools/generate_messages.py").main(["--check"]) == 0
        assert capsys.readouterr().err == ""

    def test_it_names_what_differs(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Missing and changed files are told; writing them mends it."""
        tool = generator("tools/generate_messages.py")
        for name in tool.PROTOS:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text((ROOT / "src" / name).read_text())
        monkeypatch.setattr(tool, "SOURCE", tmp_path)
        assert tool.main([]) == 0
        assert tool.main(["--check"]) == 0
        (tmp_path / "nri/nri_pb2.py").write_text("# edited\n")
        (tmp_path / "nri/ttrpc_pb2.pyi").unlink()
        assert tool.main(["--check"]) == 1
        told = capsys.readouterr().err
        assert [line.split()[0] for line in told.splitlines()] == [
            "src/nri/nri_pb2.py",
            "src/nri/ttrpc_pb2.pyi",
        ]
