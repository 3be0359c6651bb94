"""The agent under test, as a process: the installed `weka-cpuset run`."""

import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from os import environ
from pathlib import Path
from typing import Final

from nodestress.waiting import wait_for
from tests.e2e.containerd import Containerd, tail

PROGRAM: Final = Path(sys.executable).with_name("weka-cpuset")
EXIT_TIMEOUT_S: Final = 5.0
DATAGRAM_LIMIT: Final = 4096


class Agent:
    """One agent process after the other on one runtime; all write to the same log.

    Whether the agent is at work is learnt as systemd learns it: from the datagrams it sends
    to NOTIFY_SOCKET after each synchronization.
    """

    def __init__(
        self,
        runtime: Containerd,
        name: str = "agent",
        socket_path: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._socket_path = socket_path or runtime.layout.nri_socket
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        notify = runtime.layout.folder / f"{name}.notify"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(notify))
        self._notify.settimeout(0)
        self._environment = dict(environ) | {"NOTIFY_SOCKET": str(notify)}
        self.log = runtime.layout.folder / f"{name}.log"

    @property
    def pid(self) -> int:
        """The process id of the running agent."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts a process and waits until it is synchronized with the runtime."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Starts a process without waiting for anything."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(PROGRAM), "run", "--socket", str(self._socket_path), *self._options],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Waits until the agent says (again) that it is synchronized."""
        wait_for("the agent to be synchronized", self._said_ready)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends the agent by a signal.

        Returns:
            The exit status; that of a process ended by a signal is its negative number.
        """
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(EXIT_TIMEOUT_S)
        self._process = None
        self._said_ready()  # what the dead process said does not speak for the next one
        return status

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the running process."""
        assert self._process is not None
        self._process.send_signal(number)

    def is_running(self) -> bool:
        """Whether the process that was started last still runs."""
        return self._process is not None and self._process.poll() is None

    def lines(self) -> list[str]:
        """What all processes wrote to their log, line by line."""
        return self.log.read_text().splitlines()

    def close(self) -> None:
        """Ends the agent if it runs, in any state."""
        self._notify.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait(EXIT_TIMEOUT_S)

    def _said_ready(self) -> bool:
        """Takes all datagrams that have come; tells whether one of them said READY."""
        assert self._process is None or self._process.poll() is None, (
            f"the agent ended with status {self._process.returncode}:\n{tail(self.log)}"
        )
        ready = False
        with suppress(BlockingIOError):
            while message := self._notify.recv(DATAGRAM_LIMIT):
                ready = ready or b"READY=1" in message.splitlines()
        return ready
