"""Versions as runtimes write them."""

import pytest

from nri.version import parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v0.12.1", (0, 12, 1)),
        ("0.8.0", (0, 8, 0)),
        ("1.7.24~ds1", (1, 7, 24)),
        ("2.1.9+unknown", (2, 1, 9)),
        ("2.4.0-beta.0", (2, 4, 0)),
        ("v2.3", (2, 3, 0)),
        ("v1.2.3.4", (1, 2, 3)),
    ],
)
def test_the_numbers_at_the_start_are_read(text: str, version: tuple[int, int, int]) -> None:
    """With or without "v"; what packagers add is ignored, a missing patch is 0."""
    assert parse_version(text) == version


@pytest.mark.parametrize(
    "text", ["", "v", "1", "unknown", " 1.2.3", "vv1.2", "1.x", "v٣.1", "²2.1"]
)
def test_what_is_no_version_is_none(text: str) -> None:
    """Runtimes built by hand say anything, also in digits of other scripts."""
    assert parse_version(text) is None


def test_absurd_numbers_are_no_version() -> None:
    """A peer cannot make us compute with numbers of any length."""
    assert parse_version("1" * 5000 + ".2.3") is None


def test_versions_compare_as_numbers() -> None:
    """0.12 is newer than 0.8."""
    new, old = parse_version("v0.12.0"), parse_version("v0.8.9")
    assert new is not None
    assert old is not None
    assert new > old
