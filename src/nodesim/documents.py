"""Files of YAML from people, of bounded cost.

A file of a few kilobytes can describe a tree of any size, since parts may be repeated by
name. So the size of the whole tree is reckoned before it is built.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from nodesim.fields import Field, InputError, Place

FILE_MAX_BYTES = 1 << 20
"""A larger file is refused unread: a manifest of a thousand pods is smaller."""

NODES_MAX = 200_000
"""The most values in a file, repeated parts counted each time."""

DEPTH_MAX = 100
"""How deep values may lie within each other."""

DIGITS_MAX = 100
"""The longest number that is read, in characters; longer ones cost time for nothing."""

PROBLEM_MAX = 100
"""The longest description of a problem in a message, in characters; it may quote the file."""

_NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

# What PyYAML raises on purpose, and what its constructors let through on malformed scalars
# with an explicit tag, such as `!!int ''` or `!!bool x`.
_YAML_ERRORS = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)


class UnreadableFile(InputError):
    """A file cannot be read, or is not YAML.

    Attributes:
        file: Its name.
        problem: What is wrong with it, in one line.
    """

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(file, problem)
        self.file = file
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


def read(path: Path) -> bytes:
    """Return what is in a file of people.

    Raises:
        UnreadableFile: It cannot be read or is too large.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnreadableFile(
            str(path), getattr(error, "strerror", None) or "no such file"
        ) from None
    return data


def parse(data: str | bytes, file: str) -> list[Field]:
    """Return the documents of a YAML file; empty ones are left out.

    Args:
        data: What is in the file.
        file: The file's name, for errors.

    Raises:
        UnreadableFile: It is too large, or is not YAML.
    """
    if len(data) > FILE_MAX_BYTES:
        raise UnreadableFile(file, f"is larger than {FILE_MAX_BYTES} bytes")
    try:
        return [
            Field(tree, Place(file, f"document {number}"))
            for number, tree in enumerate(_trees(data, file), start=1)
            if tree is not None
        ]
    except _YAML_ERRORS as error:
        raise UnreadableFile(file, f"is not valid YAML{_where_and_why(error)}") from error


def _where_and_why(error: Exception) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ""
    return f" at line {error.problem_mark.line + 1}: {str(error.problem)[:PROBLEM_MAX]}"


def _trees(data: str | bytes, file: str) -> Iterator[object]:
    loader = yaml.SafeLoader(data)
    total = 0
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None, "there is a node"  # noqa: S101  # for the type checker
            size, height = _measure(node, {}, 0)
            total += size
            if total > NODES_MAX or height > DEPTH_MAX:
                problem = f"has more than {NODES_MAX} values or {DEPTH_MAX} levels"
                raise UnreadableFile(file, problem)
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]], depth: int) -> tuple[int, int]:
    """Count the values of a tree, repeated ones each time, and its levels.

    A part that contains itself is found by its depth, which has no end.
    """
    if depth > DEPTH_MAX:
        raise RecursionError
    if isinstance(node, yaml.ScalarNode):
        if node.tag in _NUMBER_TAGS and len(node.value) > DIGITS_MAX:
            raise ValueError("a number is too long")
        return 1, 1
    if id(node) not in known:
        below = node.value
        if isinstance(node, yaml.MappingNode):
            _refuse_second_keys(node)
            below = [one for pair in node.value for one in pair]
        measured = [_measure(one, known, depth + 1) for one in below]
        known[id(node)] = (
            1 + sum(size for size, _ in measured),
            1 + max((height for _, height in measured), default=0),
        )
    return known[id(node)]


def _refuse_second_keys(mapping: yaml.MappingNode) -> None:
    """Refuse a mapping that has a key twice: one of the values would be lost without a word."""
    seen = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                problem = f"the key {key.value[:PROBLEM_MAX]!r} is there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
