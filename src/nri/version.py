"""Versions as runtimes write them."""

import re

_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Reads the numbers at the start of a version.

    Args:
        text: Such as "v0.12.1", "1.7.24~ds1" or "2.1.9+unknown"; packagers add suffixes.

    Returns:
        Major, minor and patch (0 if absent), or None if it does not start like a version.
    """
    match = _VERSION.match(text)
    if match is None:
        return None
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)
