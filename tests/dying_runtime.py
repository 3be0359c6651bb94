"""A runtime as a process of its own that is killed at a chosen point, and what outlives it.

`python -m tests.dying_runtime FOLDER POINT` takes the agent in at the socket in FOLDER, brings two
pods to it, and ends itself with SIGKILL. Its containers live on in a tree of cgroup files, as they
do below shims, and its successor finds them on record (`successor`).
"""

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import NoReturn

from google.protobuf.message import Message

import nri
from nodesim.machines import grid
from nri import messages
from tests.small_runtime import NoCallbacks, Node, Pod
from weka_cpuset.engine import CpuSet

MACHINE = grid("2x4-smt2", packages=2, cores=4, threads=2)

SHARED = Pod("shared", 100, guaranteed=False)
INTEGER = Pod("integer", 2000)

POINTS = (
    "before register",
    "in Synchronize",
    "in CreateContainer, before it has read the reply",
    "in CreateContainer, before it has applied the reply",
    "in StopContainer",
    "before settling",
    "while settling",
)

LOOK_S = 0.01
"""How often the agent's log is looked at, in seconds."""


class Tree:
    """The cgroup files of a node's containers, in place of the kernel's.

    Args:
        root: A folder for them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, cgroup: str) -> Path:
        """Return the file with a container's cpus."""
        return self.root / cgroup.lstrip("/") / "cpuset.cpus"

    def set(self, cgroup: str, cpus: CpuSet) -> None:
        """Let a container run on these cpus; make its cgroup if there is none."""
        file = self.file(cgroup)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{cpus}\n")
        (file.parent / "cpuset.mems").write_text("0-1\n")
        (file.parent / "cgroup.events").write_text("populated 1\n")


class Callbacks(NoCallbacks):
    """Answers the agent's updates outside of replies by doing them.

    Attributes:
        node: The node that they are for.
    """

    node: "TreeNode"

    def update_containers(
        self, request: messages.UpdateContainersRequest
    ) -> "messages.UpdateContainersResponse | asyncio.Future[Message]":
        """Do what the agent asks for."""
        self.node._apply(request.update)
        return messages.UpdateContainersResponse()


class DyingCallbacks(Callbacks):
    """Ends the runtime when the agent asks for updates."""

    def update_containers(
        self,
        request: messages.UpdateContainersRequest,  # noqa: ARG002  # not read any more
    ) -> "messages.UpdateContainersResponse | asyncio.Future[Message]":
        """End."""
        die()


class TreeNode(Node):
    """A node whose containers have cgroup files, which the agent may write too.

    Args:
        link: The plugin's connection; registered, not yet synchronized.
        tree: The cgroup files.

    Attributes:
        dies_before_applying: Whether the runtime ends when it has read the next reply.
    """

    def __init__(self, link: nri.PluginLink, tree: Tree) -> None:
        super().__init__(MACHINE, link)
        self.dies_before_applying = False
        self._tree = tree

    async def delete(self, name: str) -> None:
        """Stop and remove a pod; its cgroup goes first, as the kernel does it."""
        shutil.rmtree(self.file(name).parent)
        await super().delete(name)

    def file(self, name: str) -> Path:
        """Return the file with the cpus of a pod's container."""
        return self._tree.file(self._container_message(name).linux.cgroups_path)

    def enforced(self, name: str) -> CpuSet:
        """Return the cpus that a pod's container really has."""
        return CpuSet.parse(self.file(name).read_text().strip())

    def save(self, folder: Path, *, without: Iterable[str] = ()) -> None:
        """Put on record what a successor finds."""
        left = {name: ids for name, ids in self._ids.items() if name not in without}
        record = {name: [*ids, str(self.cpusets[name])] for name, ids in left.items()}
        (folder / "record.json").write_text(json.dumps(record))

    def load(self, folder: Path) -> None:
        """Take over what a predecessor has on record."""
        if not (folder / "record.json").exists():
            return
        for name, (pod, container, cpus) in json.loads(
            (folder / "record.json").read_text()
        ).items():
            pods = (SHARED, INTEGER)
            self._pods[name] = next(
                (one for one in pods if one.name == name), dataclasses.replace(SHARED, name=name)
            )
            self._ids[name] = pod, container
            self.cpusets[name] = CpuSet.parse(cpus)
            next(self._numbers)

    def _apply(self, updates: Iterable[messages.ContainerUpdate]) -> None:
        if self.dies_before_applying:
            die()
        super()._apply(updates)

    def _record(self, name: str, cpus: str) -> None:
        super()._record(name, cpus)
        self._tree.set(self._container_message(name).linux.cgroups_path, self.cpusets[name])


async def successor(
    listener: socket.socket, folder: Path, callbacks: Callbacks | None = None
) -> TreeNode:
    """Take the agent in, and tell it of what is on record.

    Args:
        listener: Where the agent connects.
        folder: Where the record and the cgroup files are.
        callbacks: What becomes of the agent's updates outside of replies.
    """
    callbacks = callbacks or Callbacks()
    accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
    link = await nri.PluginLink.accept(accepted, callbacks, nri.RuntimeSettings(name="test"))
    node = callbacks.node = TreeNode(link, Tree(folder / "cgroup"))
    node.load(folder)
    await node.synchronize()
    return node


def die() -> NoReturn:
    """End this process as the kernel's last resort does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be survived")


async def _live(folder: Path, point: str) -> None:
    """Be a runtime until the point has come."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(0)
        listener.bind(str(folder / "nri" / "nri.sock"))
        listener.listen()
        if point == "before register":
            await asyncio.get_running_loop().sock_accept(listener)
            die()
        node = await successor(listener, folder, DyingCallbacks())
        await node.create(SHARED)
        await node.create(INTEGER)
        node.save(folder)
        match point:
            case "in Synchronize":
                await _die_in(node.synchronize(), folder, "Synchronize")
            case "in CreateContainer, before it has read the reply":
                await _die_in(node.create(Pod("new", 1000)), folder, "CreateContainer")
            case "in CreateContainer, before it has applied the reply":
                node.dies_before_applying = True
                await node.create(Pod("new", 1000))
        node.save(folder, without=[INTEGER.name])
        match point:
            case "in StopContainer":
                await _die_in(node.delete(INTEGER.name), folder, "StopContainer")
            case "before settling":
                await node.delete(INTEGER.name)
                die()
            case "while settling":
                await node.delete(INTEGER.name)
                await asyncio.Event().wait()  # until the agent asks for updates


async def _die_in(request: Coroutine[None, None, None], folder: Path, event: str) -> None:
    """Send a request, let the agent decide it, and end without a look at its reply."""
    seen = _seen(folder, event)
    sending = asyncio.create_task(request)
    await asyncio.sleep(0)
    while _seen(folder, event) == seen:
        time.sleep(LOOK_S)  # nothing else may run: it would read the reply
    sending.cancel()
    die()


def _seen(folder: Path, event: str) -> int:
    """Count the agent's log lines of an event."""
    return (folder / "agent.log").read_text().count(f'"event":"{event}"')


if __name__ == "__main__":
    asyncio.run(_live(Path(sys.argv[1]), sys.argv[2]))
