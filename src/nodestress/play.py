"""The test on a real node, step by step."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from nodesim.criteria import Evidence
from nodesim.workload import ContainerSpec, PodSpec, Resources, RestartPolicy
from nodestress import watch
from nodestress.figures import Result, answers_in, part_of
from nodestress.judge import Ground, cpus_of, judge
from nodestress.node import Node, NodeFailed
from nodestress.watch import AgentWatch, KernelWatch, Pings, Repeated
from nodestress.workload import Workload, check_fit, demands_of, has_room

RIGHT_WITHIN_S = 2.0
"""So long after a round all cpusets must be right, in seconds."""

ANSWER_S = 2.0
"""A runtime that takes longer for a plain call hangs, in seconds: a plugin that took as long
would be dropped."""

LIFE_MARGIN_S = 30.0
"""How long containers may take to start and to be seen to end, in seconds, beside their life."""

REMOVED = "Removing container"
"""The agent logs this for each container that is removed."""

LOST = "Not connected, trying again"
"""The agent logs this when its connection is lost."""

PROBE = PodSpec(
    "stress-probe",
    (ContainerSpec("probe", Resources(50, 100, 50 << 20, 100 << 20)),),
    restart_policy=RestartPolicy.NEVER,
)
"""A shared pod that lives as long as the test. Its first cpuset tells which cpus are in the
pool without the test's pods, whoever else is on the node."""


@dataclass(slots=True)
class Course:
    """How the test went.

    Attributes:
        created: How many pods were created.
        completed: How many ran to their own end.
        refused: How many attempts were refused that should have succeeded.
        waited: How many attempts were refused because there was no room for old and new pods.
        looks: How often something was looked at.
        unmet: What was not as expected.
        round_s: How long each round took, in seconds.
        right_s: How long after each round all cpusets were right, in seconds.
    """

    created: int = 0
    completed: int = 0
    refused: int = 0
    waited: int = 0
    looks: int = 0
    unmet: list[str] = field(default_factory=list)
    round_s: list[float] = field(default_factory=list)
    right_s: list[float] = field(default_factory=list)

    def expect(self, problem: str | None) -> None:
        """Take note of a look, and of what was wrong."""
        self.looks += 1
        if problem:
            self.unmet.append(problem)


def play(node: Node, workload: Workload, rounds: int, tell: Callable[[str], None]) -> Result:
    """Run the test, and remove its pods whatever happens.

    Args:
        node: The node.
        workload: The pods.
        rounds: How often the pods are deleted by force.
        tell: Called with what is being done, for people.

    Returns:
        What was seen, and what was measured.

    Raises:
        NodeFailed: The node cannot be used.
        WrongOptions: It cannot run the pods.
    """
    try:
        return _Test(node, workload, tell).run(rounds)
    finally:
        tell("Removing the test's pods")
        node.close()


