"""The life of the agent: one supervised connection, for ever, until asked to stop.

The supervisor holds at most one connection at a time. When it ends, for whatever reason,
the supervisor waits and connects again. Only three things end the process: a signal
(SIGTERM, SIGINT), settings that can never work, and the end of the runtime that launched
this very process as its own plugin (the next runtime launches the next agent).
"""

import asyncio
import contextlib
import dataclasses
import logging
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import assert_never

import nri
from weka_cpuset import __version__, garbage, instance, presence, silence
from weka_cpuset.audit import Auditor
from weka_cpuset.cgroups import CpusetTree
from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import Rules, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.hotplug import Hotplug
from weka_cpuset.journal.memory import Journal
from weka_cpuset.keeper import Keeper
from weka_cpuset.logs import Fields
from weka_cpuset.observer import Observer
from weka_cpuset.offload import Offload, in_thread
from weka_cpuset.record.recorder import Recorder
from weka_cpuset.settings import NriSettings, Settings
from weka_cpuset.settle.in_flight import InFlight
from weka_cpuset.settle.settler import Settler
from weka_cpuset.systemd import Notifier
from weka_cpuset.together import end_all
from weka_cpuset.uevents import OpenSocket, no_socket, open_socket
from weka_cpuset.uptime import Uptime
from weka_cpuset.usable import Usable, UsableReader

log = logging.getLogger(__name__)

STEADY_S = 10.0
"""A connection that lived this long, in seconds, was a good one: the next pause is the
shortest again. One that ends sooner counts as a failure, so that an agent which the
runtime drops again and again does not flap: each connect stalls the runtime's work."""

ABSENT_S = 1.0
"""The longest pause, in seconds, after an attempt that came to nothing: there is no runtime, it
refuses, has forgotten the agent, or another agent is connected. Such an attempt stalls nobody,
and the agent must be back soon after the runtime."""

_CHEAP = (
    nri.ConnectFailed,
    nri.RegistrationFailed,
    silence.Forgotten,
    instance.AnotherInstance,
    OSError,
)
"""How such attempts end."""

REPEAT_WARNING_S = 60.0
"""The same failure to connect is logged once in this many seconds."""


class NotSynchronized(Exception):
    """The runtime has registered the agent and then said nothing.

    Args:
        waited_s: How long the agent has waited, in seconds.
    """

    def __init__(self, waited_s: float) -> None:
        super().__init__(waited_s)
        self.waited_s = waited_s

    def __str__(self) -> str:
        return f"no report of the runtime's containers within {self.waited_s:g} s"


class LauncherGone(Exception):
    """The runtime that launched this process as its plugin has ended."""

    def __str__(self) -> str:
        return "the runtime that launched this plugin has ended; its successor launches its own"


def backoff(shortest_s: float, longest_s: float, draw: Callable[[], float]) -> Iterator[float]:
    """Yield the pauses between attempts, in seconds, for ever.

    Each is drawn between half of a bound and the whole of it; the bound starts at
    `shortest_s` and doubles up to `longest_s`. The spread keeps the agents of a rack, cut
    off together, from coming back together.

    Args:
        shortest_s: The first bound in seconds, above 0.
        longest_s: The last bound in seconds.
        draw: Returns a number from 0 up to 1.
    """
    bound = shortest_s
    while True:
        yield bound * (0.5 + 0.5 * draw())
        bound = min(bound * 2, longest_s)


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """What the agent touches of the host it runs on; a simulator brings its own.

    Attributes:
        read_topology: Reads the machine's topology; called before each connect, and when
            other cpus can be used.
        read_usable: Reads what containers can use; called each second, so it must be cheap.
        cpusets: What the kernel enforces for each container.
        list_containers: Lists the containers that have a cgroup, of all pods.
        draw: Returns a random number from 0 up to 1, for the spread of pauses.
        offload: Runs what may hang where it holds up nobody.
        clock: Returns a time in seconds that only rises.
        now_s: Returns the time of day, in seconds since 1970.
        open_events: Opens a socket that gets the kernel's events.
    """

    read_topology: Callable[[], Topology]
    read_usable: Callable[[], Usable]
    cpusets: Cpusets
    list_containers: Callable[[], frozenset[str]]
    draw: Callable[[], float] = random.random  # jitter, no secret
    offload: Offload = in_thread
    clock: Callable[[], float] = time.monotonic
    now_s: Callable[[], float] = time.time
    open_events: OpenSocket = no_socket

    @classmethod
    def real(cls, settings: Settings) -> "Host":
        """Return the host that the settings point to."""
        tree = CpusetTree(settings.cgroups)
        usable = UsableReader(settings.sysfs, tree)
        return cls(usable.topology, usable.read, tree, tree.containers, open_events=open_socket)


