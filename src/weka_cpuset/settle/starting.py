"""Containers that were created and do not start.

A file can only be written once a container runs, so owners wait for those that are about to
start on cpus which they shall have. But a start that fails is told to nobody, and the kubelet
may take minutes to try again.
"""

import asyncio

from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import Holding, Phase
from weka_cpuset.keeper import Keeper

START_S = 3.0
"""A container that has no cgroup so many seconds after its creation is not waited for. The
kubelet starts at once what it has created, and that takes some tenths of a second; it may
have to wait for a reply that updates a hundred containers (1 s), or for a slow plugin (2 s)."""


class Starting:
    """Tells for which containers nobody waits any more.

    Args:
        keeper: Whose ledger has the containers.
        cpusets: The kernel's files: a container that starts has a cgroup.
    """

    def __init__(self, keeper: Keeper, cpusets: Cpusets) -> None:
        self._keeper = keeper
        self._cpusets = cpusets
        self._since_s: dict[str, float] = {}
        self._stalled: frozenset[str] = frozenset()

    def stalled(self) -> frozenset[str]:
        """Look which containers are still not started long after they were first seen here."""
        now_s = asyncio.get_running_loop().time()
        created = [one for one in self._keeper.ledger.holdings() if one.phase is Phase.CREATED]
        self._since_s = {one.id: self._since_s.get(one.id, now_s) for one in created}
        self._stalled = frozenset(
            one.id
            for one in created
            if self._since_s[one.id] + START_S <= now_s and not self._has_cgroup(one)
        )
        return self._stalled

    @property
    def is_awaited(self) -> bool:
        """Whether some had not started at the last look, and may be about to."""
        return len(self._since_s) > len(self._stalled)

    def _has_cgroup(self, one: Holding) -> bool:
        try:
            self._cpusets.read(one.container.cgroup)
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return True
        return True
