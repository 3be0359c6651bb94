"""Files of YAML from people: read at bounded cost, refused with a reason."""

import re
from pathlib import Path

import pytest

from nodesim import documents
from nodesim.documents import UnreadableFile


def refused(data: str | bytes) -> UnreadableFile:
    """Return the error of a file that is refused."""
    with pytest.raises(UnreadableFile) as caught:
        documents.parse(data, "pods.yaml")
    assert str(caught.value) == f"pods.yaml: {caught.value.problem}"
    return caught.value


def test_documents_are_numbered_and_empty_ones_left_out() -> None:
    """The number is that of the file, so that a person can count."""
    first, second = documents.parse("a: 1\n---\n---\nb: 2\n", "pods.yaml")
    assert {"a": 1} == first.value
    assert ("pods.yaml, document 1", "pods.yaml, document 3") == (
        str(first.place),
        str(second.place),
    )


@pytest.mark.parametrize("data", ["", "# nothing\n", "---\n---\n", b"\xef\xbb\xbf"])
def test_a_file_may_be_empty(data: str | bytes) -> None:
    """No documents is no error here."""
    assert documents.parse(data, "pods.yaml") == []


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (2, "a: 1\nb: [\n"),
        (1, "a: *nobody"),
        (2, "a: 1\n\tb: 2"),
        (1, "!!python/object/apply:os.system [true]"),
        (1, "? [1]\n: 2"),
        (1, "a: 'x"),
    ],
)
def test_an_error_of_syntax_names_the_line(line: int, data: str) -> None:
    """Within a line or so: a person finds the place."""
    found = refused(data).problem
    shown = re.fullmatch(r"is not valid YAML at line ([0-9]+): .{5,}", found)
    assert shown is not None
    assert abs(int(shown[1]) - line) <= 1


@pytest.mark.parametrize("data", ["a: 1\nb: {c: 1, c: 2}", "a: 1\n'a': 2", "a:\n- x\na: 2"])
def test_a_key_that_is_there_twice_is_refused(data: str) -> None:
    """One of two limits would be lost without a word."""
    assert re.search(r"at line [23]: the key '[ac]' is there twice", refused(data).problem)


def test_an_error_does_not_quote_all_of_the_file() -> None:
    """A message is a line for people."""
    assert len(refused("!" + "x" * 10_000).problem) < 200
    assert len(refused(f"{{{'x' * 900}: 1, {'x' * 900}: 2}}").problem) < 200


@pytest.mark.parametrize(
    "data",
    [
        *(
            "!!int ''",
            "!!int x",
            "!!float ''",
            "!!bool x",
            "!!timestamp x",
            "!!timestamp '9999-99-99'",
        ),
        *("!!binary x", "!!omap x", "!!set x", "!!pairs [1]", "!!map [1]", "!!seq {a: 1}"),
        *(b"\xff\xfe\x00", b"\x80", "a: \x00", "2001-99-99"),
    ],
)
def test_malformed_scalars_are_refused(data: str | bytes) -> None:
    """A YAML library lets other errors through here."""
    assert refused(data).problem.startswith("is not valid YAML")


def laughs(levels: int) -> str:
    """Return a small file whose tree has ten to the power of `levels` values."""
    lines = ["a0: &a0 x"]
    lines += [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]"
        for level in range(1, levels + 1)
    ]
    return "\n".join(lines)


def test_a_small_file_with_a_billion_values_is_refused() -> None:
    """Their number is reckoned before any is made."""
    assert "200000 values" in refused(laughs(30)).problem


def test_a_file_that_repeats_parts_by_name_is_read() -> None:
    """Anchors are of use to people."""
    (one,) = documents.parse(laughs(2), "pods.yaml")
    assert [["x"] * 10] * 10 == one.value["a2"]


def test_mappings_that_are_merged_without_end_are_refused() -> None:
    """`<<` repeats as well."""
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 20)]
    assert "200000 values" in refused("\n".join(lines)).problem


@pytest.mark.parametrize("data", ["&a [*a]", "&a {k: *a}", "&a {? *a : k}"])
def test_a_part_that_contains_itself_is_refused(data: str) -> None:
    """Nobody can walk through it."""
    assert refused(data).problem.startswith("is not valid YAML")


@pytest.mark.parametrize("depth", [documents.DEPTH_MAX + 1, 900, 20_000])
def test_values_that_lie_too_deep_are_refused(depth: int) -> None:
    """Neither the reader nor whoever walks through the tree runs out of stack."""
    refused("[" * depth + "]" * depth)


def test_many_documents_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit for each document alone would be none."""
    monkeypatch.setattr(documents, "NODES_MAX", 100)
    assert len(documents.parse(f"[{'1,' * 40}]\n---\n" * 2, "pods.yaml")) == 2
    assert "more than 100 values" in refused(f"[{'1,' * 40}]\n---\n" * 3).problem


@pytest.mark.parametrize("number", ["9" * 101, "1_0" * 40, "0x" + "f" * 200, "1" * 101 + ".5"])
def test_long_numbers_are_refused(number: str) -> None:
    """To convert a number of a million digits takes minutes."""
    assert refused(f"replicas: {number}").problem.startswith("is not valid YAML")


def test_a_large_file_is_refused_unread() -> None:
    """Whatever is in it."""
    assert refused("#" * (documents.FILE_MAX_BYTES + 1)).problem == "is larger than 1048576 bytes"


def test_a_file_is_read(tmp_path: Path) -> None:
    """Its bytes are what is in it."""
    (tmp_path / "pods.yaml").write_bytes(b"a: 1")
    assert documents.read(tmp_path / "pods.yaml") == b"a: 1"


def test_no_more_of_a_file_is_read_than_is_needed_to_refuse_it(tmp_path: Path) -> None:
    """Nobody fills the memory with a file."""
    path = tmp_path / "pods.yaml"
    with path.open("wb") as stream:
        stream.truncate(100 << 20)
    assert len(documents.read(path)) == documents.FILE_MAX_BYTES + 1


@pytest.mark.parametrize(
    ("problem", "name"),
    [("No such file or directory", "none"), ("Is a directory", "."), ("no such file", "a\0b")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, problem: str, name: str) -> None:
    """The error names it and says why."""
    with pytest.raises(UnreadableFile) as caught:
        documents.read(tmp_path / name)
    assert (str(tmp_path / name), problem) == (caught.value.file, caught.value.problem)
