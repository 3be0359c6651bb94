"""Say who has which cpus and why, as values and as text for people."""

from dataclasses import dataclass

from weka_cpuset.engine.cost import Cost, cost
from weka_cpuset.engine.cpuset import CpuSet
from weka_cpuset.engine.demand import IntegerDemand
from weka_cpuset.engine.ledger import Holding, Ledger


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a container has the cpus it has.

    Attributes:
        holding: The container.
        cpus: The cpus it is wanted to have.
        mems: Its memory nodes; empty: as the runtime has them.
        told: The cpus the runtime was last told.
        placement: What its cpus cost by rule 5; only integer containers are placed by it.
    """

    holding: Holding
    cpus: CpuSet
    mems: CpuSet
    told: CpuSet
    placement: Cost | None

    def render(self) -> str:
        """Write the explanation as lines of text."""
        one = self.holding
        lines = [
            f"{one.label} ({one.id})",
            f"  class:  {one.kind.value}, because {one.why.value}",
            f"  cpus:   {self.cpus or 'none'}",
        ]
        if one.demand.forbidden:
            lines.append(f"  never:  {one.demand.forbidden} (its pod forbids them)")
        if self.mems:
            lines.append(f"  memory: nodes {self.mems}")
        if self.told != self.cpus:
            lines.append(f"  told:   {self.told or 'none'}; an update is due")
        if self.placement is not None:
            terms = zip(self.placement._fields[:-1], self.placement, strict=False)
            lines.append("  cost:   " + ", ".join(f"{name} {value}" for name, value in terms))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class CpuExplanation:
    """Who may run on a cpu.

    Attributes:
        cpu: Its number.
        online: Whether it can be used at all.
        reserved: Whether integer containers never get it.
        spare: Whether it is kept free for the next integer containers of a burst.
        owners: Containers that own it.
        guests: Containers on the pool that may run on it.
    """

    cpu: int
    online: bool
    reserved: bool
    spare: bool
    owners: tuple[Holding, ...]
    guests: tuple[Holding, ...]

    def render(self) -> str:
        """Write the explanation as lines of text."""
        if not self.online:
            return f"cpu {self.cpu} does not exist or is offline"
        state = ", reserved" if self.reserved else ""
        state += ", kept free for the next integer containers" if self.spare else ""
        if self.owners:
            kind = self.owners[0].kind.value
            head = f"cpu {self.cpu} is owned ({kind}{state})"
        else:
            head = f"cpu {self.cpu} is in the pool ({len(self.guests)} containers{state})"
        return "\n".join([head, *(f"  {one.label}" for one in self.owners + self.guests)])


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
    placement = None
    if isinstance(holding.demand, IntegerDemand) and holding.cpus is not None:
        free = (ledger.pool | cpus) - ledger.rules.reserved
        placement = cost(ledger.topology, free, cpus, preference=holding.demand.preference)
    return Explanation(
        holding, cpus, ledger.mems_of(container_id), ledger.told[container_id], placement
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
        cpu in ledger.topology.online,
        cpu in ledger.rules.reserved,
        cpu in ledger.spare,
        tuple(sorted(owners, key=lambda one: one.id)),
        tuple(sorted(guests, key=lambda one: one.id)),
    )
