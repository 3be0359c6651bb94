"""How settling is doing, for people and metrics."""

import dataclasses

from weka_cpuset.settings import Way


@dataclasses.dataclass(slots=True)
class SettleStatus:
    """How settling is doing, for people and metrics.

    Attributes:
        way: The way that the last pass went; never AUTO.
        passes: How many passes there were.
        settled: How many container updates succeeded.
        failed: How many failed.
        retries: How many passes repeated what had failed.
        gone: How many updates met a container that had gone.
        unsettled: Labels of the containers that the last pass could not settle.
        problem: Why not; empty when there is nothing.
    """

    way: Way = Way.REPLY
    passes: int = 0
    settled: int = 0
    failed: int = 0
    retries: int = 0
    gone: int = 0
    unsettled: tuple[str, ...] = ()
    problem: str = ""
