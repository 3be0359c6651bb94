"""Configuration files: missing, malformed, of the wrong shape."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from weka_cpuset.check import files
from weka_cpuset.check.facts import NotReadable

Reader = Callable[[Path], dict[str, object] | None]


class Shape(msgspec.Struct):
    """What a test expects of a file."""

    number: int = 0


@pytest.mark.parametrize("read", [files.read_toml, files.read_yaml, files.read_bytes])
def test_a_missing_file_is_nothing(read: Callable[[Path], object], tmp_path: Path) -> None:
    """A file that is not there is a normal case."""
    assert read(tmp_path / "none") is None
    (tmp_path / "file").touch()
    assert read(tmp_path / "file" / "below") is None


@pytest.mark.parametrize(
    ("read", "content", "words"),
    [
        (files.read_toml, b"a = ", "TOML"),
        (files.read_toml, b"\xff\xfe", "TOML"),
        (files.read_yaml, b"a: [\n", "YAML at line 2"),
        (files.read_yaml, b"- a\n", "mapping"),
        (files.read_yaml, b"\xff\xfe\xff", "YAML"),
    ],
)
def test_a_malformed_file_is_named(
    read: Reader, content: bytes, words: str, tmp_path: Path
) -> None:
    """The error says which file, and what is wrong with it."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotReadable, match=words) as raised:
        read(path)
    assert str(path) in str(raised.value)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """What is too large for a configuration file is none."""
    path = tmp_path / "file"
    with path.open("wb") as stream:
        stream.truncate(files.MAX_BYTES + 1)
    with pytest.raises(NotReadable, match="larger"):
        files.read_bytes(path)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """What is no file is an error of the system, which `establish` explains."""
    with pytest.raises(IsADirectoryError):
        files.read_bytes(tmp_path)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    """An empty file is valid, and everything has its default."""
    path = tmp_path / "file"
    path.touch()
    assert files.read_yaml(path) == {}
    assert files.read_toml(path) == {}


def test_a_wrong_type_is_named(tmp_path: Path) -> None:
    """A value of the wrong type says its key; unknown keys are passed over."""
    assert files.convert(tmp_path, {"number": 1, "more": 2}, Shape) == Shape(1)
    with pytest.raises(NotReadable, match="number"):
        files.convert(tmp_path, {"number": "one"}, Shape)


def test_names_are_sorted(tmp_path: Path) -> None:
    """Drop-ins are read in the order of their names."""
    for name in ("20-b", "10-a"):
        (tmp_path / name).touch()
    assert files.list_names(tmp_path) == ["10-a", "20-b"]
    assert files.list_names(tmp_path / "none") == []


def test_later_files_win_key_by_key() -> None:
    """A table of a later file adds to the earlier one's."""
    merged = files.merge({"t": {"a": 1, "b": 1}, "x": 1}, {"t": {"b": 2}, "x": {"y": 2}})
    assert merged == {"t": {"a": 1, "b": 2}, "x": {"y": 2}}
