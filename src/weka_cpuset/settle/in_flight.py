"""What was told and may not have come to the kernel yet.

The runtime applies a reply after it has arrived, and never says when it is done. Until then the
kernel rightly differs from what a container was told, and what is written to its cgroup would
be undone. Settling keeps off such containers, and the audit finds nothing wrong with them.
"""

import asyncio
from collections.abc import Collection, Iterator

from weka_cpuset.engine import Ledger
from weka_cpuset.keeper import Keeper

APPLY_S = 2.5
"""A runtime has taken a reply within so many seconds, or has dropped this plugin (2 s), and..."""

APPLY_EACH_S = 0.02
"""... has applied it after so many seconds for each container in it; 10 ms are usual (runc)."""


class InFlight:
    """The containers for which the runtime has a cpuset that the kernel may not have yet.

    The next request ends this for what replies have told: the runtime asks one thing at a
    time, so it has done all that was replied before. An update that it was asked for ends with
    its answer.

    Args:
        keeper: Whose decisions are told by replies; its `on_told` and `on_request` lead here.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._told: dict[str, Ledger] = {}
        self._asked: frozenset[str] = frozenset()
        self._applied_s = 0.0
        keeper.on_told = self.note_told
        keeper.on_request = self.note_request

    def note_told(self, ids: Collection[str], before: Ledger) -> None:
        """Take note that the runtime will only now give containers their cpusets.

        Args:
            ids: The containers.
            before: The ledger that says what they have until then.
        """
        self._applied_s = _now_s() + APPLY_S + APPLY_EACH_S * len(ids)
        self._told |= dict.fromkeys(ids, before)

    def note_request(self) -> None:
        """Take note that the runtime asks something: it has applied all that was replied."""
        self._told.clear()

    def note_asked(self, ids: Collection[str]) -> None:
        """Take note that the runtime was asked to update containers; none: it has answered."""
        self._asked = frozenset(ids)

    def note_landed(self, container_id: str) -> None:
        """Take note that a container has what the reply says."""
        self._told.pop(container_id, None)

    @property
    def until_s(self) -> float:
        """When, by the loop's clock, all that was replied is applied; the past if it is."""
        return self._applied_s if self._told else 0.0

    def has(self, container_id: str) -> bool:
        """Tell whether the kernel may still have something else for a container."""
        if container_id in self._asked:
            return True
        return container_id in self._told and self._applied_s > _now_s()

    def told(self) -> Iterator[tuple[str, Ledger]]:
        """Yield those that a reply has told, with the ledger that holds until it is applied."""
        if self._applied_s <= _now_s():
            self._told.clear()
        yield from tuple(self._told.items())


def _now_s() -> float:
    return asyncio.get_running_loop().time()
