"""The image of the virtual node: kernel, initial file system, disk. Built once, then cached.

The cache is by content: the folder's name is a digest of all that goes in. An image that is
being built has another name, so an interrupted build leaves nothing that looks whole.
"""

import hashlib
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e import images, packages
from tests.e2e.containerd_config import Layout, NriTimeouts, Series, render
from tests.vm import debian, initrd

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".cache" / "vm"
GUEST: Final = Path(__file__).parent / "guest"


class NodeLayout(Layout):
    """Where the containerd of the virtual node has its files: those about plugins as by default."""

    __slots__ = ()

    @property
    def nri_socket(self) -> Path:
        """Where containerd accepts NRI plugins."""
        return Path("/var/run/nri/nri.sock")

    @property
    def plugins(self) -> Path:
        """The plugins that containerd launches itself, by file name."""
        return Path("/opt/nri/plugins")

    @property
    def plugin_configs(self) -> Path:
        """Configuration files of the launched plugins."""
        return Path("/etc/nri/conf.d")


NODE: Final = NodeLayout(Path("/node"))

GUEST_PACKAGES: Final = (
    *("containerd", "crun", "python3", "busybox-static", "socat", "util-linux"),
    "libstdc++6",  # for grpcio
)
AGENT_PACKAGES: Final = ("python3",)
"""What is below the agent in its image."""
QEMU_PACKAGES: Final = ("qemu-system-x86",)
KERNEL: Final = "linux-image-cloud-amd64"
QEMU: Final = "usr/bin/qemu-system-x86_64"
PYTHON: Final = "usr/bin/python3.13"
PYTHON_VERSION: Final = "3.13"
LIBRARIES: Final = "usr/lib/python3/dist-packages"
# What is not built into the kernel, in the order in which it must be loaded.
MODULES: Final = ("virtio_blk", "failover", "net_failover", "virtio_net", "overlay")
# Software emulation is slow: the runtime's own two seconds are for real machines.
TIMEOUTS: Final = NriTimeouts(registration_s=60, request_s=30)
POD_NETWORK: Final = {"cniVersion": "1.0.0", "name": "pods", "type": "loopback"}
STALE_S: Final = 3600
INPUTS: Final = (
    *(Path(__file__).with_name(name) for name in ("image.py", "initrd.py", "debian.py")),
    ROOT / "constraints.txt",
    ROOT / "pyproject.toml",
    ROOT / "tests/e2e/images.py",
    ROOT / "tests/e2e/containerd_config.py",
)


@dataclass(frozen=True, slots=True)
class Image:
    """A built image.

    Attributes:
        folder: All of it; its name is the digest of what went in.
    """

    folder: Path

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What the kernel unpacks into memory and starts."""
        return self.folder / "initrd"

    @property
    def disk(self) -> Path:
        """The root file system; sparse."""
        return self.folder / "root.img"

    @property
    def agent_base(self) -> Path:
        """The lower layer of the agent's image: a tar file."""
        return self.folder / "agent-base.tar"

    @property
    def tools(self) -> Path:
        """QEMU and all it needs."""
        return self.folder / "tools"

    @property
    def python(self) -> list[str]:
        """The start of a command line for the virtual node's Python, run on this machine."""
        return debian.program(self.folder / "root", PYTHON)

    @property
    def python_home(self) -> Path:
        """Where that Python has its standard library (PYTHONHOME)."""
        return self.folder / "root/usr"


def build() -> Image:
    """Returns the image; builds it if what goes in has changed.

    Raises:
        debian.UnpackError, packages.PackageError: a package cannot be had.
        CalledProcessError: a tool failed.
    """
    target = CACHE / f"image-{_digest()}"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as folder:
            _build(Path(folder))
            _forget_old()
            Path(folder).rename(target)
            Path(folder).mkdir()  # for the clean-up, which wants to remove it
    return Image(target)


