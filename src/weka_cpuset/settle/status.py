"""How settling is doing, for people and metrics."""

import dataclasses

from weka_cpuset.latency import Latency
from weka_cpuset.settings import Way


def _by_way() -> dict[Way, int]:
    return {Way.CGROUP: 0, Way.UPDATE: 0}


@dataclasses.dataclass(slots=True)
class SettleStatus:
    """How settling is doing, for people and metrics.

    Attributes:
        way: The way that the last pass went; never AUTO.
        passes: How many passes there were.
        settled_by: How many container updates succeeded, by way.
        repaired_by: How many of those put something right, rather than let containers grow.
        failed_by: How many failed.
        took: How long it took from the first cause to the end of the pass.
        retries: How many passes repeated what had failed.
        gone: How many updates met a container that had gone.
        unsettled: Labels of the containers that the last pass could not settle.
        problem: Why not; empty when there is nothing.
    """

    way: Way = Way.REPLY
    passes: int = 0
    settled_by: dict[Way, int] = dataclasses.field(default_factory=_by_way)
    repaired_by: dict[Way, int] = dataclasses.field(default_factory=_by_way)
    failed_by: dict[Way, int] = dataclasses.field(default_factory=_by_way)
    took: Latency = dataclasses.field(default_factory=Latency)
    retries: int = 0
    gone: int = 0
    unsettled: tuple[str, ...] = ()
    problem: str = ""

    @property
    def settled(self) -> int:
        """How many container updates succeeded."""
        return sum(self.settled_by.values())

    @property
    def failed(self) -> int:
        """How many container updates failed."""
        return sum(self.failed_by.values())
