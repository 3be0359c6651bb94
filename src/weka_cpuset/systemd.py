"""systemd's notification protocol, as far as a daemon needs it.

Source: sd_notify(3) and sd_watchdog_enabled(3). Each message is one datagram to the socket
that `NOTIFY_SOCKET` names; a leading `@` means the abstract name space. Without the
variable nobody listens and nothing is sent.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Tells systemd about the process's state, when systemd started it.

    Args:
        environment: The process's environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = _watchdog_s(environment)
        """The longest allowed time between two WATCHDOG messages in seconds; 0.0: none."""

    def ready(self, status: str) -> None:
        """Say that the agent is at work, with a status text for `systemctl status`."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """Replace the status text."""
        self._send(f"STATUS={status}")

    def stopping(self) -> None:
        """Say that the agent has begun to stop."""
        self._send("STOPPING=1")

    async def feed_watchdog(self) -> None:
        """Send WATCHDOG at half of the allowed time until cancelled.

        It runs on the event loop that answers the runtime, so a loop that hangs stops
        it and systemd restarts the process. Returns at once when there is no watchdog.
        """
        while self.watchdog_s > 0:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 2)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # The state is worth telling, not worth failing or waiting for.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer,
        ):
            peer.sendto(message.encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float:
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1e6