class _Test:
    """One run of the test."""

    def __init__(self, node: Node, workload: Workload, tell: Callable[[str], None]) -> None:
        self._node = node
        self._workload = workload
        self._tell = tell
        self._course = Course()

    def run(self, rounds: int) -> Result:
        if not self._node.agent().identity:
            raise NodeFailed(self._node.name, "no agent is at work on this node")
        self._node.create([PROBE])
        self._course.created += 1
        ground = self._ground()
        check_fit(self._workload, ground.usable)
        kernel, agent, pings = (
            KernelWatch(self._node, ground),
            AgentWatch(self._node),
            Pings(self._node),
        )
        with ExitStack() as watching:
            for one, interval_s in (
                (kernel.look, self._node.look_s),
                (agent.look, watch.PING_S),
                (pings.look, watch.PING_S),
            ):
                watching.enter_context(Repeated(one, interval_s))
            try:
                self._complete(ground, kernel)
                self._storm(ground, kernel, rounds)
            except NodeFailed as error:
                self._course.expect(str(error))
        return self._result(kernel, agent, pings)

    def _ground(self) -> Ground:
        (probe,) = self._node.residents()
        found = self._node.read(probe)
        if found is None:
            raise NodeFailed(probe.label, "has no process, or its cpuset cannot be read")
        return Ground(cpus_of(found), self._node.memory_nodes)

    def _complete(self, ground: Ground, kernel: KernelWatch) -> None:
        """Let pods run to their own end."""
        pods = self._workload.completing
        self._tell(f"{len(pods)} pods run to their own end")
        self._create(pods, room=True)
        self._course.expect(self._wrong_after(ground, kernel))
        longest_s = max(one.life_s or 0.0 for pod in pods for one in pod.containers)
        problems = self._node.wait_completed(pods, longest_s + LIFE_MARGIN_S)
        self._course.completed = len(pods) - len(problems)
        for problem in problems or [""]:
            self._course.expect(problem)
        self._course.expect(self._wrong_after(ground, kernel))
        self._node.delete(pods)

    def _storm(self, ground: Ground, kernel: KernelWatch, rounds: int) -> None:
        """Delete pods by force and create them again, round after round."""
        pods = self._workload.deleted
        demands = demands_of(pods, ground.usable)
        room = has_room((*demands, *demands), ground.usable)
        self._create(pods, room=True)
        self._course.expect(self._wrong_after(ground, kernel))
        for number in range(1, rounds + 1):
            self._tell(
                f"round {number} of {rounds}: {len(pods)} pods deleted by force, created again"
            )
            began_s = time.monotonic()
            self._note(self._node.replace(pods), room=room)
            self._course.created += len(pods)
            self._course.round_s.append(time.monotonic() - began_s)
            self._course.expect(self._wrong_after(ground, kernel))
        self._node.delete([*pods, PROBE])
        left = [one.label for one in self._node.residents()]
        self._course.expect(f"left behind: {', '.join(left)}" if left else None)

    def _create(self, pods: tuple[PodSpec, ...], *, room: bool) -> None:
        self._note(self._node.create(pods), room=room)
        self._course.created += len(pods)

    def _note(self, refusals: list[str], *, room: bool) -> None:
        if not room:
            self._course.waited += len(refusals)
            return
        self._course.refused += len(refusals)
        for one in refusals:
            self._course.expect(one)

    def _wrong_after(self, ground: Ground, kernel: KernelWatch) -> str | None:
        """Wait until all cpusets are right; return what is wrong if they are not in time."""
        began_s = time.monotonic()
        while True:
            sight = watch.read(self._node)
            found = judge(sight, ground, at_rest=True) if sight is not None else ()
            now_s = time.monotonic()
            if sight is not None and not found:
                self._course.right_s.append(now_s - began_s)
                kernel.look()  # once for sure, however short the round was
                return None
            if now_s > began_s + RIGHT_WITHIN_S:
                wrong = "; ".join(one.text for one in found) or "cpusets never come to rest"
                return f"after {RIGHT_WITHIN_S:g} s: {wrong}"
            time.sleep(self._node.look_s)

    def _result(self, kernel: KernelWatch, agent: AgentWatch, pings: Pings) -> Result:
        course = self._course
        log = self._whole_log()
        slow = [took_s for took_s in pings.took_s if took_s > ANSWER_S]
        for problem in [
            *pings.failed,
            *(f"a call of the runtime took {one:.1f} s" for one in slow),
        ]:
            course.expect(problem)
        seen = Evidence(
            scope=f"{len(course.round_s):,} rounds",
            restarts=agent.restarts,
            disconnects=sum(LOST in line for line in log or ()),
            created=course.created,
            refused=course.refused,
            completed=course.completed,
            looks=course.looks,
            unmet=tuple(course.unmet),
            broken_rules=tuple(kernel.broken),
            failed_updates=None,
            changes=tuple(kernel.changes),
            log=log,
        )
        return Result(seen, self._measured(kernel, pings, log or ()))

    def _whole_log(self) -> tuple[str, ...] | None:
        """Return the agent's log when the last removal is in it, or after a while."""
        end_s = time.monotonic() + self._node.removal_s
        while True:
            log = self._node.agent_log()
            if log is None or time.monotonic() > end_s:
                return log
            if sum(REMOVED in line for line in log) >= self._course.created:
                return log
            time.sleep(self._node.look_s)

    def _measured(
        self, kernel: KernelWatch, pings: Pings, log: tuple[str, ...]
    ) -> tuple[tuple[str, str], ...]:
        course = self._course
        waited = f"; {course.waited} attempts had to wait for room" if course.waited else ""
        return (
            ("node", self._node.name),
            ("rounds", f"{len(course.round_s)}, {_spread(course.round_s, 's')} each{waited}"),
            ("right", f"{_spread(course.right_s, 's')} after a round"),
            ("overlap", f"{kernel.overlap_s:.3f} s in {kernel.looks:,} looks at the kernel"),
            ("runtime", f"{len(pings.took_s):,} calls, {_spread(pings.took_s, 's')} each"),
            ("agent", answers_in(log)),
        )


def _spread(values: list[float], unit: str) -> str:
    if not values:
        return "none"
    return f"half within {part_of(values, 0.5):.3f} {unit}, the slowest {max(values):.3f} {unit}"
