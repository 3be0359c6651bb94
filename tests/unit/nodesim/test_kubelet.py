"""A kubelet's order, its pauses, and its patience with a runtime that is away."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from nodesim import clock
from nodesim.actions import Fault, FaultKind
from nodesim.kubelet import CRASH_BACKOFF_S, MIN_GRACE_S, RETRY_S, Kubelet, PodPhase
from nodesim.observer import CriError
from nodesim.runtime import CREATE_S, SANDBOX_S, START_S, TASK_S
from nodesim.workload import ContainerKind, ContainerSpec, PodSpec, Resources, RestartPolicy
from tests.unit.nodesim.hosts import Host, host

KEY = "default/p"
STARTED_S = SANDBOX_S + CREATE_S + TASK_S + START_S
"""After so many seconds a pod of one container runs."""
SLACK_S = 0.1


@dataclass
class Watcher:
    """Who is told how pods are doing."""

    refusals: list[tuple[str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def refused(self, label: str, reason: str) -> None:
        """Write it down."""
        self.refusals.append((label, reason))

    def failed(self, label: str, reason: str) -> None:
        """Write it down."""
        del reason
        self.failures.append(label)

    def completed(self, key: str) -> None:
        """Write it down."""
        self.ended.append(key)


@dataclass
class Node:
    """A kubelet with its runtime."""

    kubelet: Kubelet
    here: Host
    watcher: Watcher

    @property
    def alive(self) -> list[str]:
        """Labels of the containers whose processes run, oldest first."""
        found = []
        for one in self.here.runtime.containers:
            cgroup = self.here.kernel.get(one.path)
            if cgroup is not None and cgroup.processes:
                found.append(one.label)
        return found

    def heard(self, event: str) -> int:
        """Return how often the plugin heard of an event."""
        return sum(1 for line in self.here.plugin.heard if line.startswith(event))

    async def until(self, phase: PodPhase, key: str = KEY, patience_s: float = 60.0) -> float:
        """Wait until a pod has come so far; return the time."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(patience_s):
            while self.kubelet.phase(key) is not phase:
                await asyncio.sleep(0.005)
        return loop.time()

    async def started(self) -> None:
        """Wait until the pod's processes run."""
        await self.until(PodPhase.RUNNING)


@contextlib.asynccontextmanager
async def node(kind: str = "containerd-2.1") -> AsyncIterator[Node]:
    """Start a runtime with a plugin, and a kubelet."""
    async with host(kind) as here:
        watcher = Watcher()
        kubelet = Kubelet(here.runtime, watcher)
        here.notes.on_noticed = lambda one: kubelet.exited(
            one.sandbox.spec.uid, one.id, one.exit_code
        )
        try:
            yield Node(kubelet, here, watcher)
        finally:
            kubelet.close()
            await asyncio.sleep(0)


def pod(*containers: ContainerSpec, policy: RestartPolicy = RestartPolicy.ALWAYS) -> PodSpec:
    """Return a pod."""
    return PodSpec("p", containers or (ContainerSpec("c"),), restart_policy=policy, grace_s=5.0)


def ends(after_s: float, code: int = 0) -> ContainerSpec:
    """Return a container that ends by itself."""
    return ContainerSpec("c", life_s=after_s, exit_code=code)


