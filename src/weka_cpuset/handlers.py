"""Answers to the runtime's events: messages in, decision, reply out.

A handler works in memory only, as the keeper of the ledger does, which decides. So the runtime
has its answer in time whatever else on the node hangs.
"""

import logging
import time
from collections.abc import Callable, Sequence

import nri
from nri import Event, messages
from weka_cpuset import translate
from weka_cpuset.engine import (
    Create,
    Decision,
    Phase,
    PodRemove,
    PodStop,
    Remove,
    Seen,
    Stop,
    Update,
)
from weka_cpuset.engine import Event as EngineEvent
from weka_cpuset.keeper import Keeper
from weka_cpuset.latency import Latency, us_since
from weka_cpuset.logs import Fields
from weka_cpuset.rivals import Rivals

log = logging.getLogger(__name__)

EVENTS = (
    Event.STOP_POD_SANDBOX,
    Event.REMOVE_POD_SANDBOX,
    Event.CREATE_CONTAINER,
    Event.POST_START_CONTAINER,
    Event.UPDATE_CONTAINER,
    Event.STOP_CONTAINER,
    Event.REMOVE_CONTAINER,
)
"""What the agent asks for. Each event holds up the runtime, so there is none without need."""

REQUEST_TIMEOUT_S = 2.0
"""The time for an answer, in seconds, of a runtime that does not tell it: the default of NRI."""

SLOW_PART = 10
"""An answer that takes longer than this part of the runtime's deadline is warned of."""


