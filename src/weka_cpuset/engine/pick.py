"""Choose cpus for an integer container: rule 5 as a price, and the cheapest set.

All terms of the price are sums over groups that do not overlap (packages, nodes, LLC
groups, cores, cpus), and comparing them in order is comparing tuples. Such a price can be
minimised group by group: the cheapest way to take n cpus from a package is the cheapest
split of n over its nodes, and so on down to the cores. A tuple is packed into one integer
with a fixed number of bits per term, so that adding and comparing are single operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.topology import Topology


class Cost(NamedTuple):
    """What a choice of cpus costs; rule 5, most important first, less is better.

    Attributes:
        packages: Packages spanned.
        nodes: NUMA nodes spanned.
        llcs: LLC groups spanned.
        cores_shared: Cores of which it does not own every thread, so that strangers
            (other owners, or the pool) run beside it.
        cores_broken: Cores that were wholly free and are now partly taken.
        core_zero: 1 if it uses the core of cpu 0, where kernels put their own work.
        llc_left: Free cpus left in the LLC groups it uses; a tight fit leaves few.
        node_left: The same for nodes.
        package_left: The same for packages.
        cpus: The ids, ascending; lowest ids win.
    """

    packages: int
    nodes: int
    llcs: int
    cores_shared: int
    cores_broken: int
    core_zero: int
    llc_left: int
    node_left: int
    package_left: int
    cpus: tuple[int, ...]


PLACEMENT_TERMS = 6
"""How many terms of a cost say how well the container itself is placed; those that follow
say what is left for others."""


def cost(topology: Topology, free: CpuSet, chosen: CpuSet, keep: CpuSet = CpuSet.EMPTY) -> Cost:
    """Measure a choice.

    Args:
        topology: The machine.
        free: Cpus that could be given before the choice.
        chosen: All cpus the container then has, those it keeps included.
        keep: Those of `chosen` that it had before; never counted as free.

    Returns:
        The cost, comparable with others for the same `free` and `keep`.
    """
    free = free - keep
    left = free - chosen
    packages = _touched(topology.packages, chosen)
    nodes = _touched(topology.nodes, chosen)
    llcs = _touched(topology.llcs, chosen)
    shared = [core for core in _touched(topology.cores, chosen) if not core <= chosen]
    return Cost(
        len(packages),
        len(nodes),
        len(llcs),
        len(shared),
        sum(core <= free for core in shared),
        int(not topology.core_of(0).isdisjoint(chosen)),
        sum(len(group & left) for group in llcs),
        sum(len(group & left) for group in nodes),
        sum(len(group & left) for group in packages),
        tuple(chosen),
    )


def pick(
    topology: Topology, free: CpuSet, count: int, keep: CpuSet = CpuSet.EMPTY
) -> CpuSet | None:
    """Choose the cheapest cpus by rule 5.

    1. Packages: as few as can hold the request; of several splits the cheapest.
    2. Nodes in a package, and 3. LLC groups in a node: likewise.
    4. Cores in an LLC group: whole cores first, then threads of cores that are broken
       already, then as few newly broken ones as possible; the core of cpu 0 last.
    5. Among equals the groups in which the least is left free, then the lowest ids.

    Args:
        topology: The machine.
        free: Cpus that may be given.
        count: How many cpus to add to `keep`.
        keep: Cpus the container has already and goes on using.

    Returns:
        `keep` and the cpus added, or None when fewer than `count` are free.
    """
    free = (free & topology.online) - keep
    if len(free) < count:
        return None
    if count <= 0:
        return keep
    search = _Search(topology, free.mask, keep.mask, topology.core_of(0).mask)
    return CpuSet(search.cheapest(count)) | keep


def _touched(groups: Sequence[CpuSet], chosen: CpuSet) -> list[CpuSet]:
    return [group for group in groups if not group.isdisjoint(chosen)]


_TERM_BITS = 14
"""Bits per term of a packed price; no sum exceeds the 8192 cpus a kernel can have."""
(_PACKAGES, _NODES, _LLCS, _SHARED, _BROKEN, _ZERO, _LLC_LEFT, _NODE_LEFT, _PACKAGE_LEFT) = (
    1 << _TERM_BITS * place for place in range(8, -1, -1)
)
_COUNT_TERM = (_PACKAGES, _NODES, _LLCS)
_LEFT_TERM = (_PACKAGE_LEFT, _NODE_LEFT, _LLC_LEFT)


@dataclass(slots=True)
class _Search:
    """One search for the cheapest set.

    A price is `terms << width` minus the ids as a mirrored mask: the lowest id is the
    highest bit, so that of two sets of one size the one with the lower ids is cheaper.
    Levels: 0 package, 1 node, 2 LLC group; `inside(3, llc)` would be its cores.

    Attributes:
        topology: The machine.
        free: Mask of the cpus that may be given.
        keep: Mask of the cpus that stay.
        zero: Mask of the core of cpu 0.
    """

    topology: Topology
    free: int
    keep: int
    zero: int
    width: int = field(init=False)
    never: int = field(init=False)
    tables: dict[CpuSet, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.width = self.topology.online.mask.bit_length()
        self.never = 1 << self.width + 10 * _TERM_BITS

    def cheapest(self, count: int) -> int:
        """Give the mask of the cheapest `count` free cpus."""
        price = self.split(0, self.topology.packages, count)
        mirrored = -price & (1 << self.width) - 1
        mask = 0
        while mirrored:
            top = mirrored.bit_length() - 1
            mask |= 1 << self.width - 1 - top
            mirrored ^= 1 << top
        return mask

    def split(self, level: int, groups: Sequence[CpuSet], count: int) -> int:
        """Price the best split of `count` cpus over groups of one level."""
        kept = [group for group in groups if group.mask & self.keep]
        room = count - sum(self.room(group) for group in kept)
        others = sorted(
            (group for group in groups if not group.mask & self.keep and self.room(group)),
            key=self.room,
            reverse=True,
        )
        added, slack = 0, room
        while slack > 0:
            slack -= self.room(others[added])
            added += 1
        if not added:
            return self.spread(level, [(group, 0) for group in kept], count)
        # A group is of use only if the biggest others cannot do without it.
        least = room - sum(self.room(group) for group in others[: added - 1])
        useful = [group for group in others if self.room(group) >= least]
        if level == 2:
            useful = self.one_of_each_shape(useful, added)
        if not kept and added == 1:
            return self.single(level, useful, count)
        return self.spread(
            level,
            [(group, 0) for group in kept] + [(group, max(least, 1)) for group in useful],
            count,
        )

    def room(self, group: CpuSet) -> int:
        """Count the free cpus of a group."""
        return (group.mask & self.free).bit_count()

    def one_of_each_shape(self, llcs: Sequence[CpuSet], copies: int) -> list[CpuSet]:
        """Drop LLC groups that equal `copies` others with lower ids; they cannot win."""
        seen: dict[tuple[int, int, bool], int] = {}
        useful = []
        for llc in sorted(llcs, key=lambda group: group.lowest):
            free = (llc.mask & self.free) >> llc.lowest
            key = (self.topology.shape_of(llc), free, bool(llc.mask & self.zero))
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= copies:
                useful.append(llc)
        return useful

    def single(self, level: int, groups: Sequence[CpuSet], count: int) -> int:
        """Price the best single group that holds all `count` cpus."""
        threads = self.topology.threads
        partial = _SHARED if threads and count % threads else 0
        ranked = sorted(
            (self.entry(level, group, count), index) for index, group in enumerate(groups)
        )
        best = self.never
        for entry, index in ranked:
            # What is inside costs at least the odd thread; the mirrored ids take off < 1.
            if (entry + partial << self.width) - (1 << self.width) >= best:
                break
            best = min(best, self.price(level, groups[index], count))
        return best

    def spread(self, level: int, groups: Sequence[tuple[CpuSet, int]], count: int) -> int:
        """Price the best split over several groups, each with its least useful share."""
        best = [0] + [self.never] * count
        for group, least in groups:
            base = self.price(level, group, 0)
            shares = range(max(least, 1), min(self.room(group), count) + 1)
            options = [(0, base)] + [(share, self.price(level, group, share)) for share in shares]
            best = _add(best, options, self.never)
        return best[count]

    def entry(self, level: int, group: CpuSet, count: int) -> int:
        """Give the terms of using a group at all, not shifted."""
        return _COUNT_TERM[level] + _LEFT_TERM[level] * (self.room(group) - count)

    def price(self, level: int, group: CpuSet, count: int) -> int:
        """Price the best `count` cpus inside one group, the use of the group included."""
        if not count and not group.mask & self.keep:
            return 0
        entry = self.entry(level, group, count) << self.width
        match level:
            case 0:
                return entry + self.split(1, self.topology.nodes_in(group), count)
            case 1:
                return entry + self.split(2, self.topology.llcs_in(group), count)
            case _:
                return entry + self.table(group, count)[count]

    def table(self, llc: CpuSet, count: int) -> list[int]:
        """Price the best 0..count cpus (or more) of an LLC group by choosing among its cores."""
        known = self.tables.get(llc)
        if known is None or len(known) <= count:
            best = [0] + [self.never] * count
            for options in self.cores(llc, count):
                best = _add(best, options, self.never)
            known = self.tables[llc] = best
        return known

    def cores(self, llc: CpuSet, count: int) -> list[list[tuple[int, int]]]:
        """List what each useful core offers: (cpus taken, price) pairs."""
        seen: dict[tuple[int, int, bool], int] = {}
        offers = []
        for core in self.topology.cores_in(llc):
            free, kept = core.mask & self.free, core.mask & self.keep
            if not kept:
                if not free:
                    continue
                # Of alike cores a cheapest set uses all of some and a part of one at most,
                # and those with the lowest ids.
                low = core.lowest
                key = (core.mask >> low, free >> low, core.mask == self.zero)
                seen[key] = seen.get(key, 0) + 1
                if (seen[key] - 1) * free.bit_count() > count:
                    continue
            offers.append(self.offer(core.mask, free, kept))
        return offers

    def offer(self, core: int, free: int, kept: int) -> list[tuple[int, int]]:
        """Price taking the lowest 0, 1, ... free threads of one core."""
        taken, mirrored, number = kept, 0, 0
        options = [(0, self.core_terms(core, taken, free) << self.width)]
        while free & ~taken:
            low = (free & ~taken) & -(free & ~taken)
            taken |= low
            mirrored |= 1 << self.width - low.bit_length()
            number += 1
            terms = self.core_terms(core, taken, free)
            options.append((number, (terms << self.width) - mirrored))
        return options

    def core_terms(self, core: int, taken: int, free: int) -> int:
        """Give the terms of owning some threads of a core, not shifted."""
        if not taken:
            return 0
        terms = _ZERO if core == self.zero else 0
        if taken != core:
            terms += _SHARED + (_BROKEN if free == core else 0)
        return terms


def _add(best: list[int], options: Sequence[tuple[int, int]], never: int) -> list[int]:
    """Combine the best prices so far with what one more group offers."""
    size = len(best)
    result = [never] * size
    for taken, price in options:
        for total in range(taken, size):
            candidate = best[total - taken] + price
            result[total] = min(result[total], candidate)
    return result
