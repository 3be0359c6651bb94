"""The agent as a process of a simulated host: the real one, on the simulation's clock."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from random import Random

import nri
from nodesim.kernel import Kernel
from weka_cpuset.daemon import Agent, Host
from weka_cpuset.engine import Ledger, Topology
from weka_cpuset.offload import at_once
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import Recorder
from weka_cpuset.record.sink import open_file
from weka_cpuset.settings import Settings
from weka_cpuset.systemd import Notifier
from weka_cpuset.usable import Usable

RESTART_S = 1.0
"""An agent that ended by itself is started again after so many seconds."""


class AgentProcess:
    """Starts the agent, ends it, and notices when it ends by itself.

    Args:
        settings: The agent's settings.
        read_topology: What it reads of the machine.
        kernel: What it sees of cgroups, and which cpus are online.
        on_end: Called with the reason when it ended by itself.

    Attributes:
        ends: How often it ended by itself.
    """

    def __init__(
        self,
        settings: Settings,
        read_topology: Callable[[], Topology],
        kernel: Kernel,
        on_end: Callable[[str], None],
    ) -> None:
        self.ends = 0
        self._settings = settings
        # The agent's jitter is part of the simulation: the same each time.
        draw = Random(0).random  # noqa: S311  # jitter
        self._host = Host(
            read_topology,
            lambda: Usable(kernel.online, read_topology().memory),
            kernel,
            kernel.containers,
            draw=draw,
            offload=at_once,
            clock=_simulated_s,
            now_s=_simulated_s,
        )
        self._on_end = on_end
        self._agent: Agent | None = None
        self._last: Ledger | None = None
        self._recording: RecordFile | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def agent(self) -> Agent | None:
        """The agent that runs, or None."""
        return self._agent

    @property
    def ledger(self) -> Ledger | None:
        """What the agent knows; as long as it knows of nobody, what the last one knew."""
        ledger = None if self._agent is None else self._agent.keeper.ledger
        return ledger if ledger is not None and len(ledger) > 0 else self._last

    def start(self) -> None:
        """Start the agent, if it does not run."""
        if self._task is not None:
            return
        endpoint = nri.SocketEndpoint(str(self._settings.nri.socket))
        self._agent = Agent(self._settings, endpoint, self._host, Notifier({}), self._recorder())
        self._task = asyncio.create_task(self._agent.work(), name="agent")
        self._task.add_done_callback(self._ended)

    async def end(self) -> None:
        """End the agent; its memory is lost."""
        self._last = self.ledger
        task, self._task, self._agent = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._close_recording()

    def _recorder(self) -> Recorder | None:
        """Return a recorder on the simulation's clock, if the settings ask for one.

        Nobody waits in a simulation, so it writes at once: the same seed, the same file.
        """
        if not self._settings.record.file:
            return None
        self._recording = open_file(self._settings)
        return Recorder(self._recording, asyncio.get_running_loop().time)

    def _close_recording(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task is not self._task:
            return
        self._last = self.ledger
        self._task = self._agent = None
        self._close_recording()
        self.ends += 1
        error = None if task.cancelled() else task.exception()
        self._on_end(f"{type(error).__name__}: {error}" if error else "without an error")
        asyncio.get_running_loop().call_later(RESTART_S, self.start)


def _simulated_s() -> float:
    """Return the simulated time, in seconds since the simulation's start."""
    return asyncio.get_running_loop().time()


class LogLines(logging.Handler):
    """Keeps the agent's log lines of a simulation, with simulated times.

    Args:
        now: Returns the simulated time in seconds.
        capacity: How many lines are kept; the oldest give way.
    """

    def __init__(self, now: Callable[[], float], capacity: int = 100_000) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._now = now
        self._capacity = capacity

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if len(self.lines) == self._capacity:
            del self.lines[: self._capacity // 2]
        text = f"{self._now():10.3f} {record.levelname}: {record.getMessage()}"
        if record.exc_info:
            text += " " + logging.Formatter().formatException(record.exc_info)
        self.lines.append(text)


@contextlib.contextmanager
def logged(handler: logging.Handler, level: int) -> Iterator[None]:
    """Send the agent's log to a handler, and nowhere else, for the length of a `with` block."""
    log = logging.getLogger("weka_cpuset")
    before = (log.level, log.propagate)
    log.addHandler(handler)
    log.setLevel(level)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
