"""The log line of a decision."""

import logging
from collections.abc import Mapping

from weka_cpuset.decided import Decided
from weka_cpuset.engine import Outcome
from weka_cpuset.logs import Fields

log = logging.getLogger(__name__)

_REMOVAL = "RemoveContainer"
"""Operators search the log for this event's line, whatever came of it."""

_MESSAGES: Mapping[str, str] = {
    Outcome.PLACED.value: "Placed container %s",
    Outcome.UNCHANGED.value: "Kept container %s",
    Outcome.RELEASED.value: "Released container %s",
    Outcome.ADOPTED.value: "Adopted container %s",
    Outcome.STARTED.value: "Started container %s",
    Outcome.REFUSED.value: "Refused container %s",
}

_QUIET = frozenset({Outcome.NOTHING.value, Outcome.SETTLED.value, Outcome.STARTED.value})
"""Outcomes that change nothing for anybody; logged for debugging only."""


def write(decided: Decided) -> None:
    """Log a decision, if its level is logged; nobody waits for the output."""
    level = _level(decided)
    if log.isEnabledFor(level):
        log.log(level, _message(decided), Fields(decided.fields()))


def _level(decided: Decided) -> int:
    if decided.refusal:
        return logging.WARNING
    if decided.outcome in _QUIET and decided.event != _REMOVAL:
        return logging.DEBUG
    return logging.INFO


def _message(decided: Decided) -> str:
    if decided.event == _REMOVAL:
        return "Removing container %s"
    return _MESSAGES.get(decided.outcome, "Handled event %s")
