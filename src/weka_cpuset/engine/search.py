"""Find the cheapest set of cpus, group by group.

The cost of `cost` is a sum over groups that do not overlap, so that the cheapest way to
take n cpus from a package is the cheapest split of n over its nodes, and so on down to
the cores. Its terms are packed into one integer with a fixed number of bits per term, so
that adding and comparing are single operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from weka_cpuset.engine.cost import pairs
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.preference import Numa, Preference, Smt
from weka_cpuset.engine.topology import Topology

_TERM_BITS = 14
"""Bits of a term of a packed price; no sum exceeds the 8192 cpus a kernel can have."""
_PAIR_BITS = 2 * _TERM_BITS
"""Bits of a number of pairs among so many."""

# What one unit of each term of `Cost` weighs, the least important first.
_PACKAGE_LEFT = 1
_NODE_LEFT = _PACKAGE_LEFT << _TERM_BITS
_LLC_LEFT = _NODE_LEFT << _TERM_BITS
_CORE_LEFT = _LLC_LEFT << _TERM_BITS
_ZERO = _CORE_LEFT << _TERM_BITS
_BROKEN = _ZERO << _TERM_BITS
_SHARED = _BROKEN << _TERM_BITS
_LLCS = _SHARED << _TERM_BITS
_CORE_PAIRS = _LLCS << _TERM_BITS
_NODE_PAIRS = _CORE_PAIRS << _PAIR_BITS
_NODES = _NODE_PAIRS << _PAIR_BITS
_PACKAGES = _NODES << _TERM_BITS
_FIRST = _PACKAGES << _TERM_BITS
_NEVER = _FIRST << 2 * _TERM_BITS
_LEFT_TERM = (_PACKAGE_LEFT, _NODE_LEFT, _LLC_LEFT)


@dataclass(slots=True)
class Search:
    """One search for the cheapest set.

    A price is `terms << width` minus the ids as a mirrored mask: the lowest id is the
    highest bit, so that of two sets of one size the one with the lower ids is cheaper.
    Levels: 0 package, 1 node, 2 LLC group; inside these are the cores.

    Attributes:
        topology: The machine.
        free: Mask of the cpus that could be given to somebody.
        allowed: Mask of those that may be given here; a part of `free`. For
            `Smt.FULL_CORES` none whose core could not be had whole.
        keep: Mask of the cpus that stay; no part of `free`.
        preference: How the cpus are to lie.
        caches_first: Whether to look for the fewest LLC groups before all else.
    """

    topology: Topology
    free: int
    allowed: int
    keep: int
    preference: Preference
    caches_first: bool = False
    _zero: int = field(init=False)
    _width: int = field(init=False)
    _never: int = field(init=False)
    _term: tuple[int, int, int] = field(init=False)
    _fewest: tuple[bool, bool, bool] = field(init=False)
    _most: int = field(init=False, default=0)
    _tables: dict[tuple[int, CpuSet], list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._zero = self.topology.core_of(0).mask
        self._width = self.topology.online.mask.bit_length()
        self._never = _NEVER << self._width
        self._term = (_PACKAGES, _NODES, _FIRST if self.caches_first else _LLCS)
        # Whether "as few groups as possible" decides first of all, level by level, and the
        # number of cpus in a group tells whether it can serve. Only then groups that are
        # not needed can be left out unseen.
        full = self.preference.smt is Smt.FULL_CORES
        simple = not self.caches_first and not (full and not self.topology.threads)
        self._fewest = (simple, simple, simple and self.preference.smt is not Smt.SPREAD)

    def cheapest(self, count: int) -> CpuSet | None:
        """Give the cheapest `count` allowed cpus, or None if no choice is possible.

        Args:
            count: How many, from 1 to the number of those allowed.
        """
        self._most = count
        price = self._split(0, self.topology.packages, count)
        if price >= self._never >> 1:
            return None
        mirrored = -price & (1 << self._width) - 1
        mask = 0
        while mirrored:
            top = mirrored.bit_length() - 1
            mask |= 1 << self._width - 1 - top
            mirrored ^= 1 << top
        return CpuSet(mask)

    def _split(self, level: int, groups: Sequence[CpuSet], count: int) -> int:
        """Price the best split of `count` cpus over groups of one level."""
        if not self._fewest[level]:
            return self._every_split(level, groups)[count]
        kept = [group for group in groups if group.mask & self.keep]
        room = count - sum(map(self._room, kept))
        others = [
            (size, group)
            for group in groups
            if (size := self._room(group)) and not group.mask & self.keep
        ]
        sizes = sorted((size for size, _ in others), reverse=True)
        added, slack = 0, room
        while slack > 0:
            slack -= sizes[added]
            added += 1
        if not added:
            return self._spread(level, [(group, 0) for group in kept], count)[count]
        # A group is of use only if the biggest others cannot do without it.
        least = room - sum(sizes[: added - 1])
        useful = [group for size, group in others if size >= least]
        if level == 2:
            useful = self._one_of_each_shape(useful, added)
        if not kept and added == 1:
            return self._single(level, useful, count)
        shares = [(group, 0) for group in kept] + [(group, max(least, 1)) for group in useful]
        return self._spread(level, shares, count)[count]

    def _every_split(self, level: int, groups: Sequence[CpuSet]) -> list[int]:
        """Price the best splits of 0, 1, ... cpus over groups of one level; leave none out."""
        key = (level, groups[0])
        if key not in self._tables:
            count = min(self._most, sum(self._room(group) for group in groups))
            useful = groups if level < 2 else self._one_of_each_shape(groups, count)
            self._tables[key] = self._spread(level, [(group, 1) for group in useful], count)
        return self._tables[key]

    def _room(self, group: CpuSet) -> int:
        """Count the cpus of a group that may be given."""
        return (group.mask & self.allowed).bit_count()

    def _one_of_each_shape(self, llcs: Sequence[CpuSet], copies: int) -> list[CpuSet]:
        """Drop LLC groups, given by id, that equal `copies` others before them: they cannot win."""
        seen: dict[tuple[int, int, int, bool], int] = {}
        useful = []
        for llc in llcs:
            if llc.mask & self.keep:
                useful.append(llc)
                continue
            low = llc.lowest
            free, allowed = (llc.mask & self.free) >> low, (llc.mask & self.allowed) >> low
            key = (self.topology.shape_of(llc), free, allowed, bool(llc.mask & self._zero))
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= copies:
                useful.append(llc)
        return useful

    def _single(self, level: int, groups: Sequence[CpuSet], count: int) -> int:
        """Price the best single group that holds all `count` cpus."""
        threads = self.topology.threads
        siblings = self.preference.smt is Smt.PREFER_SIBLINGS
        partial = _SHARED if siblings and threads and count % threads else 0
        ranked = sorted(
            (self._entry(level, group, count), index) for index, group in enumerate(groups)
        )
        best = self._never
        for entry, index in ranked:
            # What is inside costs at least the odd thread; the mirrored ids take off < 1.
            if (entry + partial << self._width) - (1 << self._width) >= best:
                break
            inside = self._inside(level, groups[index], count)
            best = min(best, (entry << self._width) + inside)
        return best

    def _spread(self, level: int, groups: Sequence[tuple[CpuSet, int]], count: int) -> list[int]:
        """Price the best splits over several groups, each with its least useful share."""
        best = [0]
        for group, least in groups:
            shares = range(max(least, 1), min(self._room(group), count) + 1)
            options = [(share, self._price(level, group, share)) for share in (0, *shares)]
            best = _add(best, options, count, self._never)
        return best + [self._never] * (count + 1 - len(best))

    def _entry(self, level: int, group: CpuSet, count: int) -> int:
        """Give the terms of using a group at all, not shifted."""
        left = (group.mask & self.free).bit_count() - count
        terms = self._term[level] + _LEFT_TERM[level] * left
        if level == 1 and self.preference.numa is Numa.SPREAD:
            terms += _NODE_PAIRS * pairs(count + (group.mask & self.keep).bit_count())
        return terms

    def _price(self, level: int, group: CpuSet, count: int) -> int:
        """Price the best `count` cpus inside one of several groups, its use included."""
        if not count and not group.mask & self.keep:
            return 0
        entry = self._entry(level, group, count) << self._width
        if level == 2:
            return entry + self._in_llc(group)[count]
        # Each share of each group is priced, so all prices inside are found at once.
        return entry + self._every_split(level + 1, self._groups_in(level, group))[count]

    def _inside(self, level: int, group: CpuSet, count: int) -> int:
        """Price the best `count` cpus inside the only group that is used."""
        if level == 2:
            return self._in_llc(group)[count]
        return self._split(level + 1, self._groups_in(level, group), count)

    def _groups_in(self, level: int, group: CpuSet) -> Sequence[CpuSet]:
        """Give the groups of the next level inside a package or node."""
        return self.topology.llcs_in(group) if level else self.topology.nodes_in(group)

    def _in_llc(self, llc: CpuSet) -> list[int]:
        """Price the best 0, 1, ... cpus of an LLC group by choosing among its cores."""
        key = (3, llc)
        if key not in self._tables:
            count = min(self._most, self._room(llc))
            best = [0]
            for options in self._cores(llc, count):
                best = _add(best, options, count, self._never)
            self._tables[key] = best + [self._never] * (count + 1 - len(best))
        return self._tables[key]

    def _cores(self, llc: CpuSet, count: int) -> list[list[tuple[int, int]]]:
        """List what each useful core offers: (cpus taken, price) pairs."""
        seen: dict[tuple[int, int, int, bool], int] = {}
        offers = []
        spread = self.preference.smt is Smt.SPREAD
        for core in self.topology.cores_in(llc):
            allowed, kept = core.mask & self.allowed, core.mask & self.keep
            if not kept:
                if not allowed:
                    continue
                # Of alike cores a cheapest set uses all of some and a part of one at most,
                # or spreads over as many as it has cpus; and those with the lowest ids.
                low = core.lowest
                free = core.mask & self.free
                key = (core.mask >> low, allowed >> low, free >> low, core.mask == self._zero)
                seen[key] = seen.get(key, 0) + 1
                each = 1 if spread else allowed.bit_count()
                if (seen[key] - 1) * each > count:
                    continue
            offers.append(self._offer(core.mask, allowed, kept))
        return offers

    def _offer(self, core: int, allowed: int, kept: int) -> list[tuple[int, int]]:
        """Price taking the lowest 0, 1, ... allowed threads of one core."""
        taken, mirrored, number = kept, 0, 0
        options = [(0, self._core_terms(core, taken) << self._width)]
        while allowed & ~taken:
            low = (allowed & ~taken) & -(allowed & ~taken)
            taken |= low
            mirrored |= 1 << self._width - low.bit_length()
            number += 1
            options.append((number, (self._core_terms(core, taken) << self._width) - mirrored))
        if self.preference.smt is Smt.FULL_CORES:
            # All or nothing; what is kept must become all.
            return options[-1:] if kept else [options[0], options[-1]]
        return options

    def _core_terms(self, core: int, taken: int) -> int:
        """Give the terms of owning some threads of a core, not shifted."""
        if not taken:
            return 0
        terms = _CORE_LEFT * (core & self.free & ~taken).bit_count()
        terms += _ZERO if core == self._zero else 0
        if self.preference.smt is Smt.SPREAD:
            terms += _CORE_PAIRS * pairs(taken.bit_count())
            return terms + (_SHARED if core & ~(self.free | taken) else 0)
        if taken != core:
            terms += _SHARED + (0 if core & ~self.free else _BROKEN)
        return terms


def _add(best: list[int], options: Sequence[tuple[int, int]], most: int, never: int) -> list[int]:
    """Combine the best prices of 0, 1, ... cpus so far with what one more group offers."""
    result = [never] * (min(len(best) - 1 + options[-1][0], most) + 1)
    for taken, price in options:
        end = min(taken + len(best), len(result))
        prices = [one + price for one in best[: end - taken]]
        result[taken:end] = map(min, result[taken:end], prices)
    return result
