"""The order of updates on small machines, exhaustively: no cpu ever gets a second owner."""

from collections.abc import Iterator
from itertools import combinations, product

from tests.machines import container, flat, pod
from weka_cpuset.engine import (
    Class,
    ContainerFacts,
    CpuSet,
    CpusetUpdate,
    Create,
    Decision,
    Event,
    Ledger,
    Outcome,
    Phase,
    PodFacts,
    Reported,
    Rules,
    Seen,
    Settle,
    Stop,
    Update,
    decide,
    rebuild,
)

Overlap = tuple[str, str, int]
"""Two containers on one cpu."""


class Cpusets:
    """What each container has; looks after each single update whether a cpu got a second owner.

    Args:
        has: The cpus by container.
    """

    def __init__(self, has: dict[str, CpuSet]) -> None:
        self.has = dict(has)

    def apply(self, updates: tuple[CpusetUpdate, ...], ledger: Ledger) -> None:
        """Apply the updates of a reply one after the other."""
        for update in updates:
            before = self.overlaps()
            self.has[update.container_id] = update.cpus
            new = {one for one in self.overlaps() - before if _is_wrong(ledger, self.has, one)}
            assert not new, f"{update} of {updates} makes {new}"

    def overlaps(self) -> set[Overlap]:
        """List who is on a cpu with whom."""
        return {
            (one, other, cpu)
            for one, other in combinations(sorted(self.has), 2)
            for cpu in self.has[one] & self.has[other]
        }


def _is_wrong(ledger: Ledger, has: dict[str, CpuSet], overlap: Overlap) -> bool:
    """Tell whether a container is on another one's own cpu."""
    one, other, cpu = overlap
    kinds = []
    for name in (one, other):
        holding = ledger.holding(name)
        if holding is None or name in ledger.starved:
            return False
        kinds.append(holding.kind)
    if kinds == [Class.ANNOTATED, Class.ANNOTATED]:
        return False
    return any(cpu in _owned(ledger, has, name) for name in (one, other))


def _owned(ledger: Ledger, has: dict[str, CpuSet], name: str) -> CpuSet:
    """Tell which of its cpus are a container's own now: what else it has is from the pool."""
    holding = ledger.exclusive.get(name)
    if holding is None or holding.cpus is None:
        return CpuSet.EMPTY
    if holding.kind is Class.INTEGER and len(has[name]) == len(holding.cpus):
        return has[name]
    return has[name] & holding.cpus


def _subsets(cpus: CpuSet) -> list[CpuSet]:
    """List all that are not empty."""
    ids = list(cpus)
    return [CpuSet.of(one) for size in range(len(ids)) for one in combinations(ids, size + 1)]


ONLINE = flat(4).online
FORBIDS = ("", "0", "1,3")


def _ledgers() -> Iterator[Ledger]:
    """Yield every way in which two integer containers can lie on four cpus, with some shared."""
    for owners in product("ab-", repeat=len(ONLINE)):
        own = {one: [cpu for cpu in ONLINE if owners[cpu] == one] for one in "ab-"}
        for forbid, guests in product(FORBIDS, ((), ("",), ("", "2-3"))):
            entries: list[tuple[PodFacts, ContainerFacts]] = []
            for name in "ab":
                if own[name]:
                    cpus = CpuSet.of(own[name])
                    its_pod = pod(name, guaranteed=True, forbid=forbid if name == "a" else "")
                    entries.append((its_pod, container(name, len(cpus), str(cpus))))
            pool = CpuSet.of(own["-"])
            for number, forbidden in enumerate(guests):
                cpus = pool - CpuSet.parse(forbidden)
                entries.append(
                    (pod(f"s{number}", forbid=forbidden), container(f"s{number}", 0, str(cpus)))
                )
            rebuilt = rebuild(
                flat(len(ONLINE)),
                Rules(),
                [its_pod for its_pod, _ in entries],
                [Reported(facts, Phase.RUNNING) for _, facts in entries],
            )
            if rebuilt.ledger.settled and not (rebuilt.updates or rebuilt.ledger.starved):
                yield rebuilt.ledger


