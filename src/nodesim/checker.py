"""The rules of placement, judged on what the simulated kernel enforces.

The checker knows each container's demand from its manifest, and its cpus from the kernel. It
knows nothing of the agent's ledger or of the runtime's records. It is told of every single
change and judges at once: between two changes nothing can be wrong that is not wrong after
one of them.

Some things are not the agent's to prevent: an update that a fault has swallowed, a container
that was created while the agent was away. Such a container is *excused* for a while, and how
long it was on cpus of an owner is measured as exposure. When the time is over it must be right.
"""

import math
from collections.abc import Callable, Iterable, Iterator

from nodesim.deadlines import DEADLINE_S, HOTPLUG_DEADLINE_S
from nodesim.exposures import Exposures
from nodesim.report import VIOLATIONS_MAX, Violation
from nodesim.tenant import Newcomer, Surroundings, Tenant, both_annotated
from weka_cpuset.engine import (
    NO_PREFERENCE,
    AnnotatedDemand,
    CpuSet,
    Demand,
    IntegerDemand,
    Rules,
    SharedDemand,
)


class Checker:
    """Judges every change.

    Args:
        online: The cpus that are online.
        rules: The agent's settings that bear on placement.
        surroundings: What the checker looks at beside the containers.

    Attributes:
        violations: What was broken, in order; at most `VIOLATIONS_MAX`.
        exposures: When an excused container was on an owner's cpus.
        on_violation: Called with each violation as it happens.
    """

    def __init__(self, online: CpuSet, rules: Rules, surroundings: Surroundings) -> None:
        self.violations: list[Violation] = []
        self.on_violation: Callable[[Violation], None] = _ignore
        self._online = online.mask
        self._reserved = rules.reserved.mask
        self._min_shared = rules.min_shared
        self._preference = rules.preference
        # A container may keep what it has, whatever has become of that. So limits are judged
        # only where none has had anything to keep: as long as no cpu has come or gone.
        self._has_limits = rules.preference == NO_PREFERENCE
        self._around = surroundings
        self._tenants: dict[str, Tenant] = {}
        self._owners: dict[str, Tenant] = {}
        self._owned = 0
        self._connected = False
        self._settled_s = 0.0
        self._has_unasked = False
        self.exposures = Exposures()
        self._waiting: dict[str, Tenant] = {}

    # ---- what happens ----

    def created(
        self, newcomer: Newcomer, patience_s: float = 0.0, *, outdated: bool = False
    ) -> None:
        """A container has a cgroup with a process in it.

        Args:
            newcomer: The container.
            patience_s: How many seconds the agent has to put it right, if something kept the
                container from getting what the agent wanted for it.
            outdated: Whether it has what the agent wanted for it before its last update. It has
                a place, and the agent learns of its start when it is told.
        """
        one = newcomer.tenant()
        self._tenants[one.id] = one
        if patience_s or outdated:
            self._excuse(one, math.inf if outdated else patience_s)
        # Somebody may have been given its cpus, or have come before it unasked.
        one.misplaced = self._has_unasked or patience_s > 0
        if self._has_unasked:
            self._excuse(one, DEADLINE_S)  # who came unasked may have been given its cpus
        self._enter(one)
        self._judge(one)
        self._judge_limits(one)
        if one.owned:
            self._judge_pool(one, one.owned)

    def unasked(self) -> None:
        """A container is created, and the agent had no say in it.

        If it names its cpus, integer containers must give way, and may find no place.
        """
        self._has_unasked = True
        for one in self._tenants.values():
            one.misplaced = True

    def unplaced(self, newcomer: Newcomer) -> None:
        """A container has a cgroup with a process in it, and the agent had no say in it."""
        one = newcomer.tenant()
        one.misplaced = True
        self._tenants[one.id] = one
        self._excuse(one, DEADLINE_S)
        self._enter(one)
        self._judge(one)

    def started(self, container_id: str, patience_s: float) -> None:
        """The agent was told that a container runs: it can see to it from now on.

        Args:
            container_id: The container.
            patience_s: How many seconds it has for that.
        """
        one = self._waiting.get(container_id)
        if one is not None and self._connected:
            one.excused_until_s = min(one.excused_until_s, self._around.now_s + patience_s)

    def changed(self, container_id: str, cpus: CpuSet, mems: CpuSet) -> None:
        """The kernel enforces other cpus for a live container."""
        one = self._tenants[container_id]
        if self._connected and one.cpus != cpus.mask:
            one.astray = False
            if one.id in self._waiting:
                self._absolve(one)
        self._take(one, cpus, mems)

    def fell_back(self, container_id: str, cpus: CpuSet, mems: CpuSet) -> None:
        """The kernel itself has given a live container other cpus: some went offline or came back.

        That ends no excuse. Two that have lost all their cpus run on all that are left, and
        the one that is put right first has the other one on its cpus.
        """
        self._take(self._tenants[container_id], cpus, mems)

    def resized(self, container_id: str, demand: Demand | None, *, answered: bool) -> None:
        """A live container asks for something else; its new cpus are about to be applied.

        Args:
            container_id: The container.
            demand: What it must get from now on.
            answered: Whether the agent had a say in it.
        """
        one = self._tenants.get(container_id)
        if one is None:
            return
        if answered:
            one.resized_from = one.cpus if one.id in self._owners else 0
        self._leave(one)
        one.demand = demand
        one.misplaced |= not answered
        self._enter(one)
        self._excuse(one, DEADLINE_S)

    def ended(self, container_id: str) -> None:
        """A container's processes are gone."""
        one = self._tenants.pop(container_id, None)
        if one is not None:
            self._waiting.pop(container_id, None)
            self._leave(one)

    def excuse(self, container_id: str, patience_s: float) -> None:
        """Something kept a container from getting what the agent wanted for it.

        Args:
            container_id: The container, which need not be live.
            patience_s: How many seconds the agent has to put it right.
        """
        one = self._tenants.get(container_id)
        if one is not None:
            self._excuse(one, patience_s)

    def agent_left(self) -> None:
        """The agent is not connected any more: what is not right stays so for now."""
        self._connected = False
        for one in self._tenants.values():
            if one.misplaced or one.astray:
                self._waiting[one.id] = one
        for one in self._waiting.values():
            one.excused_until_s = math.inf

    def agent_synchronized(self) -> None:
        """The agent has seen everything; what is not right it can put right from now on."""
        self._connected = True
        self._settled_s = self._around.now_s + DEADLINE_S
        for one in self._waiting.values():
            one.excused_until_s = self._around.now_s + DEADLINE_S

    def online_changed(self, online: CpuSet, demands: Iterable[tuple[str, Demand | None]]) -> None:
        """Cpus have gone offline or come online.

        Args:
            online: The cpus that are online from now on.
            demands: What live containers must get from now on, by id.
        """
        self._online = online.mask
        self._has_limits = False
        self._settled_s = self._around.now_s + HOTPLUG_DEADLINE_S
        for container_id, demand in demands:
            one = self._tenants.get(container_id)
            if one is not None:
                self._leave(one)
                one.demand, one.misplaced = demand, True
                self._enter(one)
                self._excuse(one, HOTPLUG_DEADLINE_S)

    def leaped(self, seconds: float) -> None:
        """The clock has leaped: nobody had that time.

        Args:
            seconds: How far it leaped.
        """
        self._settled_s += seconds
        for one in self._waiting.values():
            one.excused_until_s += seconds

    # ---- looking ----

    def look(self) -> None:
        """Judge what should have been put right by now."""
        now_s = self._around.now_s
        misplaced = [one for one in self._tenants.values() if one.misplaced]
        for one in misplaced:
            self._enter(one)  # the agent may have found a place for it where it is
            shares = self._shares(one)
            if one.shared and not shares:
                self._excuse(one, DEADLINE_S)  # it has found one elsewhere, and is on its way
            one.shared = shares
        # Once for all: it takes a walk through all containers.
        promised = self._around.promised() if self._waiting else CpuSet.EMPTY
        for one in tuple(self._waiting.values()):
            if one.cpus & self._owned and self._is_starved(one, promised):
                # Its time begins when there are cpus for it again.
                one.excused_until_s = max(one.excused_until_s, now_s + DEADLINE_S)
            elif one.excused_until_s <= now_s:
                self._absolve(one)
                one.incomplete = True  # it has had its time
                self._judge(one)
        if self._connected and self._settled_s <= now_s and not self._waiting:
            self._has_unasked = False
            # Everybody is where he shall be: who harms nobody now has found his place.
            for one in misplaced:
                one.misplaced = not self._has_its_place(one)

    def at_rest(self, refused: Iterable[tuple[str, Demand]] = ()) -> None:
        """Judge everything: nothing is under way, so everybody has what he shall have.

        Args:
            refused: The containers that the agent refuses now: labels and demands.
        """
        for one in tuple(self._waiting.values()):
            self._absolve(one)
        pool = self._online & ~self._owned
        for one in self._tenants.values():
            self._judge(one)
            shares = isinstance(one.demand, SharedDemand)
            wants = pool & ~one.forbidden
            if shares and wants and one.cpus != wants:
                self._report(4, one, f"runs on {_text(one.cpus)} and could on {_text(wants)}")
            if one.misplaced and one.id not in self._owners and self._has_room(one.demand):
                self._report(5, one, f"runs on {_text(one.cpus)} although cpus are free for it")
        for label, demand in refused:
            if self._has_room(demand):
                self.report(5, f"{label} is refused although cpus are free for it")
        self.exposures.end_all(self._around.now_s)

    def finish(self, leaked: Iterable[str]) -> None:
        """Report what is left although no pod is.

        Args:
            leaked: What is left, in words.
        """
        for what in leaked:
            self.report(0, f"left behind: {what}")
        self.exposures.end_all(self._around.now_s)

    def report(self, rule: int, text: str) -> None:
        """Take note that a rule is broken.

        Args:
            rule: Its number (docs/reference/placement-rules.md); 0: something leaked.
            text: What is wrong.
        """
        violation = Violation(round(self._around.now_s, 6), rule, text)
        self.on_violation(violation)
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(violation)

    # ---- the rules ----

    def _judge(self, one: Tenant) -> None:
        """Judge one container after a change."""
        if one.cpus & self._owned or one.id in self._owners:
            self._judge_overlaps(one)
        if one.id in self._waiting or one.told:
            return
        wrong = self._wrong_by_itself(one)
        if wrong is None:
            one.incomplete = False
        elif one.misplaced and wrong[0] in (2, 5) and not one.incomplete:
            # On the way to its place it may have a part of its cpus for a moment.
            one.incomplete = True
            self._excuse(one, DEADLINE_S)
        else:
            self._report(*wrong)

    def _judge_overlaps(self, one: Tenant) -> None:
        """Judge rule 1 between one container and all others."""
        for owner, other in self._overlaps(one):
            if self._shares(owner):
                self._disown(owner)
                continue
            key = (owner.id, other.id)
            if key in self.exposures:
                continue
            if owner.id in self._waiting or other.id in self._waiting:
                self.exposures.begin(key, self._around.now_s)
            elif not (other.told or self._is_starved(other, self._around.promised())):
                both = _text(owner.cpus & other.cpus)
                self._report(1, other, f"runs on cpus {both}, which {owner.label} owns")

    def _overlaps(self, one: Tenant) -> Iterator[tuple[Tenant, Tenant]]:
        """Yield pairs of an owner and another on its cpus, of which one is this container."""
        for owner in tuple(self._owners.values()):
            if owner is not one and owner.cpus & one.cpus and not both_annotated(owner, one):
                yield owner, one
        if one.id in self._owners:
            for other in tuple(self._tenants.values()):
                shared = other.id not in self._owners and not both_annotated(one, other)
                if shared and other.cpus & one.cpus:
                    yield one, other

    def _wrong_by_itself(self, one: Tenant) -> tuple[int, Tenant, str] | None:
        """Return the rule that a container breaks whatever the others have."""
        has = _text(one.cpus)
        if one.cpus & one.forbidden & self._online and not self._is_starved(
            one, self._around.promised()
        ):
            return 3, one, f"runs on {has} and must keep off {_text(one.forbidden)}"
        match one.demand:
            case AnnotatedDemand(cpus):
                if one.cpus != cpus.mask and not self._shares(one):
                    return 2, one, f"names cpus {cpus} and has {has}"
                nodes = self._around.memory_nodes(cpus)
                if one.cpus == cpus.mask and one.mems != nodes:
                    return 2, one, f"needs memory nodes {nodes} and has {one.mems}"
            case IntegerDemand(count):
                owns = one.id in self._owners
                if owns and one.cpus & self._reserved and not one.misplaced:
                    return 4, one, f"has {has}, of which {_text(self._reserved)} are reserved"
                if not owns and not self._shares(one):
                    return 5, one, f"asks for {count} cpus and has {has}"
            case None if not one.misplaced:
                return 6, one, "names cpus that cannot be used and was not refused"
        return None

    def _has_its_place(self, one: Tenant) -> bool:
        """Tell whether a container has what it asks for; if not, nobody could refuse it."""
        if isinstance(one.demand, SharedDemand):
            return not one.cpus & self._owned
        return one.id in self._owners

    def _is_starved(self, one: Tenant, promised: CpuSet) -> bool:
        """Tell whether owners that nobody could refuse have taken all that one could use.

        Args:
            one: The container.
            promised: What owners will have beside what they have.
        """
        if self._online & ~self._owned & ~one.forbidden & ~promised.mask:
            return False
        return self._has_misplaced()

    def _has_misplaced(self) -> bool:
        return any(one.misplaced for one in self._tenants.values())

    def _judge_limits(self, one: Tenant) -> None:
        """Judge how the cpus lie that a container has just been given."""
        judged = self._has_limits and one.id in self._owners and one.id not in self._waiting
        if judged and isinstance(one.demand, IntegerDemand) and not one.misplaced:
            broken = self._around.limit_broken(one.demand, CpuSet(one.cpus))
            if broken:
                self._report(5, one, f"asks for {broken} and has {_text(one.cpus)}")

    def _judge_pool(self, owner: Tenant, gained: int) -> None:
        """Judge rule 4 after an owner came or grew: somebody else may have nothing left."""
        pool = self._online & ~self._owned
        for other in self._owners.values():
            gained &= ~other.cpus if other is not owner else -1
        if not gained & self._online or self._has_misplaced():
            return
        if pool.bit_count() < self._min_shared:
            self._report(4, owner, f"leaves {pool.bit_count()} cpus in the pool")
        for one in self._tenants.values():
            had = (pool | gained) & ~one.forbidden
            if isinstance(one.demand, SharedDemand) and had and not pool & ~one.forbidden:
                self._report(4, one, f"is left without any cpu by {owner.label}")

    def _has_room(self, demand: Demand | None) -> bool:
        """Tell whether it is plain that there is a place for what a container asks for.

        An integer container need not get a cpu that others must keep: one for each set of
        cpus that shared containers forbid, and `min_shared` more. Fewer may do, so what is
        not plain can be possible all the same. For annotated containers nothing is plain, nor
        for those that mind how their cpus lie.
        """
        pool = self._online & ~self._owned
        match demand:
            case SharedDemand(forbidden):
                return bool(pool & ~forbidden.mask)
            case IntegerDemand(count, forbidden, preference):
                if {preference, self._preference} != {NO_PREFERENCE}:
                    return False
                free = pool & ~self._reserved & ~forbidden.mask
                sharing = (one for one in self._tenants.values() if one.id not in self._owners)
                kept = len({one.forbidden for one in sharing}) + self._min_shared
                return free.bit_count() >= count + kept
            case _:
                return False

    # ---- bookkeeping ----

    def _take(self, one: Tenant, cpus: CpuSet, mems: CpuSet) -> None:
        narrowed = not cpus.mask & ~one.cpus
        self._leave(one)
        one.cpus, one.mems = cpus.mask, mems
        self._enter(one)
        if narrowed:
            self._bear_with_guests(one)
        self._judge(one)
        self._judge_limits(one)
        if one.resized_from is not None and one.id in self._owners:
            self._judge_pool(one, one.cpus & ~one.resized_from)
            one.resized_from = None

    def _bear_with_guests(self, one: Tenant) -> None:
        """Give those time who are on the cpus of a container that has only left some.

        They were there before it became an owner, so nothing has become worse.
        """
        for owner, other in tuple(self._overlaps(one)):
            if owner.id not in self._waiting and other.id not in self._waiting:
                self._excuse(other, DEADLINE_S)

    def _disown(self, one: Tenant) -> None:
        """Take an owner's cpus for shared ones, if it is one."""
        if self._owners.pop(one.id, None) is None:
            return
        self._owned = 0
        for owner in self._owners.values():
            self._owned |= owner.cpus

    def _enter(self, one: Tenant) -> None:
        if one.owned and not self._shares(one):
            self._owners[one.id] = one
            self._owned |= one.cpus

    def _shares(self, one: Tenant) -> bool:
        """Tell whether a container that should own its cpus found no place.

        Its size does not tell: what is left to share can be as large, by chance.
        """
        return one.misplaced and self._around.shares(one.id)

    def _leave(self, one: Tenant) -> None:
        self.exposures.end_of(one.id, self._around.now_s)
        self._disown(one)

    def _excuse(self, one: Tenant, patience_s: float) -> None:
        until_s = self._around.now_s + patience_s if self._connected else math.inf
        one.excused_until_s = max(one.excused_until_s, until_s)
        one.astray = True
        self._waiting[one.id] = one

    def _absolve(self, one: Tenant) -> None:
        """End a container's excuse."""
        self.exposures.end_of(one.id, self._around.now_s)
        one.excused_until_s = -math.inf
        self._waiting.pop(one.id, None)

    def _report(self, rule: int, one: Tenant, text: str) -> None:
        one.told = True
        self.report(rule, f"{one.label} {text}")


def _text(mask: int) -> str:
    return str(CpuSet(mask))


def _ignore(violation: Violation) -> None:
    """Do nothing: nobody looks on."""
