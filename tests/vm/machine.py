"""One virtual machine: 20 cpus in two packages, each a NUMA node with five cores of two threads.

QEMU runs as a child that the kernel kills with its parent, whatever ends that. It mounts nothing
and writes to a folder of the test and to a scratch file without a name only.
"""

import hashlib
import json
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from nodestress.waiting import DeadlineError, wait_for
from tests.e2e.containerd_config import Series
from tests.vm import debian
from tests.vm.image import CACHE, QEMU, Image
from tests.vm.qmp import Qmp

CPUS: Final = 20
MEMORY_MIB: Final = 3072
# -cpu: with an AMD processor the emulated kernel takes ten seconds longer to start.
# pc-i440fx is named by its version: a snapshot fits that one only.
HARDWARE: Final = (
    *("-nodefaults", "-display", "none", "-machine", "pc-i440fx-10.0"),
    *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem", "-m", str(MEMORY_MIB)),
    *("-smp", f"{CPUS},sockets=2,cores=5,threads=2"),
    *("-object", f"memory-backend-ram,id=m0,size={MEMORY_MIB // 2}M"),
    *("-object", f"memory-backend-ram,id=m1,size={MEMORY_MIB // 2}M"),
    *("-numa", "node,nodeid=0,cpus=0-9,memdev=m0", "-numa", "node,nodeid=1,cpus=10-19,memdev=m1"),
    *("-action", "reboot=shutdown"),
)
# The clock, above all: with any other than the time stamp counter all takes twice as long.
KERNEL_OPTIONS: Final = (
    "console=ttyS0 quiet panic=-1 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 mitigations=off"
    " nokaslr random.trust_cpu=on no_timer_check cryptomgr.notests net.ifnames=0 tsc=reliable"
    " clocksource=tsc norandmaps apparmor=0 audit=0 init_on_alloc=0 kfence.sample_interval=0"
    " numa_balancing=disable"
)
CRI, TAR, OBSERVER, TERMINAL = 2001, 2003, 2004, 2005
"""What listens in the machine; see guest/init and guest/observer.py."""

BOOT_TIMEOUT_S: Final = 180.0
SCRIPT_TIMEOUT_S: Final = 180.0
PROBE_TIMEOUT_S: Final = 10.0
QMP_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0


class MachineFailed(Exception):
    """The virtual machine did not do what it should; tells the end of its console."""

    def __init__(self, what: str, console: str) -> None:
        super().__init__(what, console)
        self.what = what
        self.console = console

    def __str__(self) -> str:
        return f"virtual machine: {self.what}\nconsole:\n{self.console}"


class ScriptFailed(Exception):
    """A script in the machine ended with another status than 0."""

    def __init__(self, script: str, status: int, output: str) -> None:
        super().__init__(script, status, output)
        self.script = script
        self.status = status
        self.output = output

    def __str__(self) -> str:
        return f"status {self.status} from {self.script!r}:\n{self.output}"


