"""What the ledger says of containers that could not be told."""

from collections.abc import Collection

from weka_cpuset.engine import CpuSet, Ledger
from weka_cpuset.keeper import Keeper


def doubt(keeper: Keeper, before: Ledger, ids: Collection[str]) -> None:
    """Take note that containers were perhaps not told, and may have what they had before.

    Args:
        keeper: Whose ledger is to say so.
        before: The ledger before they were told.
        ids: The containers.
    """
    if ids:
        may = {
            one: before.told[one] | before.doubts.get(one, CpuSet.EMPTY)
            for one in ids
            if one in before.told
        }
        keeper.doubt(ids, may)


def take_back(keeper: Keeper, before: Ledger, ids: Collection[str]) -> None:
    """Take note that containers have not been told: they have what they had.

    Args:
        keeper: Whose ledger is to say so.
        before: The ledger before they would have been told.
        ids: The containers.
    """
    has = {one: before.told[one] for one in ids if one in before.told}
    keeper.found({one: cpus for one, cpus in has.items() if one not in before.doubts})
    doubt(keeper, before, [one for one in has if one in before.doubts])
