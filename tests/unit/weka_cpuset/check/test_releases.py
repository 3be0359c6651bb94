"""Which runtime has which NRI."""

import pytest

from weka_cpuset.check.facts import RuntimeKind, RuntimeRelease
from weka_cpuset.check.releases import support, text


@pytest.mark.parametrize(
    ("kind", "version", "nri", "on_by_default"),
    [
        ("containerd", "1.7.24~ds1", "0.6.1", False),
        ("containerd", "1.7.26", "0.8.0", False),
        ("containerd", "2.1.9+unknown", "0.8.0", True),
        ("containerd", "v2.3.4", "0.12.0", True),
        ("containerd", "2.4.0-beta.0", "0.12.1", True),
        ("crio", "1.29.5", "0.5.0", False),
        ("crio", "1.30.0", "0.6.0", True),
        ("crio", "1.34.2", "0.10.0", True),
    ],
)
def test_known_releases(kind: str, version: str, nri: str, *, on_by_default: bool) -> None:
    """The tables hold what the releases were seen to have."""
    found = support(RuntimeRelease(RuntimeKind(kind), version))
    assert found is not None
    assert found.nri is not None
    assert (nri, on_by_default) == (text(found.nri), found.on_by_default)


def test_older_than_nri() -> None:
    """A runtime from before NRI has none."""
    found = support(RuntimeRelease(RuntimeKind.CONTAINERD, "1.6.20"))
    assert found is not None
    assert found.nri is None


def test_a_version_that_is_none() -> None:
    """A build without a version is not guessed at."""
    assert support(RuntimeRelease(RuntimeKind.CONTAINERD, "unknown")) is None
