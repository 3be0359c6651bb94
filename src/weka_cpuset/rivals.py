"""Rivals: who else sets cpusets on this node, as far as the agent can see it.

Two that set the same cpusets undo each other's work, and neither can keep its rules. What can be
seen: kubelet's CPU manager with the policy `static` puts cpus into its own requests (into the
creation of Guaranteed containers with whole cpus, and every ten seconds into updates of all
others); a plugin that the runtime asks earlier shows in what a creation already carries;
and whoever writes to the cgroup files shows when the audit finds the same container changed
again and again.
"""

import enum
import logging
import time
from collections import deque
from collections.abc import Callable

from weka_cpuset.engine import Class
from weka_cpuset.logs import Fields

log = logging.getLogger(__name__)

REPEAT_S = 600.0
"""A rival is warned of once in so many seconds, as long as it is seen."""

FOREIGN_WRITES = 3
"""So many changes of the same container ..."""

FOREIGN_WINDOW_S = 60.0
"""... within so many seconds are no accident: a lost update happens once."""

WATCHED_MAX = 1024
"""So many containers are remembered, the last ones; a node runs some hundred."""


class Rival(enum.Enum):
    """Who else sets cpusets; the value is for metrics."""

    KUBELET = "kubelet"
    PLUGIN = "plugin"
    WRITER = "writer"


_TEXTS = {
    Rival.KUBELET: (
        "kubelet's CPU manager (policy static) sets cpusets too; start kubelet with "
        "cpuManagerPolicy none"
    ),
    Rival.PLUGIN: "another NRI plugin sets cpusets too; remove it, or this one",
    Rival.WRITER: (
        "another program writes cpusets of containers; look for a second agent, for systemd's "
        "AllowedCPUs, and for tuning daemons"
    ),
}


class Rivals:
    """Counts what shows a rival, and warns of each.

    Args:
        clock: Returns a time in seconds that only rises.

    Attributes:
        seen: How often each one was seen.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seen: dict[Rival, int] = dict.fromkeys(Rival, 0)
        self._clock = clock
        self._warned_s: dict[Rival, float] = {}
        self._writes_s: dict[str, deque[float]] = {}

    def note_creation(self, label: str, kind: Class, cpus: str) -> None:
        """Take note of the cpus that a request to create a container carries, if any.

        Args:
            label: The container's name for people.
            kind: Its class; kubelet gives cpus to containers with whole cpus only.
            cpus: The cpus in the request.
        """
        if cpus:
            rival = Rival.KUBELET if kind is Class.INTEGER else Rival.PLUGIN
            self._note(rival, {"container": label, "cpus": cpus})

    def note_update(self, label: str, cpus: str) -> None:
        """Take note of the cpus that a request to update a container carries, if any."""
        if cpus:
            self._note(Rival.KUBELET, {"container": label, "cpus": cpus})

    def note_difference(self, container_id: str) -> None:
        """Take note that a container had not what it was told."""
        now_s = self._clock()
        writes_s = self._writes_s.pop(container_id, deque(maxlen=FOREIGN_WRITES))
        writes_s.append(now_s)
        self._writes_s[container_id] = writes_s
        if len(self._writes_s) > WATCHED_MAX:
            del self._writes_s[next(iter(self._writes_s))]
        if len(writes_s) == FOREIGN_WRITES and now_s - writes_s[0] <= FOREIGN_WINDOW_S:
            self._note(Rival.WRITER, {"container": container_id})

    def _note(self, rival: Rival, fields: dict[str, object]) -> None:
        self.seen[rival] += 1
        now_s = self._clock()
        if now_s - self._warned_s.get(rival, -REPEAT_S) >= REPEAT_S:
            self._warned_s[rival] = now_s
            log.warning("%s %s", _TEXTS[rival], Fields(fields))