def test_pod_runs_once_its_containers_do() -> None:
    """It is pending while the runtime still starts one."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod())
            while not one.alive:
                assert one.kubelet.phase(KEY) is PodPhase.PENDING
                await asyncio.sleep(TASK_S / 10)
            await one.until(PodPhase.RUNNING, patience_s=START_S + SLACK_S)

    clock.run(main())


# ---- restarts ----


@pytest.mark.parametrize(
    ("policy", "code", "phase", "starts"),
    [
        (RestartPolicy.NEVER, 0, PodPhase.COMPLETED, 1),
        (RestartPolicy.NEVER, 3, PodPhase.FAILED, 1),
        (RestartPolicy.ON_FAILURE, 0, PodPhase.COMPLETED, 1),
        (RestartPolicy.ON_FAILURE, 3, PodPhase.PENDING, 2),
        (RestartPolicy.ALWAYS, 0, PodPhase.PENDING, 2),
        (RestartPolicy.ALWAYS, 3, PodPhase.PENDING, 2),
    ],
)
def test_the_policy_says_who_is_started_again(
    policy: RestartPolicy, code: int, phase: PodPhase, starts: int
) -> None:
    """By how the container ended; a pod that has come to its end stays there."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(ends(1.0, code), policy=policy))
            await asyncio.sleep(CRASH_BACKOFF_S[0] + 3.0)
            assert one.kubelet.phase(KEY) is phase
            assert one.heard("START ") == starts
            assert one.watcher.ended == [KEY] * (phase is PodPhase.COMPLETED)

    clock.run(main())


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    """As a kubelet's crash loop back-off: 10 s, 20 s, 40 s ... 300 s."""

    async def main() -> list[float]:
        async with node() as one:
            starts: list[float] = []
            one.here.plugin.on_create = lambda: starts.append(asyncio.get_running_loop().time())
            one.kubelet.apply(pod(ends(1.0, 1)))
            await asyncio.sleep(1500)
            return [after - before for before, after in itertools.pairwise(starts)]

    gaps = clock.run(main())
    first_s, longest_s = CRASH_BACKOFF_S
    wanted = [min(longest_s, first_s * 2**number) for number in range(len(gaps))]
    assert wanted[-2:] == [longest_s, longest_s]
    for gap, pause_s in zip(gaps, wanted, strict=True):
        assert pause_s + 1.0 <= gap < pause_s + 1.0 + 2 * SLACK_S


# ---- order ----


def test_init_containers_and_sidecars_start_one_after_the_other() -> None:
    """A sidecar stays and lets the next one pass, an init container must end first."""
    containers = (
        ContainerSpec("side", kind=ContainerKind.SIDECAR),
        ContainerSpec("init", kind=ContainerKind.INIT, life_s=2.0),
        ContainerSpec("a"),
        ContainerSpec("b"),
    )

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(*containers))
            await asyncio.sleep(1.0)
            assert one.alive == [f"{KEY}/side", f"{KEY}/init"]
            assert one.kubelet.phase(KEY) is PodPhase.PENDING
            await one.started()
            assert one.alive == [f"{KEY}/{name}" for name in ("side", "a", "b")]

    clock.run(main())


def test_a_failed_init_container_holds_up_the_others() -> None:
    """It is tried again, unless the pod is never restarted."""
    containers = (
        ContainerSpec("init", kind=ContainerKind.INIT, life_s=0.5, exit_code=1),
        ContainerSpec("a"),
    )

    async def main(policy: RestartPolicy) -> int:
        async with node() as one:
            one.kubelet.apply(pod(*containers, policy=policy))
            await asyncio.sleep(15)
            assert f"{KEY}/a" not in one.alive
            return one.heard("START ")

    assert clock.run(main(RestartPolicy.ALWAYS)) == 2
    assert clock.run(main(RestartPolicy.ON_FAILURE)) == 2
    assert clock.run(main(RestartPolicy.NEVER)) == 1


def test_a_sidecar_ends_with_the_last_app_container() -> None:
    """The pod completes although the sidecar would run for ever."""
    containers = (ContainerSpec("side", kind=ContainerKind.SIDECAR), ends(1.0))

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(*containers, policy=RestartPolicy.NEVER))
            await one.until(PodPhase.COMPLETED)
            await asyncio.sleep(MIN_GRACE_S + SLACK_S)
            assert one.alive == []
            await asyncio.sleep(60)
            assert one.heard("START ") == 2

    clock.run(main())


# ---- refusals and failures ----


