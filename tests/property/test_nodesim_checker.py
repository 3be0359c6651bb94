"""The checker against the definitions, with everything looked at again after each step.

There are no faults here and the agent is never away: nobody has an excuse. A step that
breaks a rule is undone at once, so that most of a sequence is of what is right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nodesim.checker import Checker
from nodesim.tenant import Newcomer
from weka_cpuset.engine import (
    AnnotatedDemand,
    CpuSet,
    Demand,
    IntegerDemand,
    Rules,
    SharedDemand,
)

CPUS = range(6)
ONLINE = CpuSet.of(CPUS)

CPU_SETS = st.frozensets(st.sampled_from(CPUS), min_size=1, max_size=4)
DEMANDS: st.SearchStrategy[Demand] = st.one_of(
    CPU_SETS.map(lambda named: AnnotatedDemand(CpuSet.of(named))),
    st.builds(
        lambda count, forbidden: IntegerDemand(count, CpuSet.of(forbidden)),
        st.integers(1, 3),
        st.frozensets(st.sampled_from(CPUS), max_size=2),
    ),
    st.frozensets(st.sampled_from(CPUS), max_size=4).map(lambda no: SharedDemand(CpuSet.of(no))),
)


@dataclass
class Lodger:
    """A container as the slow judge sees it."""

    name: str
    demand: Demand
    cpus: frozenset[int]

    @property
    def owns(self) -> bool:
        """Whether its cpus are its own: they are what it asked for."""
        match self.demand:
            case AnnotatedDemand(named):
                return set(named) == self.cpus
            case IntegerDemand(count):
                return len(self.cpus) == count
            case _:
                return False


class Surroundings:
    """One memory node, and nothing under way."""

    now_s = 0.0

    def memory_nodes(self, cpus: CpuSet) -> CpuSet:
        """Return the node of all cpus."""
        del cpus
        return CpuSet.of([0])

    def limit_broken(self, demand: IntegerDemand, cpus: CpuSet) -> str:
        """Tell that nothing is asked for."""
        del demand, cpus
        return ""

    def promised(self) -> CpuSet:
        """Return the cpus of owners that do not run yet."""
        return CpuSet.EMPTY

    def shares(self, container_id: str) -> bool:
        """Tell whether a container found no place."""
        raise AssertionError(container_id)


def overlaps(lodgers: list[Lodger]) -> Iterator[tuple[Lodger, Lodger]]:
    """Yield the pairs that must not be on the same cpus and are (rule 1)."""
    for one, other in combinations(lodgers, 2):
        annotated = [isinstance(each.demand, AnnotatedDemand) for each in (one, other)]
        if (one.owns or other.owns) and not all(annotated) and one.cpus & other.cpus:
            yield one, other


def broken(lodgers: list[Lodger]) -> set[tuple[int, str]]:
    """Return the rules 1, 2, 3 and 5 that are broken, each with all who may be to blame."""
    found = {(1, each.name) for pair in overlaps(lodgers) for each in pair}
    for one in lodgers:
        match one.demand:
            case AnnotatedDemand() if not one.owns:
                found.add((2, one.name))
            case IntegerDemand() if not one.owns:
                found.add((5, one.name))
            case _:
                pass
        if one.cpus & set(one.demand.forbidden):
            found.add((3, one.name))
    return found


class CheckerMachine(RuleBasedStateMachine):
    """Containers come, change, are resized and go, most often as they should."""

    @initialize()
    def begin(self) -> None:
        """Start with nobody."""
        self.checker = Checker(ONLINE, Rules(CpuSet.EMPTY, 0), Surroundings())
        self.checker.agent_synchronized()
        self.lodgers: list[Lodger] = []
        self.came = 0

    @rule(demand=DEMANDS, cpus=CPU_SETS, sensible=st.integers(0, 3))
    def comes(self, demand: Demand, cpus: frozenset[int], sensible: int) -> None:
        """A container comes."""
        self.came += 1
        one = Lodger(f"c{self.came}", demand, cpus)
        if sensible:
            one.cpus = self.sensible(one) or cpus
        self.lodgers.append(one)
        has = CpuSet.of(one.cpus)
        self.checker.created(Newcomer(one.name, one.name, demand, has, CpuSet.of([0])))
        self.compare(one)

    @precondition(lambda self: self.lodgers)
    @rule(data=st.data(), cpus=CPU_SETS, sensible=st.booleans())
    def changes(self, data: st.DataObject, cpus: frozenset[int], sensible: bool) -> None:
        """A container gets other cpus."""
        one = data.draw(st.sampled_from(self.lodgers))
        one.cpus = (sensible and self.sensible(one)) or cpus
        self.checker.changed(one.name, CpuSet.of(one.cpus), CpuSet.of([0]))
        self.compare(one)

    @precondition(lambda self: self.lodgers)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        """A container ends."""
        self.end(data.draw(st.sampled_from(self.lodgers)))

    @invariant()
    def time_changes_nothing(self) -> None:
        """Nobody waits for anything, so looking again finds nothing."""
        self.checker.look()
        assert not self.checker.violations
        assert not self.checker.exposures.total_s
        assert not broken(self.lodgers)

    def sensible(self, one: Lodger) -> frozenset[int]:
        """Return cpus that one may have, as far as there are any."""
        others = [other for other in self.lodgers if other is not one]
        taken = frozenset[int]().union(*(other.cpus for other in others))
        owned = frozenset[int]().union(*(other.cpus for other in others if other.owns))
        match one.demand:
            case AnnotatedDemand(named):
                return frozenset(named)
            case IntegerDemand(count, forbidden):
                return frozenset(sorted(set(CPUS) - taken - set(forbidden))[:count])
            case SharedDemand(forbidden):
                # Not all of the pool: others could never come.
                return frozenset(sorted(set(CPUS) - owned - set(forbidden))[-2:])

    def compare(self, touched: Lodger) -> None:
        """Compare what is reported with the definitions, and undo what is broken."""
        told = [
            (one.rule, one.text.partition(" ")[0])
            for one in self.checker.violations
            if one.rule != 4
        ]
        right = broken(self.lodgers)
        assert set(told) <= right
        assert bool(told) == bool(right)
        assert len(told) == len(set(told))
        # Whoever is on another's cpus is named, or the other is: no pair is passed over.
        for pair in overlaps(self.lodgers):
            assert any((1, one.name) in told for one in pair)
        named = {one.text.partition(" ")[0] for one in self.checker.violations}
        for one in [one for one in self.lodgers if one is touched or one.name in named]:
            if named:
                self.end(one)
        self.checker.violations.clear()

    def end(self, one: Lodger) -> None:
        """End a container."""
        self.lodgers.remove(one)
        self.checker.ended(one.name)


TestChecker = CheckerMachine.TestCase
