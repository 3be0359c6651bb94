"""`make demo`: the real agent on a simulated node of 32 cpus, in a terminal.

The agent is the installed program in a process of its own. It reads the machine from files
and meets a small runtime at a unix socket, so what is shown is what it does on a node.
"""

import asyncio
import dataclasses
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

import nri
from nodesim import picture
from nodesim.machine import Machine, grid, write_sysfs
from nodesim.node import Node, Pod, accept_plugin
from weka_cpuset.engine import CORES_ANNOTATION, FORBID_ANNOTATION

MACHINE = grid("2x8-smt2", packages=2, cores=8, threads=2)

STORM = tuple(Pod(f"storm-{number}", 1000) for number in range(12))

DEADLINE_S = 60.0
"""The whole demo, in seconds; it takes about two."""


class AgentEnded(Exception):
    """The agent's process ended before it was asked to.

    Args:
        code: Its exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the agent ended by itself with exit code {self.code}"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of the demo: what happens, what to look at."""

    title: str
    remark: str
    act: Callable[[Node, Console], Awaitable[None]]


def _create(*pods: Pod) -> Callable[[Node, Console], Awaitable[None]]:
    async def act(node: Node, console: Console) -> None:
        for pod in pods:
            try:
                await node.create(pod)
            except nri.StatusError as refusal:
                console.print(f"  refused {pod.name}: {refusal.message}", style="yellow")

    return act


def _delete(*names: str) -> Callable[[Node, Console], Awaitable[None]]:
    async def act(node: Node, console: Console) -> None:  # noqa: ARG001  # all steps are alike
        await node.delete_all(names)

    return act


async def _storm(node: Node, console: Console) -> None:
    started_s = time.monotonic()
    rounds = 50
    for _ in range(rounds):
        for pod in STORM:
            await node.create(pod)
        await node.delete_all([pod.name for pod in STORM])
    events = rounds * len(STORM) * 6
    console.print(
        f"  {rounds} rounds of {len(STORM)} pods: {events:,} events answered "
        f"in {time.monotonic() - started_s:.1f} s by the same agent process"
    )


STEPS = (
    Step(
        "Two ordinary pods",
        "Shared: both may use the whole machine.",
        _create(Pod("web", 500, guaranteed=False), Pod("logs", 100, guaranteed=False)),
    ),
    Step(
        "Two Guaranteed pods that ask for 2 and 3 whole cpus",
        "Each gets cpus of its own, whole cores first; the shared ones made room before.",
        _create(Pod("database", 2000), Pod("cache", 3000)),
    ),
    Step(
        "A storage pod that names its cpus",
        "It gets 0-1,16. The pods that were there have been moved, in the same reply.",
        _create(Pod("storage", 100, guaranteed=False, annotations={CORES_ANNOTATION: "0-1,16"})),
    ),
    Step(
        "A pod that must keep off the second socket, and two that cannot be had",
        "A refusal says what is wrong, and nothing else changes.",
        _create(
            Pod("local", 2000, annotations={FORBID_ANNOTATION: "8-15,24-31"}),
            Pod("wrong", 100, guaranteed=False, annotations={CORES_ANNOTATION: "7-99"}),
            Pod("greedy", 64_000),
        ),
    ),
    Step(
        "The database and the storage pod end",
        "Their cpus go back to the pool.",
        _delete("database", "storage"),
    ),
    Step("A storm of pods created and force-deleted together", "Nothing is left behind.", _storm),
)


async def play(console: Console, machine: Machine) -> None:
    """Start the agent, play all steps and show the node after each.

    Raises:
        TimeoutError: The agent did not keep up.
        AgentEnded: The agent ended by itself.
    """
    with tempfile.TemporaryDirectory(prefix="weka-cpuset-demo-") as folder:
        root = Path(folder)
        write_sysfs(machine, root / "sys")
        agent = await _start_agent(root)
        try:
            async with asyncio.timeout(DEADLINE_S):
                node = await accept_plugin(
                    root / "nri.sock", machine, nri.RuntimeSettings(name="demo")
                )
                await _play_steps(node, console)
            if agent.returncode is not None:
                raise AgentEnded(agent.returncode)
        finally:
            if agent.returncode is None:
                agent.terminate()
            code = await agent.wait()
        log = (root / "agent.log").read_text().splitlines()
    console.rule("What the agent logged, a few lines")
    for line in (log[2], *(line for line in log if "WARNING" in line), *log[-2:]):
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    console.print(f"\nThe agent was asked to stop and ended with exit code {code}.")


async def _start_agent(root: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "weka_cpuset.cli", "run"),
        *("--socket", str(root / "nri.sock")),
        *("--sysfs", str(root / "sys")),
        *("--log-file", str(root / "agent.log")),
    )


async def _play_steps(node: Node, console: Console) -> None:
    console.print(picture.legend())
    for number, step in enumerate(STEPS, start=1):
        console.rule(f"{number}. {step.title}", align="left")
        await step.act(node, console)
        console.print(picture.node_map(node.machine, node.cpusets, node.pods))
        console.print(step.remark, style="italic")


def main() -> None:
    """Play the demo in the terminal."""
    asyncio.run(play(Console(), MACHINE))


if __name__ == "__main__":
    main()
