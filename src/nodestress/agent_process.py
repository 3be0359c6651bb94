"""The agent as a process of this computer: which one it is, and what it logs."""

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Protocol

from nodesim.plan import WrongOptions
from nodestress.node import AgentState
from weka_cpuset.check.processes import is_agent, read_processes

START_FIELD = 22
"""The field of /proc/PID/stat with the time at which the process began (proc(5)), from 1."""

_JOURNAL = re.compile(r"socket:\[[0-9]+\]")


class Lines(Protocol):
    """Where the agent's log is read."""

    def read(self) -> tuple[str, ...] | None:
        """Return the lines since the test began; None: they cannot be read."""


class FileLines:
    """The log in a file.

    Args:
        file: The file; what is in it now is of the time before the test.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._offset = file.stat().st_size
        except OSError as error:
            raise WrongOptions(
                f"{file} cannot be read: {error.strerror}", "name the agent's log with --agent-log"
            ) from error

    def read(self) -> tuple[str, ...] | None:
        """Return the lines since the test began; None: they cannot be read."""
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._offset)
                return tuple(stream.read().decode(errors="replace").splitlines())
        except OSError:
            return None


class JournalLines:
    """The log in systemd's journal.

    Args:
        program: Where `journalctl` is.
        pid: The agent's process.
    """

    def __init__(self, program: str, pid: int) -> None:
        self._command = [program, f"_PID={pid}", "--output=cat", f"--since=@{time.time():.0f}"]

    def read(self) -> tuple[str, ...] | None:
        """Return the lines since the test began; None: they cannot be read."""
        # The program was found in PATH, and the arguments are numbers.
        done = subprocess.run(self._command, capture_output=True, text=True, check=False)  # noqa: S603
        return tuple(done.stdout.splitlines()) if done.returncode == 0 else None


class NoLines:
    """The log is where it cannot be read."""

    def read(self) -> tuple[str, ...] | None:
        """Return None: there is nothing to be read."""
        return None


class AgentProcess:
    """The agent that runs on this computer.

    Args:
        pid: Its process; None: the only one there is.
        log: Its log; None: where its standard error goes.
        proc: Where procfs is mounted.

    Raises:
        WrongOptions: There is none, or several, or the log cannot be read.
    """

    def __init__(self, pid: int | None, log: Path | None, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._pid = pid
        self._lines = FileLines(log) if log is not None else self._find_lines(self._find())

    def state(self) -> AgentState:
        """Return which agent is at work."""
        try:
            pid = self._find()
            stat = (self._proc / str(pid) / "stat").read_text()
        except (WrongOptions, OSError):
            return AgentState("")
        # The second field is the program's name, which may have blanks and brackets in it.
        fields = stat[stat.rindex(")") + 2 :].split()
        return (
            AgentState(f"{pid} {fields[START_FIELD - 3]}") if fields[0] != "Z" else AgentState("")
        )

    def log(self) -> tuple[str, ...] | None:
        """Return what the agent has logged since the test began; None: it cannot be read."""
        return self._lines.read()

    def _find(self) -> int:
        if self._pid is not None:
            return self._pid
        pids = [one.pid for one in read_processes(self._proc) if is_agent(one)]
        if len(pids) != 1:
            raise WrongOptions(
                f"{len(pids)} agents run on this node", "name the one to watch with --agent-pid"
            )
        return pids[0]

    def _find_lines(self, pid: int) -> Lines:
        try:
            target = str((self._proc / str(pid) / "fd" / "2").readlink())
        except OSError:
            return NoLines()
        if Path(target).is_file():
            return FileLines(Path(target))
        journalctl = shutil.which("journalctl")
        if _JOURNAL.fullmatch(target) and journalctl is not None:
            return JournalLines(journalctl, pid)
        return NoLines()
