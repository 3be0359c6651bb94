"""Which runtime release has which NRI, and from which NRI on what works.

Sources: `go.mod` and the default configuration of each release's tag of containerd and
CRI-O. Distributions may build with other library versions; the numbers of NRI itself
stand for behaviour that was seen to change between them.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nri.version import parse_version
from weka_cpuset.check.facts import RuntimeKind, RuntimeRelease

Version = tuple[int, int, int]

REGISTRATION_IS_SAFE: Version = (0, 6, 1)
"""Before, a plugin that registers during an event can dead-lock the runtime (containerd 10085)."""

LAUNCHED_ARE_SYNCHRONIZED: Version = (0, 7, 0)
"""Before, a plugin that the runtime launches is never told of the containers there are."""

HAS_VALIDATORS: Version = (0, 10, 0)
"""From here on the runtime can require a plugin."""

UPDATES_ARE_SAFE: Version = (0, 12, 1)
"""Before, an unsolicited update can dead-lock the runtime (containerd 13733)."""

_NRI_OF: Mapping[RuntimeKind, Sequence[tuple[Version, Version]]] = {
    RuntimeKind.CONTAINERD: (
        ((1, 7, 0), (0, 3, 0)),
        ((1, 7, 7), (0, 4, 0)),
        ((1, 7, 14), (0, 6, 0)),
        ((1, 7, 16), (0, 6, 1)),
        ((1, 7, 26), (0, 8, 0)),
        ((2, 2, 0), (0, 10, 0)),
        ((2, 2, 1), (0, 11, 0)),
        ((2, 3, 0), (0, 12, 0)),
        ((2, 4, 0), (0, 12, 1)),
    ),
    RuntimeKind.CRIO: (
        ((1, 26, 0), (0, 2, 0)),
        ((1, 27, 0), (0, 3, 0)),
        ((1, 29, 0), (0, 5, 0)),
        ((1, 30, 0), (0, 6, 0)),
        ((1, 31, 0), (0, 6, 1)),
        ((1, 32, 0), (0, 9, 0)),
        ((1, 34, 0), (0, 10, 0)),
        ((1, 35, 0), (0, 11, 0)),
    ),
}

_ON_BY_DEFAULT: Mapping[RuntimeKind, Version] = {
    RuntimeKind.CONTAINERD: (2, 0, 0),
    RuntimeKind.CRIO: (1, 30, 0),
}


@dataclass(frozen=True, slots=True)
class Support:
    """What a runtime release offers.

    Attributes:
        nri: Its NRI, or the newest known one that it has at least; None: it has none.
        on_by_default: Whether NRI is on where the configuration does not say.
    """

    nri: Version | None
    on_by_default: bool


def support(release: RuntimeRelease) -> Support | None:
    """Return what a release offers, or None if its version cannot be understood."""
    version = parse_version(release.version)
    if version is None:
        return None
    table = _NRI_OF[release.kind]
    row = bisect_right([start for start, _ in table], version)
    return Support(
        nri=table[row - 1][1] if row else None,
        on_by_default=version >= _ON_BY_DEFAULT[release.kind],
    )


def text(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))
