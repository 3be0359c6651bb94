"""Facts that cannot be read become unknown, and say what would help."""

import errno
from pathlib import Path

import pytest

from weka_cpuset.check.facts import RUN_AS_ROOT, NotReadable, Unknown, establish


def test_a_value_is_passed_on() -> None:
    """What can be read is the fact."""
    assert establish(lambda: 7) == 7


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotReadable(Path("/a"), "is not there"), ["/a", "is not there"]),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), ["/a", "Permission denied"]),
        (OSError(errno.EIO, "Input/output error", "/a"), ["/a", "Input/output error"]),
        (OSError("AF_UNIX path too long"), ["path too long"]),
    ],
)
def test_an_error_is_a_reason(error: Exception, words: list[str]) -> None:
    """No error of a reader ends the check."""

    def read() -> int:
        raise error

    fact = establish(read)
    assert isinstance(fact, Unknown)
    assert all(word in fact.reason for word in words)


def test_a_remedy_comes_with_the_reason() -> None:
    """Missing rights have a remedy of their own, and so may any error of a reader."""

    def refuse() -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/a")

    def give_up() -> int:
        raise NotReadable("/a", "is hidden", "look elsewhere")

    assert Unknown("/a: Permission denied", RUN_AS_ROOT) == establish(refuse)
    assert Unknown("/a: is hidden", "look elsewhere") == establish(give_up)
