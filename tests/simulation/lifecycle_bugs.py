"""Deliberate bugs over time: ends, resizes, restarts, repairs, connections."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from nri import messages
from tests.simulation.patching import (
    Deliberate,
    Mutations,
    changed_decisions,
    changed_events,
    replaced,
    reported_without,
)
from weka_cpuset import keeper as keeper_module
from weka_cpuset import questions, silence, translate
from weka_cpuset.audit import Auditor
from weka_cpuset.daemon import Supervisor
from weka_cpuset.engine import (
    CORES_ANNOTATION,
    CpuSet,
    Decision,
    Event,
    Ledger,
    PodRemove,
    PodStop,
    Remove,
    Seen,
    Settle,
    Stop,
    Update,
)
from weka_cpuset.handlers import Handlers
from weka_cpuset.hotplug import Hotplug
from weka_cpuset.keeper import Keeper
from weka_cpuset.settings import Way
from weka_cpuset.settle.settler import Settler

BUGS = Mutations()
"""Bugs over time by name."""


# ---- the end of containers ----


@BUGS.add
def release_nothing() -> AbstractContextManager[None]:
    """The cpus of pods that are gone never come back."""

    def change(_: Ledger, event: Event) -> Event | None:
        return Stop("") if isinstance(event, Stop | Remove | PodStop | PodRemove) else None

    return changed_events(change)


@BUGS.add
def release_on_removal_only() -> AbstractContextManager[None]:
    """The cpus of a completed pod stay unused until somebody deletes it."""

    def change(_: Ledger, event: Event) -> Event | None:
        return Stop("") if isinstance(event, Stop | PodStop) else None

    return changed_events(change)


@BUGS.add
def release_with_another_pod() -> AbstractContextManager[None]:
    """When a pod ends, a pod that still runs loses its cpus to the pool."""

    def change(ledger: Ledger, event: Event) -> Event | None:
        if isinstance(event, PodStop):
            for one in ledger.exclusive.values():
                if one.container.pod_id != event.pod_id:
                    return Remove(one.id)
        return None

    return changed_events(change)


@BUGS.add
def release_by_name() -> AbstractContextManager[None]:
    """A container that was started again loses its cpus when the old one is removed."""
    names: dict[str, str] = {}

    def change(ledger: Ledger, event: Event) -> Event | None:
        names.update((one.id, one.label) for one in ledger.holdings())
        if isinstance(event, Remove) and ledger.holding(event.container_id) is None:
            label = names.get(event.container_id)
            same = [one.id for one in ledger.holdings() if one.label == label]
            return Remove(same[0]) if same else None
        return None

    return changed_events(change)


@BUGS.add
def release_twice() -> AbstractContextManager[None]:
    """When the runtime tells of an end again, the pod that came after loses its cpus."""
    owned: dict[str, CpuSet] = {}

    def change(ledger: Ledger, event: Event) -> Event | None:
        owned.update((one.id, one.cpus) for one in ledger.exclusive.values() if one.cpus)
        if isinstance(event, Stop | Remove) and event.container_id in ledger.ended:
            had = owned.get(event.container_id, CpuSet.EMPTY)
            for one in ledger.exclusive.values():
                if one.cpus and not one.cpus.isdisjoint(had):
                    return Stop(one.id)
        return None

    return changed_events(change)


@BUGS.add
def revive_the_ended() -> AbstractContextManager[None]:
    """A late event about a container that has ended brings it back, and its cpus are lost."""

    def change(_: Ledger, _event: Event, right: Decision) -> Decision:
        return replace(right, ledger=replace(right.ledger, ended={}))

    return changed_decisions(change)


# ---- resizing ----


@BUGS.add
def keep_the_old_size() -> AbstractContextManager[None]:
    """A container that is resized keeps as many cpus as it had."""
    return replaced(
        translate,
        "updated_facts",
        lambda _: lambda container, _requested: translate.container_facts(container),
    )


@BUGS.add
def adopt_the_ended() -> AbstractContextManager[None]:
    """A resize that comes after the end of its container takes cpus for it that never come back."""

    def change(_: Ledger, event: Event) -> Event | None:
        return replace(event, ended=False) if isinstance(event, Update) else None

    return changed_events(change)


@BUGS.add
def leave_itself_out() -> AbstractContextManager[None]:
    """A resize is granted, but the reply does not say on which cpus."""

    def make(right: Callable[..., messages.UpdateContainerResponse]) -> Callable[..., Any]:
        def broken(
            self: Handlers, request: messages.UpdateContainerRequest
        ) -> messages.UpdateContainerResponse:
            reply = right(self, request)
            others = [one for one in reply.update if one.container_id != request.container.id]
            return messages.UpdateContainerResponse(update=others)

        return broken

    return replaced(Handlers, "update_container", make)


# ---- after a restart ----


@BUGS.add
def merge_instead_of_rebuild() -> AbstractContextManager[None]:
    """Pods that ended while the agent was cut off hold their cpus for ever."""

    def make(ask: Callable[..., Any]) -> Callable[..., Any]:
        def broken(ledger: Ledger, question: questions.Question) -> Any:
            if isinstance(question, questions.Report):
                pods, containers = ledger.reported()
                told = {one.container.id for one in question.containers}
                old = [one for one in containers if one.container.id not in told]
                question = question._replace(
                    pods=[*question.pods, *pods], containers=[*question.containers, *old]
                )
            return ask(ledger, question)

        return broken

    return replaced(keeper_module, "ask", make)


@BUGS.add
def forget_annotations_after_a_restart() -> AbstractContextManager[None]:
    """After a restart of the agent pods lose the cpus that they name."""
    return reported_without(CORES_ANNOTATION)


# ---- settling, audit, hotplug ----


@BUGS.add
def never_assert_after_the_start() -> AbstractContextManager[None]:
    """A container that was told something while it started keeps the cpus of others."""

    def change(_: Ledger, event: Event) -> Event | None:
        return Stop("") if isinstance(event, Seen) else None

    return changed_events(change)


@BUGS.add
def never_settle_growth() -> AbstractContextManager[None]:
    """Shared containers stay on few cpus after the owners of the others are gone."""
    return replaced(
        Keeper,
        "take_due_updates",
        lambda right: lambda self, settle, _=None: right(self, settle, 0),
    )


@BUGS.add
def never_end_a_burst() -> AbstractContextManager[None]:
    """Cpus that were taken ahead in a burst of pods never go back to the pool."""

    def change(_: Ledger, event: Event) -> Event | None:
        return Settle(calm=False) if isinstance(event, Settle) else None

    return changed_events(change)


@BUGS.add
@contextlib.contextmanager
def forget_what_failed() -> Iterator[None]:
    """A container whose update failed once is wrong until the next restart."""
    with (
        replaced(Keeper, "doubt", lambda _: lambda _self, _ids, _may: None),
        replaced(Keeper, "found", lambda _: lambda _self, _cpus: None),
    ):
        yield


@BUGS.add
def never_read_back() -> AbstractContextManager[None]:
    """A container whose update the runtime lost is wrong until the next restart."""

    async def look(self: Auditor, ids: Sequence[str] | None = None) -> None:
        del self, ids

    return replaced(Auditor, "look", lambda _: look)


@BUGS.add
def miss_hotplug() -> AbstractContextManager[None]:
    """Cpus that went offline are still given to pods, and new ones are never used."""
    return replaced(Hotplug, "look", lambda _: lambda _self: None)


# ---- the life of the agent ----


@BUGS.add
def fail_now_and_then() -> AbstractContextManager[None]:
    """Every third event is lost by a defect, and whatever it was about goes wrong."""
    count = 0

    def change(_: Ledger, _event: Event) -> Event | None:
        nonlocal count
        count += 1
        if count % 3 == 0:
            raise Deliberate
        return None

    return changed_events(change)


@BUGS.add
def exit_when_cut_off() -> AbstractContextManager[None]:
    """The agent ends when the runtime drops it, with exit code 0."""

    async def run(self: Supervisor) -> None:
        await self._serve_one_connection()

    return replaced(Supervisor, "run", lambda _: run)


@BUGS.add
def never_connect_again() -> AbstractContextManager[None]:
    """The agent runs on without a connection, and nobody places pods any more."""

    def make(right: Callable[..., Any]) -> Callable[..., Any]:
        async def broken(self: Supervisor) -> None:
            with contextlib.suppress(Exception):
                await right(self)
            await asyncio.Event().wait()

        return broken

    return replaced(Supervisor, "_serve_one_connection", make)


@BUGS.add
def wait_for_a_runtime_that_forgot() -> AbstractContextManager[None]:
    """After a report that came too late an old runtime calls no more, and nobody notices."""
    return replaced(
        silence, "wait_called", lambda _: lambda connection, *_: connection.wait_called()
    )


@BUGS.add
def ask_where_it_hangs() -> AbstractContextManager[None]:
    """The node's pods hang for ever: the agent asks a runtime that cannot bear it."""

    def make(right: Callable[[Settler], Way]) -> Callable[[Settler], Way]:
        return lambda self: Way.UPDATE if self._connection is not None else right(self)

    return replaced(Settler, "_way", make)
