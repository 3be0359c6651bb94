"""Records what a plugin and a real runtime say to each other, byte by byte.

A recorder listens where the plugin connects to, connects to the runtime's NRI socket itself,
and copies both directions into files. What it wrote under `tests/golden` is read by the
protocol library's tests; `record_golden.py` makes those files anew.
"""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

CHUNK: Final = 65536
JOIN_S: Final = 5.0


class Recorder:
    """Copies one connection between a plugin and a runtime, and keeps the bytes.

    A context manager: it listens inside. End the plugin before you leave it: what is under way
    then is cut off.
    """

    def __init__(self, listen: Path, runtime: Path) -> None:
        self._runtime_path = runtime
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(listen))
        listener.listen(1)
        self._sockets = [listener]
        self._threads = [threading.Thread(target=self._serve)]
        self.from_plugin = bytearray()
        self.from_runtime = bytearray()

    def __enter__(self) -> "Recorder":
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in self._sockets:
            with suppress(OSError):  # already closed, or never connected
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(JOIN_S)
        for end in self._sockets:
            end.close()

    def _serve(self) -> None:
        try:
            plugin, _ = self._sockets[0].accept()
        except OSError:  # the recording ended before a plugin came
            return
        runtime = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets += [plugin, runtime]
        runtime.connect(str(self._runtime_path))
        for source, target, kept in (
            (plugin, runtime, self.from_plugin),
            (runtime, plugin, self.from_runtime),
        ):
            thread = threading.Thread(target=_copy, args=(source, target, kept))
            self._threads.append(thread)
            thread.start()


def _copy(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    """Copies until the source ends, then ends the target."""
    with suppress(ConnectionError):
        while chunk := source.recv(CHUNK):
            kept += chunk
            target.sendall(chunk)
    for end in (source, target):
        with suppress(OSError):  # already closed by the other direction
            end.shutdown(socket.SHUT_RDWR)
