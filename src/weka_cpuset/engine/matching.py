"""Whether several containers can have cpus at once, each as many as it lacks.

Containers that forbid different cpus can starve each other. Who can be served together is
decided exactly, by augmenting paths between cpus wanted and cpus free (bipartite matching).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import IntegerDemand


class Need(NamedTuple):
    """An integer container that lacks cpus.

    Attributes:
        container_id: The container.
        demand: What it asks for.
        keep: The cpus it has and keeps (see `pick.keepable`).
    """

    container_id: str
    demand: IntegerDemand
    keep: CpuSet = CpuSet.EMPTY

    @property
    def lacks(self) -> int:
        """How many more cpus it needs."""
        return self.demand.count - len(self.keep)

    @property
    def forbidden(self) -> CpuSet:
        """Cpus it must not get."""
        return self.demand.forbidden


def can_serve(free: CpuSet, needs: Sequence[Need]) -> bool:
    """Tell whether all needs can be served from free cpus."""
    lacks = sum(need.lacks for need in needs)
    if all(len(free - need.forbidden) >= lacks for need in needs):
        return True
    return len(match(free, needs)) == len(needs)


def match(free: CpuSet, needs: Sequence[Need]) -> dict[str, CpuSet]:
    """Find any way to serve all needs.

    Args:
        free: Cpus that may be given.
        needs: Who lacks what.

    Returns:
        The cpus that each gets beside those it keeps; nothing at all if there is no way.
    """
    owner: dict[int, int] = {}
    for index, need in enumerate(needs):
        for _ in range(need.lacks):
            if not _augment(free, needs, owner, index):
                return {}
    return {
        need.container_id: CpuSet.of(cpu for cpu, index in owner.items() if needs[index] is need)
        for need in needs
    }


def _augment(free: CpuSet, needs: Sequence[Need], owner: dict[int, int], index: int) -> bool:
    """Give one more cpu to a need, passing cpus on from need to need where necessary."""
    came_from: dict[int, tuple[int, int] | None] = {index: None}
    queue = [index]
    for taker in queue:
        for cpu in free - needs[taker].forbidden:
            holder = owner.get(cpu)
            if holder is None:
                _pass_on(owner, came_from, taker, cpu)
                return True
            if holder not in came_from:
                came_from[holder] = (taker, cpu)
                queue.append(holder)
    return False


def _pass_on(
    owner: dict[int, int], came_from: Mapping[int, tuple[int, int] | None], taker: int, cpu: int
) -> None:
    """Give a cpu to its taker, whose own cpu goes to the one before, up to the first."""
    owner[cpu] = taker
    step = came_from[taker]
    while step is not None:
        taker, cpu = step
        owner[cpu] = taker
        step = came_from[taker]
