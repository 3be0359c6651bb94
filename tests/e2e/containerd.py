"""A containerd of the test's own: own folders, sockets and configuration, NRI enabled."""

import signal
import subprocess
import sys
from functools import partial
from os import environ
from pathlib import Path
from typing import Final

from nodestress.cri import CriClient, CriError
from nodestress.waiting import wait_for
from tests.e2e import images, packages
from tests.e2e.containerd_config import Layout, NriTimeouts, Series, render

REPOSITORY: Final = Path(__file__).resolve().parents[2]
# sockaddr_un holds 108 bytes with the final zero, unix(7).
SOCKET_PATH_LIMIT: Final = 107
STOP_TIMEOUT_S: Final = 10.0
DEFAULT_TIMEOUTS: Final = NriTimeouts()


class Containerd:
    """One containerd instance, from `start` to `close`.

    All its pods must be below `cgroup`. A reaper process ends what is left when the instance
    is closed, or when the tests die without closing it.
    """

    def __init__(
        self,
        series: Series,
        folder: Path,
        nri: NriTimeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self.layout = Layout(folder)
        longest = len(f"{self.layout.socket}.ttrpc")
        if longest > SOCKET_PATH_LIMIT:
            raise ValueError(f"{folder} is too long for a unix socket: {longest} bytes")
        self.series = series
        self.cgroup = f"/e2e-{folder.parent.name}-{folder.name}"
        self.cri = CriClient(self.layout.socket)
        self._process: subprocess.Popen[bytes] | None = None
        for path in (self.layout.plugins, self.layout.plugin_configs):
            path.mkdir()
        self.layout.config.write_text(render(series, self.layout, nri))
        self._reaper = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.reaper", str(folder), self.cgroup],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id of the running containerd."""
        assert self._process is not None
        return self._process.pid

    def log_lines(self) -> list[str]:
        """What containerd wrote to its log, over all restarts."""
        return self.layout.log.read_text().splitlines()

    def start(self) -> None:
        """Starts containerd and waits until it serves CRI, accepts plugins and has the images."""
        programs = [package.folder / "usr/bin" for package in (self.series.package, packages.RUNC)]
        with self.layout.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(programs[0] / "containerd"), "-c", str(self.layout.config)],
                env=dict(environ) | {"PATH": _search_path(programs)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for("containerd to serve", self._is_serving)
        if not self.cri.has_image(images.BUSYBOX_IMAGE):
            self._import_images(programs[0] / "ctr")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends containerd itself by a signal; its pods go on."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stops containerd by a signal and starts it again."""
        self.stop(number)
        self.start()

    def close(self) -> None:
        """Ends everything that belongs to the instance; its log stays."""
        self.cri.close()
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        status = self._reaper.wait(STOP_TIMEOUT_S * 2)
        if self._process is not None:
            self._process.wait(STOP_TIMEOUT_S)
        assert status == 0, "the reaper could not end everything"

    def _is_serving(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"containerd ended:\n{tail(self.layout.log)}"
        # Looked up, not connected to: a silent client on the NRI socket keeps plugins waiting.
        if str(self.layout.nri_socket) not in Path("/proc/net/unix").read_text():
            return False
        try:
            return self.cri.is_ready()
        except CriError:  # "server is not initialized yet"
            return False

    def _import_images(self, ctr: Path) -> None:
        archive = self.layout.folder / "images.tar"
        archive.write_bytes(images.archive(packages.BUSYBOX.folder / "bin/busybox"))
        command = ["--address", str(self.layout.socket), "--namespace", "k8s.io"]
        subprocess.run(
            [str(ctr), *command, "images", "import", str(archive)], check=True, capture_output=True
        )
        for name in (images.BUSYBOX_IMAGE, images.PAUSE_IMAGE):
            wait_for(f"image {name}", partial(self.cri.has_image, name))


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log file; empty if there is none."""
    return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else ""


def _search_path(programs: list[Path]) -> str:
    return ":".join([*map(str, programs), environ["PATH"]])
