"""The processes of a node, as far as they matter: runtime, kubelet, agents, rivals.

Source: proc(5) for `/proc/PID/cmdline`, which everybody may read unless the file system
is mounted with `hidepid`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath

from weka_cpuset.check import files
from weka_cpuset.check.facts import NotReadable, Programs, RuntimeKind

_AGENT = re.compile(r"([0-9]{2}-)?weka-cpuset")


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its number and its command line."""

    pid: int
    arguments: tuple[str, ...]

    @property
    def program(self) -> str:
        """The base name of the program."""
        return PurePath(self.arguments[0]).name


def read_processes(proc: Path) -> tuple[Process, ...]:
    """Return the processes that have a command line, by number.

    Args:
        proc: Where procfs is mounted.

    Raises:
        NotReadable: The folder is missing or shows no process.
    """
    pids = sorted(int(name) for name in files.list_names(proc) if name.isdecimal())
    if not pids:
        raise NotReadable(proc, "shows no process")
    found = []
    for pid in pids:
        try:
            words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended since
            continue
        # A process may overwrite its command line: what is no text is shown as such.
        arguments = tuple(word.decode(errors="replace") for word in words)
        if arguments[0]:
            found.append(Process(pid, arguments[:-1] or arguments))
    return tuple(found)


def find_runtime(processes: Sequence[Process]) -> Process | None:
    """Return the first process that is a container runtime with NRI."""
    return next((one for one in processes if one.program in set(RuntimeKind)), None)


def find_kubelet(processes: Sequence[Process]) -> Process | None:
    """Return the first kubelet."""
    return next((one for one in processes if one.program == "kubelet"), None)


def option(process: Process, *names: str) -> str | None:
    """Return the value of an option on a command line, or None if it is not given.

    Args:
        process: The process.
        names: The option's names, such as "--config" and "-c".
    """
    for argument, after in pairwise([*process.arguments, ""]):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else after or None
    return None


def find_programs(processes: Sequence[Process], sets_cpusets: Callable[[str], bool]) -> Programs:
    """Return the agents and their rivals among the processes.

    Args:
        processes: All processes.
        sets_cpusets: Tells whether a program of a name sets cpusets.

    Raises:
        NotReadable: Neither a runtime nor kubelet is in sight, so others may be hidden too.
    """
    if find_runtime(processes) is None and find_kubelet(processes) is None:
        raise NotReadable(
            "processes",
            "no runtime and no kubelet is in sight",
            "run in the host's pid name space",
        )
    return Programs(
        agents=sum(map(is_agent, processes)),
        rivals=tuple(sorted({one.program for one in processes if sets_cpusets(one.program)})),
    )


def is_agent(process: Process) -> bool:
    """Tell whether a process is an agent at work, and not another command of it.

    Args:
        process: The process.
    """
    # A script's command line begins with its interpreter.
    for position, word in enumerate(process.arguments[:2]):
        if _AGENT.fullmatch(PurePath(word).name):
            after = process.arguments[position + 1 :]
            return not after or after[0] == "run" or after[0].startswith("-")
    return False
