"""Folders with Debian packages and all they depend on, unpacked and not installed.

apt resolves the dependencies against an empty package database, so such a folder does not lean
on the machine: programs in it are run by its own loader, or are the root of a virtual machine.
Nothing is installed, no maintainer script runs.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.apt import FETCH_TIMEOUT_S, NoArchive, apt_command

SUITE: Final = "trixie"
LIBRARIES: Final = "usr/lib/x86_64-linux-gnu"
LOADER: Final = f"{LIBRARIES}/ld-linux-x86-64.so.2"
# In a merged /usr these are links; the packages that make them have scripts to do so.
LINKS: Final = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}


class UnpackError(Exception):
    """Debian packages that are needed cannot be had on this machine."""

    def __init__(self, packages: Sequence[str], reason: str) -> None:
        super().__init__(packages, reason)
        self.packages = tuple(packages)
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot get the Debian packages {', '.join(self.packages)}: {self.reason}"


def unpack(target: Path, packages: Sequence[str], *, depends: bool = True) -> None:
    """Downloads packages and unpacks them.

    Args:
        target: Where to; it is made.
        packages: Their names.
        depends: Whether all they depend on comes along.

    Raises:
        UnpackError: a tool or the archive is missing, or has not the packages.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise UnpackError(packages, f"{tool} is not on this machine")
    try:
        with tempfile.TemporaryDirectory(prefix="apt-", dir=target.parent) as folder:
            _unpack(target, packages, Path(folder), depends=depends)
    except subprocess.CalledProcessError as error:
        raise UnpackError(packages, f"{error}\n{error.stderr}") from error
    except (subprocess.TimeoutExpired, NoArchive) as error:
        raise UnpackError(packages, str(error)) from error


def newest(package: str) -> str:
    """The package that a meta package stands for, such as the newest kernel's.

    Args:
        package: The meta package; it depends on exactly one.

    Raises:
        UnpackError: as `unpack`.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="apt-") as folder:
            apt = apt_command(Path(folder), [SUITE])
            lines = _run(["apt-cache", *apt[2:], "depends", package], Path(folder)).splitlines()
    except subprocess.CalledProcessError as error:
        raise UnpackError([package], f"{error}\n{error.stderr}") from error
    except (FileNotFoundError, subprocess.TimeoutExpired, NoArchive) as error:
        raise UnpackError([package], str(error)) from error
    (found,) = (line.split()[1] for line in lines if line.strip().startswith("Depends:"))
    return found


def program(root: Path, name: str) -> list[str]:
    """The start of a command line that runs an unpacked program with its own libraries.

    Args:
        root: The folder it was unpacked to.
        name: Its path below `root`.
    """
    libraries = f"{root / LIBRARIES}:{root / LIBRARIES / 'pulseaudio'}"
    return [str(root / LOADER), "--library-path", libraries, str(root / name)]


def _unpack(target: Path, packages: Sequence[str], folder: Path, *, depends: bool) -> None:
    apt = apt_command(folder, [SUITE])
    if depends:
        nothing = ["-oDir::State::status=/dev/null", "-oAPT::Install-Recommends=false"]
        command = [*apt, *nothing, "--yes", "--download-only", "-oDebug::NoLocking=1", "install"]
    else:
        command = [*apt, "download"]
    _run([*command, *packages], folder)
    for link, to in LINKS.items():
        (target / to).mkdir(parents=True, exist_ok=True)
        (target / link).symlink_to(to)
    for archive in sorted([*folder.glob("*.deb"), *folder.glob("cache/archives/*.deb")]):
        # Through tar: it follows the links above where `dpkg-deb -x` would replace them.
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE
        ) as reading:
            subprocess.run(
                ["tar", "--extract", "--keep-directory-symlink", "--directory", str(target)],
                stdin=reading.stdout,
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_TIMEOUT_S,
            )


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=FETCH_TIMEOUT_S
    )
    return done.stdout