def _digest() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted([*INPUTS, *(one for one in GUEST.iterdir() if one.is_file())]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _forget_old() -> None:
    """Removes old images and their snapshots, which take a gigabyte; the last may be in use.

    And what a build has left that was killed.
    """
    old = sorted(CACHE.glob("image-*"), key=lambda folder: folder.stat().st_mtime)[:-1]
    for folder in old:
        for one in [folder, *CACHE.glob(f"snapshot-{folder.name}-*")]:
            shutil.rmtree(one)
    for folder in CACHE.glob("build-*"):
        if time.time() - folder.stat().st_mtime > STALE_S:
            shutil.rmtree(folder)


def _build(folder: Path) -> None:
    image = Image(folder)
    root = folder / "root"
    packages.fetch([packages.CONTAINERD_2_1])
    debian.unpack(image.tools, QEMU_PACKAGES)
    debian.unpack(root, GUEST_PACKAGES)
    debian.unpack(folder / "kernel", [debian.newest(KERNEL)], depends=False)
    (kernel,) = (folder / "kernel/boot").glob("vmlinuz-*")
    kernel.rename(image.kernel)
    busybox = (root / "usr/bin/busybox").read_bytes()
    modules = [_module(folder / "kernel", name) for name in MODULES]
    image.initrd.write_bytes(initrd.archive(busybox, modules))
    _furnish(root)
    _add_libraries(root / LIBRARIES)
    compile_python(image, root / "usr/lib", "/usr/lib")
    _make_disk(root, image.disk)
    _make_agent_base(image, folder / "agent-base")
    shutil.rmtree(folder / "kernel")


def _module(kernel: Path, name: str) -> tuple[str, bytes]:
    (file,) = kernel.rglob(f"{name}.ko.xz")
    return f"{name}.ko", lzma.decompress(file.read_bytes())


def _furnish(root: Path) -> None:
    """Adds what no package has or what a package's script would have made."""
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "node", "opt/node", "var/log"):
        (root / name).mkdir(parents=True, exist_ok=True)
    busybox = root / "usr/bin/busybox"
    listed = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        link = root / "usr/bin" / applet
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "var/run").symlink_to("/run")
    # Every pod gets a copy of it.
    (root / "etc/resolv.conf").write_text("")
    for file in GUEST.iterdir():
        if file.is_file():
            shutil.copy(file, root / "opt/node")
    # crun by the name that containerd looks for in PATH, where this folder is the first: emulated,
    # runc takes three times as long.
    (root / "opt/node/runc").symlink_to("/usr/bin/crun")
    (root / "etc/cni/net.d").mkdir(parents=True)
    (root / "etc/cni/net.d/pods.conf").write_text(json.dumps(POD_NETWORK))
    # Where containerd looks by default: Debian has changed that in its older releases.
    for folder in ("opt/cni/bin", "usr/lib/cni"):
        (root / folder).mkdir(parents=True)
        (root / folder / "loopback").symlink_to("/opt/node/loopback")
    (root / "opt/node/images.tar").write_bytes(images.archive(busybox))
    for series in Series:
        (root / f"etc/{series.value}.toml").write_text(render(series, NODE, TIMEOUTS))
    # 1.7 is the one in usr/bin.
    source = packages.CONTAINERD_2_1.folder / "usr/bin"
    shutil.copytree(source, root / "opt" / Series.V2_1.value)


def _add_libraries(target: Path) -> None:
    """Installs what the agent and its acceptance test depend on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    install(target, [*project["dependencies"], *project["optional-dependencies"]["stress"]])


def install(target: Path, wanted: Sequence[str]) -> None:
    """Installs wheels, and what they depend on, for the virtual node's Python.

    Args:
        target: Where to; it is made.
        wanted: What, as pip is told.
    """
    platforms = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--target", str(target), "--python-version", PYTHON_VERSION),
            *("--only-binary=:all:", "--no-compile", "--constraint", str(ROOT / "constraints.txt")),
            *(f"--platform={one}" for one in platforms),
            *wanted,
        ],
        check=True,
        capture_output=True,
        text=True,
    )


def compile_python(image: Image, folder: Path, where: str) -> None:
    """Compiles all modules of a folder for the virtual node, where that would take minutes.

    Args:
        image: Has the node's Python.
        folder: The folder.
        where: What it is called in the virtual node.
    """
    options = ("-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", where)
    # Some modules of the standard library's own tests do not compile, on purpose.
    subprocess.run(
        [*image.python, "-m", "compileall", *options, str(folder)],
        env=dict(os.environ) | {"PYTHONHOME": str(image.python_home)},
        check=False,
        capture_output=True,
    )


def _make_agent_base(image: Image, root: Path) -> None:
    """Makes the lower layer of the agent's image: Debian's Python and all it needs."""
    debian.unpack(root, AGENT_PACKAGES)
    compile_python(image, root / "usr/lib", "/usr/lib")
    for name in ("doc", "man"):
        shutil.rmtree(root / "usr/share" / name)
    with tarfile.open(image.agent_base, "w") as tar:
        tar.add(root, ".")
    shutil.rmtree(root)


def _make_disk(root: Path, disk: Path) -> None:
    with disk.open("wb") as file:
        file.truncate(3 << 30)
    features = ("-O", "^has_journal,^metadata_csum", "-m", "0", "-i", "65536")
    subprocess.run(
        [_mke2fs(), "-q", "-t", "ext4", *features, "-d", str(root), str(disk)],
        check=True,
        capture_output=True,
        text=True,
    )


def _mke2fs() -> str:
    """Where mke2fs is; not in everybody's PATH."""
    found = shutil.which("mke2fs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise debian.UnpackError(["e2fsprogs"], "mke2fs is not on this machine")
    return found