class Handlers:
    """Implements `nri.PluginHandler`: each request is translated, decided, and answered.

    Args:
        keeper: Decides, and keeps the ledger.

    Attributes:
        keeper: As given.
        on_answered: Called with the name of each request and the seconds its answer took.
        latency: How long the runtime waited for answers.
        rivals: Who else sets cpusets.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.on_answered: Callable[[str, float], None] = _take_no_time
        self.latency = Latency()
        self.rivals = Rivals()
        self._slow_s = REQUEST_TIMEOUT_S / SLOW_PART
        self._decided_us = self._updates = 0

    def configure(self, request: messages.ConfigureRequest) -> int:
        """Learn the runtime's deadline; return the event mask."""
        # In milliseconds; not told before NRI 0.7.
        timeout_s = request.request_timeout / 1000 or REQUEST_TIMEOUT_S
        self._slow_s = timeout_s / SLOW_PART
        return messages.mask_of(EVENTS)

    def synchronize(
        self,
        pods: Sequence[messages.PodSandbox],
        containers: Sequence[messages.Container],
    ) -> Sequence[messages.ContainerUpdate]:
        """Have the ledger rebuilt from the runtime's report; return what must be corrected."""
        started_ns = time.perf_counter_ns()
        rebuilt = self.keeper.synchronize(
            [translate.pod_facts(pod) for pod in pods],
            [
                translate.reported(container)
                for container in containers
                if container.state != messages.ContainerState.CONTAINER_STOPPED
            ],
        )
        log.info(
            "Synchronized %s",
            Fields(
                {
                    "event": "Synchronize",
                    "pods": len(pods),
                    "containers": len(containers),
                    "moves": len(rebuilt.moves),
                    "updates": len(rebuilt.updates),
                    "pool": rebuilt.ledger.pool,
                    "us": us_since(started_ns),
                }
            ),
        )
        return [] if self.keeper.dry_run else translate.update_messages(rebuilt.updates)

    def create_container(
        self, request: messages.CreateContainerRequest
    ) -> messages.CreateContainerResponse:
        """Place a new container.

        Raises:
            nri.Refusal: The rules allow no place for it; nothing has changed.
        """
        pod, container = (
            translate.optional_pod_facts(request),
            translate.container_facts(request.container),
        )
        decision = self._decide("CreateContainer", Create(pod, container), container.id)
        holding = self.keeper.ledger.holding(container.id)
        if container.cpus and holding is not None:
            self.rivals.note_creation(holding.label, holding.kind, container.cpus)
        reply = messages.CreateContainerResponse()
        if not self.keeper.dry_run:
            if decision.adjustment is not None:
                reply.adjust.CopyFrom(translate.adjustment_message(decision.adjustment))
            reply.update.extend(translate.update_messages(decision.updates))
        return reply

    def update_container(
        self, request: messages.UpdateContainerRequest
    ) -> messages.UpdateContainerResponse:
        """Answer a resource update; the reply always carries the container's own cpuset.

        Raises:
            nri.Refusal: The new size cannot be satisfied; nothing has changed.
        """
        pod, container = (
            translate.optional_pod_facts(request),
            translate.updated_facts(request.container, request.linux_resources),
        )
        event = Update(pod, container, translate.has_ended(request.container))
        decision = self._decide("UpdateContainer", event, container.id)
        holding = self.keeper.ledger.holding(container.id)
        if request.linux_resources.cpu.cpus and holding is not None:
            self.rivals.note_update(holding.label, request.linux_resources.cpu.cpus)
        reply = messages.UpdateContainerResponse()
        if not self.keeper.dry_run:
            reply.update.extend(translate.update_messages(decision.updates))
            if decision.adjustment is not None:
                reply.update.append(
                    translate.self_update_message(container.id, decision.adjustment)
                )
        return reply

    def stop_container(
        self, request: messages.StopContainerRequest
    ) -> messages.StopContainerResponse:
        """Release a container that has stopped; others may grow in the same reply."""
        container_id = request.container.id
        decision = self._decide("StopContainer", Stop(container_id), container_id)
        reply = messages.StopContainerResponse()
        if not self.keeper.dry_run:
            reply.update.extend(translate.update_messages(decision.updates))
        return reply

    def state_change(
        self,
        event: Event,
        pod: messages.PodSandbox,
        container: messages.Container | None,
    ) -> None:
        """Take note of an event whose reply can carry no updates."""
        match event:
            case Event.REMOVE_CONTAINER if container is not None:
                self._decide("RemoveContainer", Remove(container.id), container.id)
            case Event.POST_START_CONTAINER if container is not None:
                facts = translate.pod_facts(pod) if pod.uid or pod.name else None
                seen = Seen(facts, translate.container_facts(container), Phase.RUNNING)
                self._decide("PostStartContainer", seen, container.id)
            case Event.STOP_POD_SANDBOX:
                self._decide("StopPodSandbox", PodStop(pod.id), pod.id)
            case Event.REMOVE_POD_SANDBOX:
                self._decide("RemovePodSandbox", PodRemove(pod.id), pod.id)
            case _:
                log.debug("Ignored event %s", event)

    def shutdown(self) -> None:
        """Take note that the runtime is about to end; the connection's end will follow."""
        log.info("The runtime says that it shuts down")

    def fault(self, method: nri.Method, error: Exception) -> None:
        """Log a defect of ours; the connection has answered the event and lives on."""
        log.error("A handler failed: %s", method.name, exc_info=error)

    def answered(self, method: nri.Method, took_s: float) -> None:
        """Count how long an answer took; warn if it came too near to the deadline."""
        self.latency.note(took_s)
        self.on_answered(method.name, took_s)
        if took_s >= self._slow_s:
            self.latency.slow += 1
            # The rest was spent before the handler, on the event loop, or on the messages.
            fields = {
                "event": method.name,
                "ms": round(took_s * 1000),
                "decide_ms": self._decided_us // 1000,
                "updates": self._updates,
                "containers": len(self.keeper.ledger),
            }
            log.warning("An answer took long %s", Fields(fields))

    def _decide(self, name: str, event: EngineEvent, subject: str) -> Decision:
        """Have an event decided; see `Keeper.decide`.

        Raises:
            nri.Refusal: The decision is a refusal (never in a dry run).
        """
        started_ns = time.perf_counter_ns()
        decision = self.keeper.decide(name, event, subject)
        self._decided_us, self._updates = us_since(started_ns), len(decision.updates)
        if decision.refusal is not None and not self.keeper.dry_run:
            raise nri.Refusal(str(decision.refusal))
        return decision


def _take_no_time(request: str, took_s: float) -> None:
    """Do nothing: nobody counts by request."""
