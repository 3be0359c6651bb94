"""Say who has which cpus and why, as far as the ledger alone tells it.

How an integer container's cpus were chosen is in `reasons`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import FORBID_ANNOTATION
from weka_cpuset.engine.ledger import Holding, Ledger

SPARE = "the next integer containers of a burst"
"""Who keeps a container on the pool off the spare."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a container has the cpus it has.

    Attributes:
        holding: The container.
        cpus: The cpus it is wanted to have.
        mems: Its memory nodes; empty: as the runtime has them.
        told: The cpus the runtime was last told.
        beside: Other owners of its cpus, by name; only annotated containers have any.
        kept_off: Who keeps it off the other online cpus, if it runs on the pool.
    """

    holding: Holding
    cpus: CpuSet
    mems: CpuSet
    told: CpuSet
    beside: Mapping[str, CpuSet]
    kept_off: Mapping[str, CpuSet]


@dataclass(frozen=True, slots=True)
class CpuExplanation:
    """Who may run on a cpu.

    Attributes:
        cpu: Its number.
        core: The online cpus of its core, itself included; empty: it is not online.
        reserved: Whether integer containers never get it.
        spare: Whether it is kept free for the next integer containers of a burst.
        owners: Containers that own it.
        guests: Containers on the pool that may run on it.
    """

    cpu: int
    core: CpuSet
    reserved: bool
    spare: bool
    owners: tuple[Holding, ...]
    guests: tuple[Holding, ...]


def explain(ledger: Ledger, container_id: str) -> Explanation | None:
    """Explain one container.

    Args:
        ledger: The book.
        container_id: The container.

    Returns:
        The explanation, or None if the container is not live.
    """
    holding = ledger.holding(container_id)
    if holding is None:
        return None
    cpus = ledger.cpus_of(container_id)
    others = _owners(ledger, container_id)
    beside = {who: has & cpus for who, has in others.items() if has & cpus}
    return Explanation(
        holding,
        cpus,
        ledger.mems_of(container_id),
        ledger.told[container_id],
        beside,
        _kept_off(ledger, holding, others) if holding.cpus is None else {},
    )


def explain_cpu(ledger: Ledger, cpu: int) -> CpuExplanation:
    """Explain one cpu.

    Args:
        ledger: The book.
        cpu: Its kernel number.

    Returns:
        Who may run on it; nobody if it is not online.
    """
    owners = [one for one in ledger.exclusive.values() if cpu in ledger.cpus_of(one.id)]
    guests = [one for one in ledger.shared.values() if cpu in ledger.cpus_of(one.id)]
    return CpuExplanation(
        cpu,
        ledger.topology.core_of(cpu),
        cpu in ledger.rules.reserved,
        cpu in ledger.spare,
        tuple(sorted(owners, key=lambda one: one.id)),
        tuple(sorted(guests, key=lambda one: one.id)),
    )


def _owners(ledger: Ledger, but: str) -> dict[str, CpuSet]:
    """Give the cpus of all other owners by their names."""
    owners: dict[str, CpuSet] = {}
    for one in sorted(ledger.exclusive.values(), key=lambda one: one.label):
        if one.id != but and one.cpus is not None:
            owners[one.label] = owners.get(one.label, CpuSet.EMPTY) | one.cpus
    return owners


def _kept_off(ledger: Ledger, holding: Holding, owners: Mapping[str, CpuSet]) -> dict[str, CpuSet]:
    forbidden = holding.demand.forbidden & ledger.topology.online
    found = {**owners, SPARE: ledger.spare, FORBID_ANNOTATION: forbidden}
    return {who: cpus for who, cpus in found.items() if cpus}
