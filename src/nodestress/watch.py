"""Watching a real node while the test runs: the kernel, the agent and the runtime.

The kernel cannot be read at one instant: while one file is read another one changes. So all
containers are read twice. If both passes are alike, all of it was so at the instant between
them, and is judged; if not, something has just changed and the next two passes will tell.
What lasts for less than such a look can be missed; what is reported was so.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from nodestress.judge import OVERLAP, Ground, Sight, cpus_of, judge
from nodestress.node import Node, NodeFailed
from weka_cpuset.engine import SharedDemand

PING_S = 0.25
"""How often a call of the runtime, and the agent, are looked at, in seconds."""

BROKEN_MAX = 20
"""How many broken rules are kept: the first ones tell, the rest repeat them."""

PASSES_MAX = 50
"""A look gives up after so many passes in which something changed."""


class Repeated:
    """Does something again and again on a thread of its own, within a `with` block.

    It rests for at least as long as that took, so that on a slow node the watching does not
    become the load.

    Args:
        do: What is done. If it raises, no more is done, and the error is raised at the end.
        interval_s: How long to wait in between at least, in seconds.
    """

    def __init__(self, do: Callable[[], None], interval_s: float) -> None:
        self._do = do
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            rest_s = self._interval_s
            while not self._stop.wait(rest_s):
                began_s = time.monotonic()
                self._do()
                rest_s = max(self._interval_s, time.monotonic() - began_s)
        except BaseException as error:  # noqa: BLE001  # raised again by __exit__
            self._error = error


class KernelWatch:
    """Looks at the cpusets of the test's containers.

    Args:
        node: The node.
        ground: What they are judged against.

    Attributes:
        looks: How many looks were judged.
        broken: The rules that were broken at an instant, one text each, without repetition.
        overlap_s: For how long, in seconds, a container was on cpus that another one owns: the
            whole time between two looks counts if the later one finds it.
        changes: Changes of shared containers while they ran.
    """

    def __init__(self, node: Node, ground: Ground) -> None:
        self.looks = 0
        self.broken: list[str] = []
        self.overlap_s = 0.0
        self.changes: list[str] = []
        self._node = node
        self._ground = ground
        self._lock = threading.Lock()
        self._before: Sight = {}
        self._before_s = time.monotonic()

    def look(self) -> None:
        """Look once, from any thread, and take note of what is wrong or has changed."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        sight = read(self._node)
        if sight is None:
            return
        now_s = time.monotonic()
        if sight != self._before or not self.looks:
            self._note_changes(sight)
        found = judge(sight, self._ground, at_rest=False)
        if any(one.rule == OVERLAP for one in found):
            self.overlap_s += now_s - self._before_s
        for one in found:
            if one.text not in self.broken and len(self.broken) < BROKEN_MAX:
                self.broken.append(one.text)
        self._before, self._before_s = sight, now_s
        self.looks += 1

    def _note_changes(self, sight: Sight) -> None:
        for one in sight.keys() & self._before.keys():
            old, new = cpus_of(self._before[one]), cpus_of(sight[one])
            if isinstance(one.demand, SharedDemand) and old != new:
                self.changes.append(f"{one.label}: {old} -> {new}")


def read(node: Node) -> Sight | None:
    """Return what the kernel enforces for the test's containers, all at one instant.

    Args:
        node: The node.

    Returns:
        What was seen; None: it changed all the time.
    """
    before: Sight | None = None
    for _ in range(PASSES_MAX):
        found = {one: node.read(one) for one in node.residents()}
        sight = {one: enforced for one, enforced in found.items() if enforced is not None}
        if sight == before:
            return sight
        before = sight
    return None


class AgentWatch:
    """Looks which agent is at work.

    Args:
        node: The node.

    Attributes:
        restarts: How often it was replaced or restarted, or found missing.
    """

    def __init__(self, node: Node) -> None:
        self.restarts = 0
        self._node = node
        self._state = node.agent()

    def look(self) -> None:
        """Look once."""
        state, before = self._node.agent(), self._state
        self._state = state
        if state.identity != before.identity:
            # An agent that was missing and is there again was counted when it went.
            self.restarts += bool(before.identity)
        else:
            self.restarts += max(0, state.restarts - before.restarts)


class Pings:
    """Measures how long the node takes to answer a call.

    Args:
        node: The node.

    Attributes:
        took_s: How long each call took, in seconds.
        failed: What was said by each call that failed.
    """

    def __init__(self, node: Node) -> None:
        self.took_s: list[float] = []
        self.failed: list[str] = []
        self._node = node

    def look(self) -> None:
        """Make one call."""
        began_s = time.monotonic()
        try:
            self._node.ping()
        except NodeFailed as error:
            self.failed.append(str(error))
        self.took_s.append(time.monotonic() - began_s)
