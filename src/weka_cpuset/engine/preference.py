"""How the cpus of an integer container are to lie: what an operator or a pod can ask for.

A preference changes what rule 5 counts (see `cost`), or sets a limit that a choice must
keep or be refused (see `pick.fits`). It never makes a running container move.
"""

from dataclasses import dataclass
from enum import StrEnum


class Smt(StrEnum):
    """How the threads of a core are used."""

    PREFER_SIBLINGS = "prefer-siblings"
    """Whole cores where possible; an odd cpu completes a core that is broken already."""

    FULL_CORES = "full-cores"
    """Whole cores or a refusal: nobody else ever runs on one of its cores. For code whose
    timing or secrets must not depend on who runs beside it."""

    SPREAD = "spread"
    """As few of its own threads on one core as possible. For code that fills the execution
    units of a core by itself and gains nothing from a sibling."""


class Numa(StrEnum):
    """How the nodes of the machine are used."""

    PACK = "pack"
    """As few nodes as possible, filled as the rest of rule 5 likes it."""

    SPREAD = "spread"
    """As few nodes as possible, and the same number of cpus on each. For parallel code
    whose threads wait for each other, and for what needs all the memory channels."""

    STRICT = "strict"
    """One node or a refusal. For what must never wait for the memory of another node."""


class Llc(StrEnum):
    """How the last-level caches are used."""

    PREFER = "prefer"
    """As few LLC groups as possible."""

    STRICT = "strict"
    """No more LLC groups than on an empty machine, or a refusal. For what shares its
    working set between threads and would rather wait than pay for another cache."""


@dataclass(frozen=True, slots=True)
class Preference:
    """How the cpus of an integer container are to lie.

    Attributes:
        smt: On the threads of cores.
        numa: On nodes.
        llc: In LLC groups.
    """

    smt: Smt = Smt.PREFER_SIBLINGS
    numa: Numa = Numa.PACK
    llc: Llc = Llc.PREFER

    @property
    def has_limits(self) -> bool:
        """Whether it can refuse a choice of enough cpus."""
        return self.smt is Smt.FULL_CORES or self.numa is Numa.STRICT or self.llc is Llc.STRICT


NO_PREFERENCE = Preference()
"""What holds where nobody asks for anything: rule 5 as it is."""