def _events(ledger: Ledger) -> Iterator[Event]:
    """Yield all that can ask for cpus, and the end of an owner."""
    for cpus in _subsets(ONLINE):
        yield Create(pod("new", cores=str(cpus)), container("new"))
    for whole in range(1, 4):
        yield Create(pod("new", guaranteed=True), container("new", whole))
    for one in ledger.holdings():
        for whole in range(5):
            its_pod = pod(one.id, guaranteed=True)
            yield Update(its_pod, container(one.id, whole, str(ledger.told[one.id])))
    if "a" in ledger.exclusive:
        yield Stop("a")


def _apply(cpusets: Cpusets, event: Event, decision: Decision) -> None:
    """Apply a reply as a runtime does: the updates of others, then what the container gets."""
    if isinstance(event, Stop):
        cpusets.has.pop(event.container_id, None)
    cpusets.apply(decision.updates, decision.ledger)
    if isinstance(event, Create | Update) and decision.adjustment is not None:
        before = cpusets.overlaps()
        cpusets.has[event.container.id] = decision.adjustment.cpus
        new = cpusets.overlaps() - before
        wrong = {one for one in new if _is_wrong(decision.ledger, cpusets.has, one)}
        assert not wrong, f"{event} makes {wrong}"


def test_no_cpu_gets_a_second_owner_by_any_update_of_any_decision() -> None:
    """Every small ledger, every event: each update of the reply is safe, and so are the rest."""
    count = 0
    for ledger in _ledgers():
        for event in _events(ledger):
            count += 1
            decision = decide(ledger, event)
            if decision.outcome is Outcome.REFUSED:
                assert not decision.updates
                continue
            cpusets = Cpusets(dict(ledger.told))
            _apply(cpusets, event, decision)
            now = decision.ledger
            if isinstance(event, Create):
                now = decide(now, Seen(event.pod, event.container, Phase.RUNNING)).ledger
            settled = decide(now, Settle(calm=True))
            cpusets.apply(settled.updates, settled.ledger)
            assert settled.ledger.settled
            assert cpusets.has == {one.id: settled.ledger.cpus_of(one.id) for one in now.holdings()}
    assert count > 10_000


THREE = flat(3)


def _reports() -> Iterator[tuple[str, list[Reported]]]:
    """Yield every way in which owners that nobody has placed can be found on three cpus."""
    sets = _subsets(THREE.online)
    for named, one, two, beside, guest in product(sets, sets, sets, sets, (False, True)):
        found = [
            container("a", 1, str(one)),
            container("b", min(2, len(two)), str(two)),
            container("named", 0, str(beside)),
            *([container("guest", 0, str(THREE.online))] if guest else []),
        ]
        yield str(named), [Reported(facts, Phase.RUNNING) for facts in found]


def test_owners_that_are_found_in_each_others_way_are_led_apart() -> None:
    """After a restart, too, each update is safe; who must swap does so by way of a free cpu.

    Where no cpu is free who must swap stays where it is: running containers are not refused.
    """
    integers = [pod(name, guaranteed=True) for name in "ab"]
    waiting = 0
    for named, reported in _reports():
        pods = [*integers, pod("named", cores=named), pod("guest")]
        rebuilt = rebuild(THREE, Rules(), pods, reported)
        ledger, updates = rebuilt.ledger, rebuilt.updates
        cpusets = Cpusets({one.container.id: CpuSet.parse(one.container.cpus) for one in reported})
        while updates:
            cpusets.apply(updates, ledger)
            decision = decide(ledger, Settle(calm=True))
            ledger, updates = decision.ledger, decision.updates
        waiting += not ledger.settled
        assert ledger.settled or not ledger.pool, (named, reported)
    assert waiting < 50
