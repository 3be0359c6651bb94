"""QEMU's control channel: one JSON command after the other over a unix socket."""

import json
import socket
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command, or ended."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(command, reason)
        self.command = command
        self.reason = reason

    def __str__(self) -> str:
        return f"QEMU: {self.command}: {self.reason}"


class Qmp:
    """One connection.

    Args:
        path: The socket; QEMU listens on it.
        timeout_s: How long one command may take, in seconds.

    Raises:
        OSError: nobody listens there (yet).
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rw")
        self._file.readline()  # the greeting
        self.run("qmp_capabilities")

    def run(self, command: str, **arguments: object) -> Any:
        """Runs a command; returns what it returns.

        Raises:
            QmpError: it was refused, or QEMU has ended.
        """
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        for line in self._file:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(command, answer["error"]["desc"])
        raise QmpError(command, "it has ended")

    def close(self) -> None:
        """Closes the connection; QEMU goes on."""
        self._file.close()
        self._socket.close()
