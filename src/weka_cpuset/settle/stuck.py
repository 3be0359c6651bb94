"""Where containers may still be that could not be told to leave, and who must wait for them."""

from weka_cpuset.engine import Class, CpuSet, CpusetUpdate, Ledger


class Stuck:
    """The cpus that containers may still be on which have not been told.

    Args:
        before: The ledger before the updates.
        after: The ledger that has them.
        coming: Whether they may still come to cpus, as those do that are in flight.
    """

    def __init__(self, before: Ledger, after: Ledger, *, coming: bool = False) -> None:
        self._coming = coming
        self._before = before
        self._after = after
        self._owned = self._named = self._shared = CpuSet.EMPTY

    def add(self, one: str, earlier: Ledger | None = None) -> None:
        """Take note that a container stays where it may be.

        Args:
            one: The container.
            earlier: A ledger that still holds for it; None: it is the one before.
        """
        ledgers = [self._before] if earlier is None else [earlier, self._before]
        may = CpuSet.EMPTY
        for ledger in ledgers:
            may |= ledger.told.get(one, CpuSet.EMPTY) | ledger.doubts.get(one, CpuSet.EMPTY)
        owners = [ledger.exclusive.get(one) for ledger in (*ledgers, self._after)]
        kinds = {owner.kind for owner in owners if owner is not None}
        if Class.INTEGER in kinds:
            self._owned |= may
        elif Class.ANNOTATED in kinds:
            self._named |= may
        else:
            self._shared |= may

    def keeps(self, update: CpusetUpdate) -> bool:
        """Tell whether an update needs cpus that one of them may be on.

        One that only takes cpus away makes nothing worse, unless it makes an owner of a
        container on whose cpus others are still to come.
        """
        one = update.container_id
        sure = self._before.told.get(one, CpuSet.EMPTY)
        if doubt := self._before.doubts.get(one):
            sure &= doubt
        lasts = not (self._coming and one in self._after.exclusive)
        if lasts and update.cpus <= sure:
            return False
        owner = self._after.exclusive.get(one)
        others = self._owned
        if owner is not None:
            others |= self._shared
        if owner is None or owner.kind is not Class.ANNOTATED:
            # Annotated containers may overlap each other.
            others |= self._named
        return not update.cpus.isdisjoint(others)
