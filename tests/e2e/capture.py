"""Records what a plugin and a real runtime say to each other, byte by byte.

A recorder listens where the plugin connects to, connects to the runtime's NRI socket itself,
and keeps a copy of both directions. `python -m tests.e2e.capture` records the agent with each
containerd and writes the files of `tests/golden`, which the protocol library's tests decode.
"""

import json
import shutil
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from nodestress.cri import CriError
from tests.e2e import packages
from tests.e2e.agent import Agent
from tests.e2e.containerd import REPOSITORY, Containerd
from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import Kubelet, RunningPod
from tests.e2e.pods import annotated, integer, shared

GOLDEN: Final = REPOSITORY / "tests/golden"
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

    def __exit__(self, *error: object) -> None:
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


def record_session(runtime: Containerd, kubelet: Kubelet) -> Recorder:
    """Records one session of the agent that has every kind of event in it.

    Registration with pods running, pods of each class, a refusal, a resize, messages of more
    than 4096 bytes (which the runtime cuts), natural ends, deletions, and the agent's end.
    """
    before = kubelet.run_all([shared("before"), integer("owner-before", 1)])
    listen = runtime.layout.folder / "recorder.sock"
    with Recorder(listen, runtime.layout.nri_socket) as recorder:
        agent = Agent(runtime, "recorded", listen)
        try:
            agent.start()
            _live(kubelet, before)
            agent.stop()
        finally:
            agent.close()
    return recorder


def _live(kubelet: Kubelet, before: list[RunningPod]) -> None:
    """What happens on the node while the session is recorded."""
    kubelet.delete(before.pop())
    note = {"example.com/note": "more than a buffer of the runtime " * 200}
    owner = kubelet.run(replace(integer("owner", 1), annotations=note))
    (container,) = owner.spec.containers
    owner = kubelet.resize(owner, replace(container, cpu_limit="500m"))
    with suppress(CriError):  # the refusal is recorded, and judged elsewhere
        kubelet.run(annotated("refused", "8191"))
    ended = kubelet.run(shared("ended", command=("true",)))
    kubelet.wait_exited(ended)
    pods = [owner, ended, kubelet.run(annotated("annotated", "0")), *before]
    kubelet.delete_all(pods)


def write(runtime: Containerd, recorder: Recorder, folder: Path) -> None:
    """Writes a recording: the bytes of each direction, and what they are."""
    about = runtime.cri.version()
    series = runtime.series.value
    (folder / f"{series}.runtime.bin").write_bytes(recorder.from_runtime)
    (folder / f"{series}.plugin.bin").write_bytes(recorder.from_plugin)
    description = {"runtime_name": about.runtime_name, "runtime_version": about.runtime_version}
    (folder / f"{series}.json").write_text(json.dumps(description, indent=2) + "\n")


def main() -> int:
    """Records a session with each containerd."""
    packages.fetch()
    for series in Series:
        folder = Path(tempfile.mkdtemp(prefix="golden-"))
        runtime = Containerd(series, folder)
        try:
            runtime.start()
            recorder = record_session(runtime, Kubelet(runtime, folder / "pods"))
            write(runtime, recorder, GOLDEN)
        finally:
            runtime.close()
            shutil.rmtree(folder)
    return 0


def _copy(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    """Copies until the source ends, then ends the target."""
    with suppress(ConnectionError):
        while chunk := source.recv(CHUNK):
            kept += chunk
            target.sendall(chunk)
    for end in (source, target):
        with suppress(OSError):  # already closed by the other direction
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    sys.exit(main())
