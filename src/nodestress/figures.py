"""What comes out of the test, on whatever node it was run."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nodesim.criteria import Evidence, criteria_of

_TOOK = re.compile(r" us=([0-9]+)")
"""How long an answer took, in µs, in a line of the agent's log."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came out.

    Attributes:
        seen: What the criteria are judged on.
        measured: What was measured beside them: name and figure.
    """

    seen: Evidence
    measured: tuple[tuple[str, str], ...]

    @property
    def passed(self) -> bool:
        """Whether all criteria are met."""
        return all(one.met for one in criteria_of(self.seen))


def answers_in(log: Iterable[str]) -> str:
    """Tell how long the agent took to answer, from its own log.

    Args:
        log: The agent's log, one line each.
    """
    took_us = [int(found[1]) for line in log if (found := _TOOK.search(line))]
    if not took_us:
        return "the agent's log has none"
    return (
        f"{len(took_us):,} in the agent's log: 99 of 100 within "
        f"{part_of(took_us, 0.99) / 1000:.1f} ms, the slowest took {max(took_us) / 1000:.1f} ms"
    )


def part_of(values: Sequence[float], part: float) -> float:
    """Return the value that a part of all values does not exceed.

    Args:
        values: The values; at least one.
        part: The part, between 0 and 1.
    """
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
