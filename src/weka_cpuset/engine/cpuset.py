"""A set of cpus as one frozen integer, and the kernel's text form of it.

The same type is used for sets of NUMA node ids: both are small numbers that the kernel
writes in its list format, documented in cpuset(7) under "List Format".
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

MAX_CPU = 8191
"""Largest cpu id: the kernel's NR_CPUS is at most 8192 on every architecture."""

TEXT_MAX = 65536
"""Longest text that is looked at, in characters; a list of all ids has less than 41,000."""

_ITEM = re.compile(r"[ \t\n]*([0-9]+)(?:-([0-9]+))?[ \t\n]*")
_KEPT = 256
"""So many lists are kept as texts, and as sets: what all containers on the pool have is written
and read again and again."""

_SHORT = 2048
"""Longer texts are not kept; a list of 512 cpus of which every second is missing has 1,100."""

_DIGITS_MAX = 9
"""Longer numbers are out of range without being converted."""


class EngineError(Exception):
    """Base of all errors of the engine; the tree is drawn in `weka_cpuset.engine.errors`."""


class CpuListError(EngineError, ValueError):
    """A text is not a kernel list.

    Attributes:
        text: The text.
        position: Where in it the trouble starts, in characters from 0.
        problem: What is wrong there.
    """

    def __init__(self, text: str, position: int, problem: str) -> None:
        super().__init__(text, position, problem)
        self.text = text
        self.position = position
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem} (at character {self.position})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CpuSet:
    """An immutable set of cpu ids (or NUMA node ids).

    Attributes:
        mask: Bit n is set when id n is in the set.
    """

    mask: int = 0

    EMPTY: ClassVar["CpuSet"]

    @classmethod
    def of(cls, ids: Iterable[int]) -> "CpuSet":
        """Make a set of the given ids.

        Args:
            ids: Ids from 0 to `MAX_CPU`, in any order.

        Returns:
            The set.

        Raises:
            ValueError: An id is out of range.
        """
        mask = 0
        for number in ids:
            if not 0 <= number <= MAX_CPU:
                raise ValueError(f"id {number} is not in 0..{MAX_CPU}")
            mask |= 1 << number
        return cls(mask)

    @classmethod
    def parse(cls, text: str) -> "CpuSet":
        """Read the kernel's list format, such as `0,2-3,8`.

        Numbers are ASCII digits; blanks, tabs and newlines around an item are tolerated
        as the kernel does; an empty text is the empty set. Strides (`0-8:1/2`), signs and
        empty items are errors. The cost is bounded by `TEXT_MAX`, whatever the ranges say.

        Args:
            text: The list.

        Returns:
            The set.

        Raises:
            CpuListError: The text is not such a list or an id is above `MAX_CPU`.
        """
        return cls(_mask_of_short(text) if len(text) <= _SHORT else _mask_of(text))

    @property
    def lowest(self) -> int:
        """The smallest id.

        Raises:
            ValueError: The set is empty.
        """
        if not self.mask:
            raise ValueError("an empty set has no lowest id")
        return (self.mask & -self.mask).bit_length() - 1

    def isdisjoint(self, other: "CpuSet") -> bool:
        """Tell whether the two sets have no id in common."""
        return not self.mask & other.mask

    def __iter__(self) -> Iterator[int]:
        """Yield the ids, ascending."""
        mask = self.mask
        while mask:
            low = mask & -mask
            yield low.bit_length() - 1
            mask ^= low

    def __contains__(self, number: int) -> bool:
        return number >= 0 and bool(self.mask >> number & 1)

    def __len__(self) -> int:
        return self.mask.bit_count()

    def __bool__(self) -> bool:
        return self.mask != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpuSet) and self.mask == other.mask

    def __hash__(self) -> int:
        return hash(self.mask)

    def __and__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.mask & other.mask)

    def __or__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.mask | other.mask)

    def __sub__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.mask & ~other.mask)

    def __xor__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.mask ^ other.mask)

    def __le__(self, other: "CpuSet") -> bool:
        """Tell whether this is a subset of the other."""
        return not self.mask & ~other.mask

    def __lt__(self, other: "CpuSet") -> bool:
        """Tell whether this is a subset of the other and not equal to it."""
        return self <= other and self.mask != other.mask

    def __str__(self) -> str:
        """Write the canonical list: ascending, ranges joined, no blanks."""
        return _text_of(self.mask)

    def __repr__(self) -> str:
        return f"CpuSet({str(self)!r})"


CpuSet.EMPTY = CpuSet(0)


@functools.lru_cache(_KEPT)
def _text_of(mask: int) -> str:
    parts = []
    while mask:
        low = (mask & -mask).bit_length() - 1
        run = mask >> low
        length = (~run & (run + 1)).bit_length() - 1
        parts.append(str(low) if length == 1 else f"{low}-{low + length - 1}")
        mask &= mask + (1 << low)
    return ",".join(parts)


def _mask_of(text: str) -> int:
    if len(text) > TEXT_MAX:
        raise CpuListError(text, TEXT_MAX, f"longer than {TEXT_MAX} characters")
    if not text.strip(" \t\n"):
        return 0
    mask = 0
    position = 0
    while True:
        match = _ITEM.match(text, position)
        if match is None:
            raise CpuListError(text, position, "a number or a range is expected")
        mask |= _mask_of_range(text, match)
        position = match.end()
        if position == len(text):
            return mask
        if text[position] != ",":
            raise CpuListError(text, position, f"unexpected {text[position]!r}")
        position += 1


_mask_of_short = functools.lru_cache(_KEPT)(_mask_of)


def _mask_of_range(text: str, match: re.Match[str]) -> int:
    """Turn one matched item into a mask, in time that does not depend on the range."""
    first = _number(text, match, 1)
    last = first if match[2] is None else _number(text, match, 2)
    if last < first:
        raise CpuListError(text, match.start(1), f"range {first}-{last} runs backwards")
    return (1 << last + 1) - (1 << first)


def _number(text: str, match: re.Match[str], group: int) -> int:
    """Read one number of an item."""
    digits = match[group]
    if len(digits) > _DIGITS_MAX or int(digits) > MAX_CPU:
        shown = digits if len(digits) <= _DIGITS_MAX + 3 else digits[:_DIGITS_MAX] + "..."
        raise CpuListError(text, match.start(group), f"{shown} is above the limit {MAX_CPU}")
    return int(digits)