def test_a_refused_container_is_tried_again_after_a_while() -> None:
    """The pod says so until the agent lets it in."""

    async def main() -> None:
        async with node() as one:
            one.here.plugin.refuse = True
            one.kubelet.apply(pod())
            await asyncio.sleep(RETRY_S * 2.5)
            assert one.kubelet.phase(KEY) is PodPhase.REFUSED
            assert [label for label, _ in one.watcher.refusals] == [f"{KEY}/c"] * 3
            assert "no room" in one.watcher.refusals[0][1]
            one.here.plugin.refuse = False
            await one.until(PodPhase.RUNNING, patience_s=RETRY_S + SLACK_S)

    clock.run(main())


@pytest.mark.parametrize("kind", [FaultKind.FAIL_CREATE, FaultKind.FAIL_START])
def test_what_the_runtime_fails_to_do_is_tried_again(kind: FaultKind) -> None:
    """That is no refusal; at the end nothing of the failed attempt is left."""

    async def main() -> None:
        async with node() as one:
            one.here.faults.arm(Fault(kind, count=2))
            one.kubelet.apply(pod())
            await asyncio.sleep(RETRY_S)
            assert one.kubelet.phase(KEY) is PodPhase.PENDING
            assert one.watcher.refusals == []
            await one.started()
            assert len(one.watcher.failures) == 2
            await gone(one)

    clock.run(main())


async def gone(one: Node) -> None:
    """Delete the pod, and see that nothing is left of it."""
    one.kubelet.delete(KEY, 0.0, force=False)
    await one.until(PodPhase.GONE)
    await asyncio.sleep(0)  # the end of its worker is noticed in the next turn of the loop
    assert_nothing_left(one)


def assert_nothing_left(one: Node) -> None:
    """See that nothing is left of any pod."""
    assert not list(one.here.runtime.containers)
    assert not list(one.here.runtime.sandboxes)
    assert one.here.kernel.paths == ()
    assert not one.kubelet.is_ending
    assert one.kubelet.is_idle


# ---- deletions ----


@pytest.mark.parametrize(
    ("grace_s", "force", "takes_s"),
    [(None, False, 5.0), (8.0, False, 8.0), (0.0, False, MIN_GRACE_S), (0.0, True, MIN_GRACE_S)],
)
def test_a_container_that_ignores_its_end_has_its_grace(
    grace_s: float | None, force: bool, takes_s: float
) -> None:
    """The pod's own, the deletion's, and never less than a kubelet gives."""

    async def main() -> float:
        async with node() as one:
            one.kubelet.apply(pod())
            await one.started()
            before_s = asyncio.get_running_loop().time()
            one.kubelet.delete(KEY, grace_s, force=force)
            assert one.kubelet.phase(KEY) is (PodPhase.GONE if force else PodPhase.TERMINATING)
            while not one.kubelet.is_idle:
                await asyncio.sleep(0.01)
            assert_nothing_left(one)
            return asyncio.get_running_loop().time() - before_s

    assert takes_s <= clock.run(main()) < takes_s + SLACK_S


def test_a_container_that_heeds_its_end_needs_no_grace() -> None:
    """It ends at once."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(ContainerSpec("c", heeds_term=True)))
            await one.started()
            one.kubelet.delete(KEY, 30.0, force=False)
            await one.until(PodPhase.GONE, patience_s=SLACK_S)

    clock.run(main())


def test_the_name_of_a_pod_deleted_by_force_can_be_used_at_once() -> None:
    """Both live for a while; each has a uid of its own, and the old one goes alone."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod())
            await one.started()
            one.kubelet.delete(KEY, 0.0, force=True)
            one.kubelet.apply(pod())
            await one.started()
            assert one.alive == [f"{KEY}/c", f"{KEY}/c"]
            assert len({box.spec.uid for box in one.here.runtime.sandboxes}) == 2
            assert one.kubelet.is_ending
            await asyncio.sleep(MIN_GRACE_S + SLACK_S)
            assert one.alive == [f"{KEY}/c"]
            assert one.kubelet.phase(KEY) is PodPhase.RUNNING
            assert not one.kubelet.is_ending
            assert one.kubelet.created == 2
            await gone(one)

    clock.run(main())