class Supervisor:
    """Keeps the plugin registered.

    Args:
        config: Socket, identity and pauses.
        endpoint: Where to connect first. After the loss of an inherited connection the
            socket is used.
        handlers: Answers the runtime's events.
        host: What the agent touches of its host.
        notifier: Is told when the agent is at work.

    Attributes:
        on_connection: Called with each synchronized connection, and with None at its end.
        uptime: Since when there is a connection, or none.
    """

    def __init__(
        self,
        config: NriSettings,
        endpoint: nri.Endpoint,
        handlers: Handlers,
        host: Host,
        notifier: Notifier,
    ) -> None:
        self.on_connection: Callable[[nri.PluginConnection | None], None] = _ignore
        self.uptime = Uptime(host.clock, host.now_s)
        self._config = config
        self._endpoint = endpoint
        self._handlers = handlers
        self._host = host
        self._notifier = notifier
        self._launcher_pid = os.getppid() if isinstance(endpoint, nri.InheritedEndpoint) else None
        self._last_failure = ""
        self._last_warning_s = 0.0

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled.

        Raises:
            LauncherGone: The runtime that launched this process has ended.
        """
        clock = asyncio.get_running_loop().time
        pauses = self._pauses()
        while True:
            started_s = clock()
            mark = presence.mark_of(self._config.socket)
            longest_s = self._config.reconnect_max_s
            try:
                await self._serve_one_connection()
            except Exception as error:  # noqa: BLE001  # whatever it was, the next attempt follows
                self._report(error)
                if isinstance(error, _CHEAP):
                    longest_s = min(longest_s, ABSENT_S)
            if clock() - started_s >= STEADY_S:
                pauses = self._pauses()
            pause_s = min(next(pauses), longest_s)
            await presence.wait_for_successor(self._config.socket, mark, pause_s)
            self._leave_launcher()

    def _pauses(self) -> Iterator[float]:
        return backoff(self._config.reconnect_min_s, self._config.reconnect_max_s, self._host.draw)

    async def _serve_one_connection(self) -> None:
        """Hold one connection from connect to its end; raise the reason of the end."""
        with contextlib.ExitStack() as held:
            self._take_instance_lock(held)
            self._handlers.keeper.use_topology(self._host.read_topology())
            connection = await nri.connect(
                self._endpoint,
                nri.Identity(self._config.name, self._config.index),
                self._handlers,
                timeouts=nri.Timeouts(register_s=self._config.registration_timeout_s),
            )
            held.callback(connection.abort)
            self._report_registered(connection)
            await self._wait_synchronized(connection)
            held.callback(self.on_connection, None)
            held.callback(self.uptime.down)
            self.uptime.up(connection.runtime)
            self.on_connection(connection)
            self._last_failure = ""
            self._notifier.ready(f"connected to {connection.runtime.name}")
            if connection.runtime.keeps_failed_sync:
                host = self._host
                await silence.wait_called(connection, host.list_containers, host.offload)
            reason = await connection.wait_closed()
            self._notifier.status("connection lost, connecting again")
            if reason is not None:
                raise reason

    async def _wait_synchronized(self, connection: nri.PluginConnection) -> None:
        """Wait for the runtime's report; give a runtime up that does not send one.

        It can be late by as long as any container takes to stop. A runtime that has launched the
        agent itself may never send one (containerd before 1.7.26).

        Raises:
            NotSynchronized: There was none in time.
        """
        patience_s = self._config.synchronize_timeout_s
        launched = isinstance(self._endpoint, nri.InheritedEndpoint)
        try:
            async with asyncio.timeout(None if launched else patience_s):
                await connection.wait_synchronized()
        except TimeoutError:
            raise NotSynchronized(patience_s) from None

    def _take_instance_lock(self, held: contextlib.ExitStack) -> None:
        directory = self._config.socket.parent
        match self._endpoint:
            case nri.SocketEndpoint():
                held.enter_context(instance.lock(directory))
            case nri.InheritedEndpoint():
                # A plugin that fails to start stops some runtimes altogether, so a
                # missing folder or a second agent is only told.
                try:
                    held.enter_context(instance.lock(directory))
                except (instance.AnotherInstance, OSError) as error:
                    log.warning("Serving without the instance lock: %s", error)
            case _ as never:
                assert_never(never)

    def _report_registered(self, connection: nri.PluginConnection) -> None:
        runtime = connection.runtime
        log.info(
            "Registered %s",
            Fields(
                {
                    "plugin": f"{self._config.index}-{self._config.name}",
                    "runtime": runtime.name,
                    "version": runtime.version,
                    "nri": runtime.nri_version or "older than 0.12",
                }
            ),
        )

    def _report(self, error: Exception) -> None:
        """Log the end of a connection: at once when it is news, else once a minute."""
        now_s = asyncio.get_running_loop().time()
        text = self.uptime.problem = f"{type(error).__name__}: {error}"
        expected = isinstance(
            error,
            nri.NriError | instance.AnotherInstance | NotSynchronized | silence.Forgotten | OSError,
        )
        if text == self._last_failure and now_s - self._last_warning_s < REPEAT_WARNING_S:
            return
        self._last_failure, self._last_warning_s = text, now_s
        log.warning("Not connected, trying again: %s", text, exc_info=None if expected else error)

    def _leave_launcher(self) -> None:
        """After the loss of an inherited connection: end with its runtime, or use the socket."""
        if self._launcher_pid is None:
            return
        # The kernel gives the children of a dead process to another parent.
        if os.getppid() != self._launcher_pid:
            raise LauncherGone
        self._endpoint = nri.SocketEndpoint(str(self._config.socket))


def _ignore(connection: nri.PluginConnection | None) -> None:
    """Do nothing: nobody uses the connection."""


class Agent:
    """The agent's parts, put together.

    Args:
        settings: All settings.
        endpoint: Where to connect first.
        host: What the agent touches of its host.
        notifier: Is told when the agent is at work.
        recorder: Is shown everything that changes the ledger; None: nobody is.

    Attributes:
        keeper: Decides, and keeps the ledger.
        handlers: Answers the runtime's events.
        settler: Brings to containers what no reply could carry; has a status.
        auditor: Reads back what the kernel enforces; has a status.
        observer: Counts what is decided and answered; has the journal.
        host: What it touches of its host.
        dry_run: Whether it changes nothing.
        started_s: When it was made, in seconds since 1970.

    Raises:
        TopologyUnreadable: The machine does not say which cpus it has.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: nri.Endpoint,
        host: Host,
        notifier: Notifier,
        recorder: Recorder | None = None,
    ) -> None:
        self.host = host
        self.started_s = host.now_s()
        self._topology = host.read_topology()
        self.dry_run = settings.dry_run
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        rules = Rules(
            settings.cpus.reserved,
            settings.cpus.min_shared,
            settings.cpus.burst_max,
            settings.placement.preference,
        )
        self.keeper = Keeper(self._topology, rules, dry_run=settings.dry_run, recorder=recorder)
        self.handlers = Handlers(self.keeper)
        self.observer = Observer(Journal(settings.journal.entries, host.now_s), host.now_s)
        self.keeper.on_decided = self.observer.decided
        self.handlers.on_answered = self.observer.answered
        self._supervisor = Supervisor(settings.nri, endpoint, self.handlers, host, notifier)
        self.keeper.is_dead = host.cpusets.is_dead
        in_flight = InFlight(self.keeper)
        self.settler = Settler(self.keeper, host.cpusets, in_flight, settings.settle.way)
        self.auditor = Auditor(self.keeper, host.cpusets, in_flight, settings.audit.interval_s)
        self.auditor.on_difference = self.handlers.rivals.note_difference
        self.settler.on_settled = self.auditor.note_settled
        self._supervisor.on_connection = self.settler.use
        # In a dry run nothing is as the ledger says, and nobody shall be told so.
        if not settings.dry_run:
            self.settler.read_all = self.auditor.read_all
            self.settler.verify = self.auditor.look
        self._hotplug = Hotplug(
            self.keeper, host.read_usable, host.read_topology, host.offload, host.open_events
        )

    @property
    def is_alive(self) -> bool:
        """Whether all that the agent does goes on: the supervisor, settling, and the rest."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    @property
    def uptime(self) -> Uptime:
        """Since when there is a connection to the runtime, or none."""
        return self._supervisor.uptime

    async def work(self) -> None:
        """Keep the plugin registered and its containers settled, until cancelled.

        Raises:
            LauncherGone: The runtime that launched this process has ended.
        """
        log.info("Starting %s", Fields({"version": __version__, "cpus": self._topology.online}))
        work = {
            "supervisor": self._supervisor.run(),
            "settler": self.settler.run(),
            "hotplug": self._hotplug.run(),
        }
        if not self.dry_run:
            work["audit"] = self.auditor.run()
        tasks = [asyncio.create_task(task, name=name) for name, task in work.items()]
        self._tasks = tuple(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed = await end_all(tasks)
        if failed:
            raise failed[0]


async def serve(
    agent: Agent, notifier: Notifier, beside: Collection[Callable[[], Awaitable[None]]] = ()
) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Args:
        agent: The agent.
        notifier: Feeds systemd's watchdog and is told of the stop.
        beside: What is done beside the agent's work; the end of one ends nothing else.

    Raises:
        LauncherGone: The runtime that launched this process has ended.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    collector = garbage.Collector(lambda: agent.handlers.latency.count)
    working = asyncio.create_task(agent.work(), name="agent")
    collecting = asyncio.create_task(collector.run(), name="garbage")
    feeding = asyncio.create_task(notifier.feed_watchdog(), name="watchdog")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    others = [asyncio.create_task(_without_harm(one), name="beside") for one in beside]
    try:
        with garbage.off():
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        notifier.stopping()
    finally:
        failed = await end_all((working, collecting, feeding, stopping, *others))
    if failed:
        raise failed[0]
    log.info("Stopped as asked")


async def _without_harm(beside: Callable[[], Awaitable[None]]) -> None:
    """Do what is done beside the agent's work; a defect in it is logged."""
    try:
        await beside()
    except Exception:
        log.exception("What is done beside the agent's work has failed")
