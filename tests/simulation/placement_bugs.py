"""Deliberate bugs in what containers get, and in the order in which they get it."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from typing import Any

from nri import messages
from tests.simulation.patching import (
    Mutations,
    changed_decisions,
    changed_updates,
    replaced,
    reported_without,
)
from weka_cpuset import daemon, translate
from weka_cpuset.engine import (
    FORBID_ANNOTATION,
    NO_PREFERENCE,
    AnnotatedDemand,
    Class,
    Classified,
    CpuSet,
    CpusetUpdate,
    Create,
    Decision,
    Event,
    Holding,
    IntegerDemand,
    Ledger,
    Refusal,
    SharedDemand,
    Step,
    Update,
    Why,
    place,
)
from weka_cpuset.engine.draft import Draft
from weka_cpuset.engine.matching import Need
from weka_cpuset.engine.relocate import Supply

_DECIDE = import_module("weka_cpuset.engine.decide")
"""The module; the package has a function of its name."""

BUGS = Mutations()
"""Bugs of placement by name."""


# ---- updates of other containers ----


@BUGS.add
def skip_a_shrink() -> AbstractContextManager[None]:
    """One of several shared containers stays on the cpus of a new owner."""

    def change(_: Ledger, event: Event, right: Decision) -> Decision:
        shrinks = [one for one in right.updates if one.step is Step.SHRINK]
        return _but(right, shrinks[-1:]) if isinstance(event, Create) else right

    return changed_decisions(change)


@BUGS.add
def grow_first() -> AbstractContextManager[None]:
    """For a moment a cpu has two owners: who gains cpus is told before who loses them."""
    return changed_updates(lambda updates: updates[::-1])


@BUGS.add
def move_first() -> AbstractContextManager[None]:
    """A container is moved onto cpus that shared containers have not left yet."""
    return changed_updates(
        lambda updates: tuple(sorted(updates, key=lambda one: one.step is not Step.MOVE))
    )


@BUGS.add
def forget_to_move() -> AbstractContextManager[None]:
    """A container stays on cpus that another pod names in its annotation."""
    return changed_updates(
        lambda updates: tuple(one for one in updates if one.step is not Step.MOVE)
    )


@BUGS.add
def drop_updates_when_busy() -> AbstractContextManager[None]:
    """On a node with many shared containers some stay on the cpus of a new owner."""
    return changed_updates(lambda updates: updates[:2])


@BUGS.add
def resize_over_others() -> AbstractContextManager[None]:
    """A container that is resized up gets cpus on which shared ones still run."""

    def change(_: Ledger, event: Event, right: Decision) -> Decision:
        shrinks = [one for one in right.updates if one.step is Step.SHRINK]
        return _but(right, shrinks) if isinstance(event, Update) else right

    return changed_decisions(change)


# ---- what a container gets ----


@BUGS.add
def share_everything() -> AbstractContextManager[None]:
    """A new shared container runs on all cpus of the node, those of owners included."""

    def change(ledger: Ledger, event: Event, right: Decision) -> Decision:
        own = right.adjustment
        if isinstance(event, Create) and own and event.container.id in right.ledger.shared:
            return replace(right, adjustment=replace(own, cpus=ledger.topology.online))
        return right

    return changed_decisions(change)


@BUGS.add
def forget_to_answer() -> AbstractContextManager[None]:
    """A new container runs wherever the kubelet or the kernel lets it."""
    return changed_decisions(
        lambda _, event, right: (
            replace(right, adjustment=None) if isinstance(event, Create) else right
        )
    )


@BUGS.add
def lose_an_annotated_cpu() -> AbstractContextManager[None]:
    """A pod that names several cpus gets all of them but one."""

    def make(classify: Callable[..., Classified]) -> Callable[..., Classified]:
        def broken(*args: Any, **more: Any) -> Classified:
            found = classify(*args, **more)
            if isinstance(found.demand, AnnotatedDemand) and len(found.demand.cpus) > 1:
                first = CpuSet.of([found.demand.cpus.lowest])
                return replace(found, demand=AnnotatedDemand(found.demand.cpus - first))
            return found

        return broken

    return replaced(_DECIDE, "classify", make)


@BUGS.add
def leave_memory_anywhere() -> AbstractContextManager[None]:
    """A pod that names its cpus gets memory of the other socket."""

    def make(right: Callable[..., messages.ContainerAdjustment]) -> Callable[..., Any]:
        return lambda own: right(replace(own, mems=CpuSet.EMPTY))

    return replaced(translate, "adjustment_message", make)


@BUGS.add
def accept_absurd_annotations() -> AbstractContextManager[None]:
    """A pod that names cpus which do not exist runs anywhere, and nobody is told."""

    def make(classify: Callable[..., Classified]) -> Callable[..., Classified]:
        def broken(*args: Any, **more: Any) -> Classified:
            try:
                return classify(*args, **more)
            except Refusal:
                return Classified(SharedDemand(), Why.NOT_GUARANTEED)

        return broken

    return replaced(_DECIDE, "classify", make)


@BUGS.add
def give_taken_cpus() -> AbstractContextManager[None]:
    """Two pods with whole cpus get the same ones."""

    def make(supply_of: Callable[..., Supply]) -> Callable[..., Supply]:
        def broken(draft: Draft, claimed: CpuSet) -> Supply:
            supply = supply_of(draft, claimed)
            return supply._replace(free=draft.topology.online - claimed - draft.rules.reserved)

        return broken

    return replaced(place, "supply_of", make)


@BUGS.add
def give_one_cpu_too_few() -> AbstractContextManager[None]:
    """A pod with three or more whole cpus runs on one less than it has paid for."""

    def change(_: Ledger, event: Event, right: Decision) -> Decision:
        own = right.adjustment
        owner = right.ledger.exclusive.get(_subject(event))
        if own and owner and owner.kind is Class.INTEGER and len(own.cpus) > 2:
            less = own.cpus - CpuSet.of([own.cpus.lowest])
            return replace(right, adjustment=replace(own, cpus=less))
        return right

    return changed_decisions(change)


@BUGS.add
def refuse_what_fits() -> AbstractContextManager[None]:
    """Pods with four or more whole cpus are refused although these are free."""

    def make(classify: Callable[..., Classified]) -> Callable[..., Classified]:
        def broken(*args: Any, **more: Any) -> Classified:
            found = classify(*args, **more)
            if isinstance(found.demand, IntegerDemand) and found.demand.count >= 4:
                raise Refusal
            return found

        return broken

    return replaced(_DECIDE, "classify", make)


# ---- how cpus lie ----


@BUGS.add
def break_limits() -> AbstractContextManager[None]:
    """A container that asks for whole cores has a stranger on one of them."""

    def make(classify: Callable[..., Classified]) -> Callable[..., Classified]:
        def broken(*args: Any, **more: Any) -> Classified:
            found = classify(*args, **more)
            if not isinstance(found.demand, IntegerDemand):
                return found
            return replace(found, demand=replace(found.demand, preference=NO_PREFERENCE))

        return broken

    return replaced(_DECIDE, "classify", make)


@BUGS.add
def break_limits_when_moved() -> AbstractContextManager[None]:
    """A container on one node spans two once it had to make way."""

    def make(needs: Callable[..., Iterable[Need]]) -> Callable[..., Iterable[Need]]:
        def broken(supply: Supply, one: Holding, claimed: CpuSet) -> Iterable[Need]:
            demand = one.demand
            if isinstance(demand, IntegerDemand):
                one = replace(one, demand=replace(demand, preference=NO_PREFERENCE))
            return needs(supply, one, claimed)

        return broken

    return replaced(place, "_needs", make)


# ---- settings and limits ----


@BUGS.add
def forget_reserved_cpus() -> AbstractContextManager[None]:
    """Pods get cpus that `cpus.reserved` keeps for the system."""
    return replaced(daemon, "Rules", lambda rules: lambda _, *others: rules(CpuSet.EMPTY, *others))


@BUGS.add
def forget_min_shared() -> AbstractContextManager[None]:
    """The pool becomes smaller than `cpus.min_shared` says."""
    return replaced(
        daemon, "Rules", lambda rules: lambda reserved, _, *others: rules(reserved, 0, *others)
    )


@BUGS.add
def let_the_pool_run_dry() -> AbstractContextManager[None]:
    """A pod takes the last cpus that a running shared container could use."""
    return replaced(Supply, "leaves_enough", lambda _: lambda _self, _taken: True)


# ---- forbidden cpus ----


@BUGS.add
def forget_forbidden_when_moved() -> AbstractContextManager[None]:
    """A container is moved onto cpus that its pod forbids."""

    def make(needs: Callable[..., Iterable[Need]]) -> Callable[..., list[Need]]:
        def broken(*args: Any) -> list[Need]:
            return [
                need._replace(demand=replace(need.demand, forbidden=CpuSet.EMPTY))
                for need in needs(*args)
            ]

        return broken

    return replaced(place, "_needs", make)


@BUGS.add
def forget_forbidden_when_the_pool_changes() -> AbstractContextManager[None]:
    """A shared container gets cpus that its pod forbids as soon as others come or go."""

    def change(_: Ledger, _event: Event, right: Decision) -> Decision:
        shared, common = right.ledger.shared, right.ledger.common
        updates = tuple(
            one._replace(cpus=common) if one.container_id in shared else one
            for one in right.updates
        )
        return replace(right, updates=updates)

    return changed_decisions(change)


@BUGS.add
def forget_forbidden_after_a_restart() -> AbstractContextManager[None]:
    """After a restart of the agent containers get cpus that their pods forbid."""
    return reported_without(FORBID_ANNOTATION)


# ---- common parts ----


def _but(right: Decision, left_out: Sequence[CpusetUpdate]) -> Decision:
    """Return a decision without some of its updates."""
    return replace(right, updates=tuple(one for one in right.updates if one not in left_out))


def _subject(event: Event) -> str:
    """Return the id of the container that an event shows, or nothing."""
    return event.container.id if isinstance(event, Create | Update) else ""
