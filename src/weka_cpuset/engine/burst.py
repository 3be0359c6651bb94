"""Take shared containers off cpus ahead, while integer containers come in a burst.

Every integer container takes cpus out of the pool, and for that each shared container is
updated: 50 of the one beside 100 of the other make 5,000 updates, for each of which the
pods wait. So when an integer container costs such a round, twice as many cpus as the burst
has taken before are taken out along with its own: the spare. The next ones find cpus that
no shared container is on and cost nothing, and each round serves three times as many.

The spare is a part of the pool: it belongs to nobody, whoever needs a cpu of it gets it,
and the choice of cpus does not depend on it. It only foresees that choice: the spare is
what the next containers of the same size would get by rule 5.
"""

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import IntegerDemand
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.pick import pick
from weka_cpuset.engine.place import supply_of

AHEAD = 2
"""How many cpus are taken ahead for each cpu that the burst has taken before."""

POOL_SHARE = 4
"""Shared containers keep at least one of so many cpus of the pool, whatever comes."""


def take_ahead(draft: Draft, demand: IntegerDemand, own: CpuSet) -> None:
    """Note that a new integer container was placed, and make the spare if it is due.

    Args:
        draft: The ledger in the making, with the container; nothing is told yet.
        demand: What it asked for.
        own: The cpus it was given.
    """
    taken = draft.burst
    draft.burst += demand.count
    if taken and not draft.settled and _is_anybody_on(draft, own):
        draft.use_spare(_foreseen(draft, demand, min(AHEAD * taken, draft.rules.burst_max)))


def _is_anybody_on(draft: Draft, own: CpuSet) -> bool:
    """Tell whether shared containers must be told to leave cpus."""
    return any(draft.told[one].mask & own.mask for one in draft.shared)


def _foreseen(draft: Draft, demand: IntegerDemand, most: int) -> CpuSet:
    """Foresee which cpus the next containers that ask for the same will get.

    Args:
        draft: The ledger in the making.
        demand: What they ask for.
        most: How many cpus at most.

    Returns:
        The cpus; fewer where shared containers need them (rule 4).
    """
    supply = supply_of(draft, CpuSet.EMPTY)
    most = min(most, len(draft.pool) - -(-len(draft.pool) // POOL_SHARE))
    ahead = CpuSet.EMPTY
    while len(ahead) + demand.count <= most:
        best = pick(draft.topology, supply.free - ahead, demand)
        if best is None or not supply.leaves_enough(ahead | best):
            break
        ahead |= best
    return ahead
