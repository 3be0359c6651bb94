"""Runs in the virtual machine: runs scripts, does what a kubelet does with files, and watches.

A thread looks at the cpusets of the containers that it was told of, as often as it can, and
writes down each change. The kernel cannot be read at one instant, so all containers are read
again and again: if two passes in a row are alike, all of it was so at the instant between them.

It judges nothing. Requests and answers are JSON, one a line, over TCP; see `_OPERATIONS`. On a
second port it unpacks tar files at the machine's root.
"""

import json
import os
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")
NOTIFY = "/run/notify"
PORT = 2004
TAR_PORT = 2003
PAUSE_S = 0.01
IDLE_S = 0.2
PASSES_MAX = 50

Files = tuple[int, int]
"""Open files of one container: cpuset.cpus.effective and cgroup.events."""


class Watch:
    """Watches containers from a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Files] = {}
        self._folders: dict[str, Path] = {}
        self._last_pass: dict[str, str] = {}
        self._sights: list[tuple[float, dict[str, str]]] = []
        self._looks = 0

    def add(self, containers: dict[str, str]) -> None:
        """Watches these (id -> cgroup) too, until they end."""
        for name, cgroup in containers.items():
            folder = CGROUPS / cgroup.lstrip("/")
            try:
                cpus = os.open(folder / "cpuset.cpus.effective", os.O_RDONLY)
            except FileNotFoundError:
                continue  # it has ended by itself, and is gone already
            events = os.open(folder / "cgroup.events", os.O_RDONLY)
            with self._lock:
                self._folders[name] = folder
                self._files[name] = (cpus, events)

    def run(self) -> None:
        """Looks for ever, a quarter of the time at most: what is looked at needs the cpu, too."""
        while True:
            began_s = time.monotonic()
            self._look()
            took_s = time.monotonic() - began_s
            time.sleep(max(PAUSE_S, 3 * took_s) if self._files else IDLE_S)

    def history(self) -> dict[str, Any]:
        """What was seen since the last call: the number of looks, and each change."""
        self._look()
        with self._lock:
            found = {"looks": self._looks, "sights": self._sights}
            self._looks = 0
            # The last one is the start of what comes next.
            self._sights = self._sights[-1:]
        return found

    def tasks(self) -> dict[str, Any]:
        """What the kernel enforces now for each container and each of its tasks."""
        with self._lock:
            folders = dict(self._folders)
        found = {}
        for name, folder in folders.items():
            try:
                found[name] = _truth_of(folder)
            except OSError:
                continue  # it is just going away
        return {name: one for name, one in found.items() if one["tasks"]}

    def _look(self) -> None:
        with self._lock:
            for _ in range(PASSES_MAX):
                before, self._last_pass = self._last_pass, self._pass()
                if self._last_pass == before:
                    self._looks += 1
                    if not self._sights or self._sights[-1][1] != before:
                        self._sights.append((time.monotonic(), before))
                    return

    def _pass(self) -> dict[str, str]:
        sight = {}
        for name, (cpus, events) in list(self._files.items()):
            try:
                populated = b"populated 1" in os.pread(events, 200, 0)
                effective = os.pread(cpus, 4096, 0).decode().strip()
            except OSError:  # the cgroup was removed
                os.close(cpus)
                os.close(events)
                del self._files[name], self._folders[name]
                continue
            if populated:
                sight[name] = effective
        return sight


def _truth_of(folder: Path) -> dict[str, Any]:
    return {
        "cpus": (folder / "cpuset.cpus.effective").read_text().strip(),
        "mems": (folder / "cpuset.mems.effective").read_text().strip(),
        "tasks": [_masks_of(task) for task in (folder / "cgroup.threads").read_text().split()],
    }


def _masks_of(task: str) -> list[str]:
    lines = Path(f"/proc/{task}/status").read_text().splitlines()
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return [fields["Cpus_allowed_list"], fields["Mems_allowed_list"]]


def make_pod(cgroup: str, logs: str) -> None:
    """Makes a pod's cgroup and the folder of its output, as a kubelet does."""
    folder = CGROUPS / cgroup.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.subtree_control").write_text("+cpuset +cpu +memory +pids")
    Path(logs).mkdir(parents=True, exist_ok=True)


def remove_pod(cgroup: str) -> None:
    """Removes a pod's cgroup, and ends what is in it, as a kubelet does."""
    top = CGROUPS / cgroup.lstrip("/")
    if not top.exists():
        return
    (top / "cgroup.kill").write_text("1")
    for folder in [*sorted((one for one in top.rglob("*") if one.is_dir()), reverse=True), top]:
        _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # what was killed has not ended yet
            time.sleep(0.02)
        else:
            return


def run(script: str) -> dict[str, Any]:
    """Runs a shell script; what it leaves running must have an output of its own."""
    done = subprocess.run(
        ["sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return {"status": done.returncode, "output": done.stdout.decode(errors="replace")}


class Notified:
    """Counts how often the agent said that it is synchronized, as systemd would."""

    def __init__(self) -> None:
        self.count = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(NOTIFY)

    def run(self) -> None:
        """Listens for ever."""
        while True:
            self.count += b"READY=1" in self._socket.recv(4096)


WATCH = Watch()
NOTIFIED = Notified()
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "make_pod": make_pod,
    "remove_pod": remove_pod,
    "watch": WATCH.add,
    "history": WATCH.history,
    "tasks": WATCH.tasks,
    "run": run,
    "ready": lambda: NOTIFIED.count,
    "read": lambda path: Path(path).read_text(),
    "write": lambda path, text: Path(path).write_text(text),
}


class Handler(socketserver.StreamRequestHandler):
    """Serves one connection."""

    def handle(self) -> None:
        """Answers until the other side closes."""
        for line in self.rfile:
            request = json.loads(line)
            try:
                answer = {"value": _OPERATIONS[request.pop("do")](**request)}
            except OSError as error:
                answer = {"error": str(error)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class TarHandler(socketserver.BaseRequestHandler):
    """Unpacks what one connection brings; closing it says that all is there."""

    def handle(self) -> None:
        """Unpacks until the other side has sent all."""
        subprocess.run(["tar", "-x", "-C", "/"], stdin=self.request.fileno(), check=False)


class Server(socketserver.ThreadingTCPServer):
    """Serves each connection on a thread of its own."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serves for ever."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for run in (WATCH.run, NOTIFIED.run):
        threading.Thread(target=run, daemon=True).start()
    # Reached through the machine's user-mode network only.
    tar = Server(("0.0.0.0", TAR_PORT), TarHandler)  # noqa: S104  # as said above
    threading.Thread(target=tar.serve_forever, daemon=True).start()
    Server(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104  # as said above


if __name__ == "__main__":
    main()
