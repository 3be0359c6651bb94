"""A ledger in the making: the one place where entries of the book are changed."""

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import Class
from weka_cpuset.engine.events import Phase
from weka_cpuset.engine.ledger import Holding, Ledger, mems_wanted, owned_cpus

ENDED_MAX = 1024
"""How many ended ids are remembered, so that a late event does not revive a container.
Events come late by a few others at most; a node runs some hundred containers."""

FORMER_MAX = 1024
"""How many containers are remembered with their former cpus. A node runs some hundred, and one
that is not started again within this many others has lost nothing that a cache still has."""


class Draft:
    """A ledger in the making. Lives within one decision and is never handed out."""

    def __init__(self, ledger: Ledger) -> None:
        """Start from a ledger, which stays as it is."""
        self.topology = ledger.topology
        self.rules = ledger.rules
        self.exclusive = dict(ledger.exclusive)
        self.shared = dict(ledger.shared)
        self.families = dict(ledger.families)
        self.forbids = dict(ledger.forbids)
        self.told = dict(ledger.told)
        self.doubts = dict(ledger.doubts)
        self.starved = ledger.starved
        self.unplaced = ledger.unplaced
        self.ended = ledger.ended
        self.former = ledger.former
        self.settled = ledger.settled
        self.pool = ledger.pool
        self.spare = ledger.spare
        self.burst = ledger.burst
        self.pool_before = ledger.pool

    def freeze(self) -> Ledger:
        """Make the ledger."""
        return Ledger(
            topology=self.topology,
            rules=self.rules,
            pool=self.pool,
            spare=self.spare,
            burst=self.burst,
            exclusive=self.exclusive,
            shared=self.shared,
            families=self.families,
            forbids=self.forbids,
            told=self.told,
            doubts=self.doubts,
            # Cpus may have become free for those that had none.
            starved=frozenset(one for one in self.starved if self.told[one] != self.wanted(one)),
            unplaced=self.unplaced,
            ended=self.ended,
            former=self.former,
            settled=self.settled,
        )

    @property
    def common(self) -> CpuSet:
        """The cpus of the pool that shared containers run on."""
        return self.pool - self.spare

    def holding(self, container_id: str) -> Holding | None:
        """Give a container's holding, or None if it is not live."""
        return self.exclusive.get(container_id) or self.shared.get(container_id)

    def wanted(self, container_id: str) -> CpuSet:
        """Give the cpus a live container is wanted to have."""
        owner = self.exclusive.get(container_id)
        if owner is not None and owner.cpus is not None:
            return owner.cpus
        return self.common - self.shared[container_id].demand.forbidden

    def mems(self, container_id: str) -> CpuSet:
        """Give the memory nodes a live container is wanted to have; empty: as they are."""
        return mems_wanted(self.exclusive.get(container_id), self.topology)

    def put(self, holding: Holding) -> None:
        """Enter a holding, or replace the one of the same container."""
        if self.holding(holding.id) is not None:
            self.take_out(holding.id)
        if holding.cpus is None:
            self.shared[holding.id] = holding
            if holding.asks_for_own:
                self.unplaced |= {holding.id}
            forbidden = holding.demand.forbidden
            self.forbids[forbidden] = self.forbids.get(forbidden, 0) + 1
        else:
            self.exclusive[holding.id] = holding
            self._change_pool(self.pool - holding.cpus, self.spare)
        self.families[holding.family] = (*self.families.get(holding.family, ()), holding.id)
        if self.spare and not self._can_spare():
            self.use_spare(CpuSet.EMPTY)

    def end(self, container_id: str) -> Holding | None:
        """Release a container and remember that it has ended.

        Returns:
            Its holding, or None if it was not live.
        """
        ended = dict(self.ended)
        ended.pop(container_id, None)
        ended[container_id] = None
        if len(ended) > ENDED_MAX:
            del ended[next(iter(ended))]
        self.ended = ended
        if self.holding(container_id) is None:
            return None
        self.told.pop(container_id, None)
        self.doubts.pop(container_id, None)
        self.starved -= {container_id}
        holding = self.take_out(container_id)
        self.remember(holding)
        return holding

    def remember(self, holding: Holding) -> None:
        """Remember the cpus of an integer container that gives them up, for its next attempt."""
        if holding.kind is not Class.INTEGER or holding.cpus is None:
            return
        former = dict(self.former)
        former.pop(holding.role, None)
        former[holding.role] = holding.cpus
        if len(former) > FORMER_MAX:
            del former[next(iter(former))]
        self.former = former

    def tell(self, container_id: str, cpus: CpuSet) -> None:
        """Note what the runtime is told about a live container."""
        holding = self.exclusive.get(container_id) or self.shared[container_id]
        if holding.phase is Phase.CREATED:
            # Should this update be lost, the container starts with what it was told before.
            before = self.told.get(container_id, CpuSet.EMPTY)
            doubt = before | self.doubts.get(container_id, CpuSet.EMPTY)
            if doubt:
                self.doubts[container_id] = doubt
        else:
            self.doubts.pop(container_id, None)
        self.told[container_id] = cpus

    def revise(self, holding: Holding) -> None:
        """Replace the holding of a container whose cpus, demand and family stay the same."""
        side = self.shared if holding.cpus is None else self.exclusive
        side[holding.id] = holding

    def take_out(self, container_id: str) -> Holding:
        """Take a live container's holding out, to put another in; what was told stays.

        Returns:
            The holding.

        Raises:
            KeyError: The container is not live.
        """
        holding = self.exclusive.pop(container_id, None)
        if holding is None:
            holding = self.shared.pop(container_id)
            self.unplaced -= {container_id}
            forbidden = holding.demand.forbidden
            self.forbids[forbidden] -= 1
            if not self.forbids[forbidden]:
                del self.forbids[forbidden]
        else:
            self._change_pool(self.topology.online - owned_cpus(self.exclusive), self.spare)
        rest = tuple(one for one in self.families[holding.family] if one != container_id)
        if rest:
            self.families[holding.family] = rest
        else:
            del self.families[holding.family]
        return holding

    def use_spare(self, spare: CpuSet) -> None:
        """Keep these cpus of the pool, and no others, free of shared containers."""
        self._change_pool(self.pool, spare)

    def _can_spare(self) -> bool:
        """Tell whether rule 4 holds without the spare as far as it holds with it."""
        pool, common = self.pool, self.common
        return len(common) >= min(self.rules.min_shared, len(pool)) and all(
            pool <= forbidden or not common <= forbidden for forbidden in self.forbids
        )

    def _change_pool(self, pool: CpuSet, spare: CpuSet) -> None:
        before = self.common
        self.pool, self.spare = pool, spare & pool
        if self.common != before:
            self.settled = False