def test_a_pod_whose_name_is_taken_is_not_created() -> None:
    """Also while the old one of that name ends."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod())
            one.kubelet.apply(pod())
            await one.started()
            one.kubelet.delete(KEY, None, force=False)
            one.kubelet.apply(pod())
            await one.until(PodPhase.GONE)
            one.kubelet.delete(KEY, None, force=False)
            assert one.kubelet.created == 1
            assert one.kubelet.pods == ()

    clock.run(main())


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.102, 0.12, 0.158, 0.17])
def test_a_pod_can_be_deleted_at_any_moment_of_its_beginning(after_s: float) -> None:
    """Before its sandbox, between its calls and within them."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod())
            await asyncio.sleep(after_s)
            await gone(one)

    clock.run(main())


# ---- resizes ----

WHOLE = Resources(1000, 1000, 1 << 20, 1 << 20)


def test_a_resize_is_kept_for_the_next_start() -> None:
    """The kubelet's specification of the container has changed."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(dataclasses.replace(ends(5.0), resources=WHOLE)))
            await one.started()
            more = dataclasses.replace(WHOLE, cpu_request_m=2000, cpu_limit_m=2000)
            await one.kubelet.resize(KEY, "c", more)
            await asyncio.sleep(20)
            assert [box.spec.resources for box in one.here.runtime.containers][-1] == more
            assert one.heard("UPDATE ") == 1

    clock.run(main())


@pytest.mark.parametrize(
    ("key", "name", "resources", "why"),
    [
        ("default/other", "c", WHOLE, "is not there"),
        (KEY, "other", WHOLE, "does not run"),
        (KEY, "c", Resources(500, 1000, 1 << 20, 1 << 20), "quality of service"),
    ],
)
def test_a_resize_that_cannot_be_is_refused(
    key: str, name: str, resources: Resources, why: str
) -> None:
    """Before the runtime hears of it."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(ContainerSpec("c", WHOLE)))
            await one.started()
            with pytest.raises(CriError, match=why):
                await one.kubelet.resize(key, name, resources)
            assert one.heard("UPDATE ") == 0

    clock.run(main())


# ---- a runtime that is away ----


@pytest.mark.parametrize("kind", ["containerd-1.7", "containerd-2.4"])
def test_a_restart_of_the_runtime_in_any_moment_of_a_life_leaves_nothing(kind: str) -> None:
    """Cut after every 7 ms from the creation of a pod to its end, each time it goes on."""

    async def life(cut_s: float) -> float:
        async with node(kind) as one:
            loop = asyncio.get_running_loop()
            begin_s = loop.time()
            loop.call_at(begin_s + cut_s, one.here.runtime.stop)
            loop.call_at(begin_s + cut_s + 0.5, one.here.runtime.start)
            one.kubelet.apply(pod(ContainerSpec("c", heeds_term=True)))
            await one.until(PodPhase.RUNNING, patience_s=20)
            await asyncio.sleep(SLACK_S)
            await gone(one)
            await asyncio.sleep(1.0)
            assert not one.here.runtime.is_busy
            return loop.time() - begin_s - 1.0

    whole_s = clock.run(life(1000.0))
    step_s = 0.007
    for number in range(int(whole_s / step_s)):
        clock.run(life(number * step_s))


def test_a_container_that_ended_while_the_runtime_was_away_is_noticed() -> None:
    """When the runtime is back; the pause counts from then on."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod(ends(3.0), policy=RestartPolicy.NEVER))
            await one.started()
            one.here.runtime.stop()
            await asyncio.sleep(10)
            assert one.kubelet.phase(KEY) is PodPhase.RUNNING
            one.here.runtime.start()
            await one.until(PodPhase.COMPLETED, patience_s=SLACK_S)

    clock.run(main())


def test_a_closed_kubelet_does_nothing_more() -> None:
    """Its pods stay where they are."""

    async def main() -> None:
        async with node() as one:
            one.kubelet.apply(pod())
            await one.started()
            one.kubelet.close()
            await asyncio.sleep(60)
            assert one.alive == [f"{KEY}/c"]
            assert one.kubelet.is_idle

    clock.run(main())