class Machine:
    """A virtual machine, from `boot` or `restore` to `close`.

    Args:
        image: What it runs.
        series: Which containerd.
        folder: For its sockets and its console; a short path.
    """

    def __init__(self, image: Image, series: Series, folder: Path) -> None:
        self.image = image
        self.series = series
        self.console = folder / "console.log"
        self._folder = folder
        self._ports: dict[int, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._observer: TextIO | None = None
        self._asking = threading.Lock()

    @property
    def qmp(self) -> Qmp:
        """QEMU's control channel."""
        assert self._qmp is not None
        return self._qmp

    @property
    def cri_target(self) -> str:
        """Where this machine reaches the containerd of the virtual one, for gRPC."""
        return f"127.0.0.1:{self._ports[CRI]}"

    @property
    def pid(self) -> int:
        """The process that emulates it."""
        assert self._process is not None
        return self._process.pid

    def boot(self, disk: Path | None = None) -> None:
        """Starts it from its kernel and waits until containerd serves.

        Args:
            disk: Its disk is written to; None: that of the image, and nothing is written.
        """
        drive = f"file={disk}" if disk else f"file={self.image.disk},snapshot=on"
        self._launch(drive, [])
        self.wait_ready()

    def restore(self) -> None:
        """Starts it from a snapshot that was made right after the boot; makes that at need."""
        snapshot = self._snapshot()
        drive = f"file={snapshot / 'disk'},snapshot=on"
        self._launch(drive, ["-incoming", f"file:{snapshot / 'state'}"])
        wait_for("the snapshot to be read", lambda: self._status() == "paused", BOOT_TIMEOUT_S)
        self.go_on()
        self.wait_ready()
        self.run(f"date -s @{time.time():.0f}")

    def run(self, script: str, timeout_s: float = SCRIPT_TIMEOUT_S) -> str:
        """Runs a shell script in the machine; returns what it wrote.

        Raises:
            ScriptFailed: it ended with another status than 0.
            MachineFailed: the machine does not answer.
        """
        try:
            with (
                self._connect(OBSERVER, timeout_s) as connection,
                connection.makefile("rw") as file,
            ):
                told = _ask(file, "run", {"script": script})
        except (OSError, ValueError) as error:
            raise MachineFailed(f"{script!r}: {error}", self.console_tail()) from error
        if told["status"]:
            raise ScriptFailed(script, told["status"], told["output"])
        return str(told["output"])

    def send(self, archive: bytes) -> None:
        """Unpacks a tar file at the machine's root."""
        with self._connect(TAR, SCRIPT_TIMEOUT_S) as connection:
            connection.sendall(archive)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)  # until the other side closes

    def ask(self, do: str, **arguments: object) -> Any:
        """Asks the observer in the machine; see guest/observer.py.

        Raises:
            FileNotFoundError: the observer could not read or write a file.
        """
        with self._asking:
            if self._observer is None:
                with self._connect(OBSERVER, SCRIPT_TIMEOUT_S) as connection:
                    self._observer = connection.makefile("rw")  # it lives as long as the file
            return _ask(self._observer, do, arguments)

    def reboot(self) -> None:
        """Starts it anew from its kernel; its disk is as it was left."""
        before = self._boot_id()
        self.disconnect()
        self.qmp.run("set-action", reboot="reset")
        self.qmp.run("system_reset")
        self.wait_ready(before)

    def stand_still(self) -> None:
        """Stops its time, until `go_on`."""
        self.qmp.run("stop")

    def go_on(self) -> None:
        """Lets its time pass again."""
        self.qmp.run("cont")

    def terminal(self) -> socket.socket:
        """A connection to a shell in the machine, on a terminal of its own."""
        connection = self._connect(TERMINAL, SCRIPT_TIMEOUT_S)
        connection.settimeout(None)
        return connection

    def wait_ready(self, before: str = "") -> None:
        """Waits until the machine's containerd serves.

        Args:
            before: The boot that is over; see `reboot`.
        """
        try:
            wait_for("the virtual machine", lambda: self._is_ready(before), BOOT_TIMEOUT_S)
        except DeadlineError as error:
            raise MachineFailed(str(error), self.console_tail()) from error

    def console_tail(self, lines: int = 40) -> str:
        """The end of what its kernel and its first process said."""
        if not self.console.exists():
            return ""
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-lines:])

    def disconnect(self) -> None:
        """Closes the connection to the observer; the next question opens another."""
        if self._observer is not None:
            self._observer.close()
            self._observer = None

    def close(self) -> None:
        """Ends it at once; its console stays."""
        self.disconnect()
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def _snapshot(self) -> Path:
        """The folder of the snapshot; its name has a digest of all that it depends on."""
        shape = hashlib.sha256(f"{HARDWARE}{KERNEL_OPTIONS}".encode()).hexdigest()[:8]
        name = f"{self.image.folder.name}-{shape}-{self.series.value}"
        target = CACHE / f"snapshot-{name}"
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as making:
                self._save(Path(making))
                Path(making).rename(target)
                Path(making).mkdir()  # for the clean-up, which wants to remove it
        return target

    def _save(self, target: Path) -> None:
        """Boots another machine, and saves its state and its disk."""
        disk = target / "disk"
        subprocess.run(["cp", "--sparse=always", self.image.disk, disk], check=True)
        folder = self._folder / "first"
        folder.mkdir()
        first = Machine(self.image, self.series, folder)
        try:
            first.boot(disk)
            first.run("sync")
            first.stand_still()
            first.qmp.run("migrate", uri=f"file:{target / 'state'}")
            wait_for("the snapshot", first._migrated, BOOT_TIMEOUT_S)
        finally:
            first.close()

    def _migrated(self) -> bool:
        found = self.qmp.run("query-migrate")
        if found.get("status") == "failed":
            raise MachineFailed(str(found), self.console_tail())
        return bool(found.get("status") == "completed")

    def _launch(self, drive: str, more: Sequence[str]) -> None:
        tools = self.image.tools
        forwards = "".join(
            f",hostfwd=tcp:127.0.0.1:0-:{port}" for port in (CRI, TAR, OBSERVER, TERMINAL)
        )
        socket_path = self._folder / "qmp"
        with (self._folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *debian.program(tools, QEMU),
                    *("-L", str(tools / "usr/share/qemu"), "-L", str(tools / "usr/share/seabios")),
                    *HARDWARE,
                    *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)),
                    *("-append", f"{KERNEL_OPTIONS} series={self.series.value}"),
                    *("-drive", f"if=none,id=disk,format=raw,cache=unsafe,{drive}"),
                    *("-device", "virtio-blk-pci,drive=disk"),
                    *("-netdev", f"user,id=net,restrict=on,ipv6=off{forwards}"),
                    *("-device", "virtio-net-pci,netdev=net,romfile="),
                    *("-qmp", f"unix:{socket_path},server=on,wait=off"),
                    *("-serial", f"file:{self.console}"),
                    *more,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._qmp = wait_for("QEMU to start", lambda: self._connect_qmp(socket_path))
        told = self.qmp.run("human-monitor-command", **{"command-line": "info usernet"})
        # Protocol[State] FD SourceAddress Port DestAddress Port ...
        rows = re.findall(r"HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", told)
        self._ports = {int(inner): int(outer) for outer, inner in rows}

    def _connect_qmp(self, path: Path) -> Qmp | None:
        """QEMU's control channel, once it is there."""
        self._check_alive()
        try:
            return Qmp(path, QMP_TIMEOUT_S)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def _check_alive(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            said = (self._folder / "qemu.log").read_text()
            raise MachineFailed(f"QEMU ended: {said}", self.console_tail())

    def _status(self) -> str:
        return str(self.qmp.run("query-status")["status"])

    def _is_ready(self, before: str) -> bool:
        """Whether it is there, in another boot than that."""
        self._check_alive()
        with suppress(MachineFailed, ScriptFailed):
            self.run("test -e /run/ready", PROBE_TIMEOUT_S)
            return self._boot_id() != before
        return False

    def _boot_id(self) -> str:
        return self.run("cat /proc/sys/kernel/random/boot_id", PROBE_TIMEOUT_S).strip()

    def _connect(self, port: int, timeout_s: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._ports[port]), timeout_s)


def _ask(file: TextIO, do: str, arguments: dict[str, object]) -> Any:
    """Asks the observer over a connection of any kind.

    Raises:
        FileNotFoundError: it could not read or write a file.
        ValueError: the connection has ended.
    """
    file.write(json.dumps({"do": do} | arguments) + "\n")
    file.flush()
    answer = json.loads(file.readline())
    if "error" in answer:
        raise FileNotFoundError(f"in the virtual machine: {answer['error']}")
    return answer["value"]
