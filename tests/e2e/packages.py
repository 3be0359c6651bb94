"""Gets containerd, runc and busybox as Debian packages, without installing them.

The packages are downloaded with an apt state of their own and unpacked into a cache folder,
so the machine's package database, its apt sources and its libc stay as they are. Once
unpacked they are used again without a network. Where to download from is read from the
machine's own apt sources.

Run `python -m tests.e2e.packages` to fetch everything ahead of the tests.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.apt import NoArchive, apt_command, run

CACHE: Final = Path(__file__).resolve().parents[2] / ".cache" / "packages"


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package, as one suite of the archive carries it."""

    name: str
    suite: str

    @property
    def folder(self) -> Path:
        """Where the package is unpacked; a link to the folder of one exact version."""
        return CACHE / f"{self.name}.{self.suite}"


# Debian 12's own containerd (1.6) has no usable NRI. These two run with the libc of
# Debian 12; the runc of the same suites does not, and Debian 12's runc serves both.
CONTAINERD_1_7: Final = Package("containerd", "trixie")
CONTAINERD_2_1: Final = Package("containerd", "forky")
RUNC: Final = Package("runc", "bookworm")
BUSYBOX: Final = Package("busybox-static", "bookworm")
PROMETHEUS: Final = Package("prometheus", "bookworm")
"""For its promtool, which evaluates alert rules; fetched by the tests that need it."""

ALL: Final = (CONTAINERD_1_7, CONTAINERD_2_1, RUNC, BUSYBOX)


class PackageError(Exception):
    """The packages are not in the cache and cannot be fetched on this machine."""

    def __init__(self, packages: Iterable[Package], reason: str) -> None:
        super().__init__(packages, reason)
        self.packages = tuple(packages)
        self.reason = reason

    def __str__(self) -> str:
        names = ", ".join(f"{package.name}/{package.suite}" for package in self.packages)
        return f"cannot get the Debian packages {names}: {self.reason}"


def fetch(packages: Iterable[Package] = ALL) -> None:
    """Makes sure that the packages are unpacked in the cache; needs no network if they are.

    Raises:
        PackageError: a tool, the archive or a shared library is missing.
    """
    missing = [package for package in packages if not package.folder.exists()]
    if not missing:
        return
    for tool in ("apt-get", "dpkg-deb", "ldd"):
        if shutil.which(tool) is None:
            raise PackageError(missing, f"{tool} is not on this machine")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="apt-") as folder:
        try:
            _download(missing, Path(folder))
        except subprocess.CalledProcessError as error:
            raise PackageError(missing, f"{error}\n{error.stderr}") from error
        except (subprocess.TimeoutExpired, NoArchive) as error:
            raise PackageError(missing, str(error)) from error


def _download(packages: list[Package], folder: Path) -> None:
    """Downloads with an apt state below `folder`, unpacks each package and links it."""
    apt = apt_command(folder, {package.suite for package in packages})
    for package in packages:
        before = set(folder.glob("*.deb"))
        run([*apt, "download", f"{package.name}/{package.suite}"], folder)
        (archive,) = set(folder.glob("*.deb")) - before
        _unpack(package, archive)


def _unpack(package: Package, archive: Path) -> None:
    """Unpacks to a folder named after the version, and links the package's folder to it."""
    # Without the epoch: the folder is used in PATH, where a colon separates.
    name, version, machine = archive.stem.split("_")
    target = CACHE / f"{name}_{version.rpartition('%3a')[2]}_{machine}"
    unpacked = archive.with_suffix("")
    run(["dpkg-deb", "-x", str(archive), str(unpacked)], CACHE)
    _check_libraries(package, unpacked)
    if not target.exists():
        unpacked.rename(target)
    link = archive.with_suffix(".link")
    link.symlink_to(target.name)
    link.rename(package.folder)


def _check_libraries(package: Package, folder: Path) -> None:
    """Raises PackageError if a program needs a shared library that is not here."""
    for program in folder.glob("**/*bin/*"):
        result = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
        lacking = [line.strip() for line in result.stdout.splitlines() if "not found" in line]
        if lacking:
            raise PackageError([package], f"{program.name} needs {'; '.join(lacking)}")


def main() -> int:
    """Fetches all packages; prints where they are, or what is missing."""
    try:
        fetch()
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for package in ALL:
        sys.stdout.write(f"{package.name}/{package.suite}: {package.folder.resolve().name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
