"""Gets the sources of the extension modules that are linked into the executable.

Those of CPython's own are in Debian's source package of the Python whose static library is
linked; those of libraries are in their source distributions, in the pinned versions.
"""

import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.apt import NoArchive, apt_command, machine_release, run

ROOT: Final = Path(__file__).resolve().parents[2]
LIBRARIES: Final = ("msgspec", "protobuf")
"""Libraries of which extension modules are linked in. Others that have some work without."""


class BuildError(Exception):
    """A release cannot be built here; the types below it say why."""


class SourcesMissing(BuildError):
    """Sources that the executable is built from cannot be had on this machine.

    Args:
        what: The package.
        reason: Why, as the tool said it.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot get the sources of {self.what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Sources:
    """Unpacked sources.

    Attributes:
        python: The folder `Modules` of CPython.
        libraries: The folder of each library of LIBRARIES.
    """

    python: Path
    libraries: dict[str, Path]


def pinned(name: str) -> str:
    """Return a package's version in constraints.txt.

    Raises:
        SourcesMissing: It is not pinned there.
    """
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        package, _, version = line.partition("==")
        if package == name:
            return version
    raise SourcesMissing(name, "constraints.txt does not pin it")


def fetch(folder: Path, python_version: str) -> Sources:
    """Download and unpack the sources.

    Args:
        folder: Where to; it exists.
        python_version: The version of the static library, such as `3.11.2`.

    Raises:
        SourcesMissing: Some cannot be had.
    """
    libraries = {name: _fetch_library(folder, name) for name in LIBRARIES}
    return Sources(_fetch_python(folder, python_version), libraries)


def _fetch_library(folder: Path, name: str) -> Path:
    version = pinned(name)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--no-binary", name, "--dest", str(folder), f"{name}=={version}"]
    try:
        run([*pip, *wanted], folder)
    except subprocess.CalledProcessError as error:
        raise SourcesMissing(name, error.stderr) from error
    _unpack(folder / f"{name}-{version}.tar.gz", folder, "")
    return folder / f"{name}-{version}"


def _fetch_python(folder: Path, version: str) -> Path:
    package = f"python{version.rpartition('.')[0]}"
    try:
        with tempfile.TemporaryDirectory(prefix="apt-", dir=folder) as state:
            apt = apt_command(Path(state), [machine_release()], "deb-src")
            run([*apt, "source", "--download-only", package], folder)
    except (subprocess.CalledProcessError, NoArchive, FileNotFoundError) as error:
        raise SourcesMissing(package, str(error)) from error
    archives = sorted(folder.glob(f"{package}_{version}.orig.tar.*"))
    if not archives:
        raise SourcesMissing(package, f"the archive's source is not of version {version}")
    _unpack(archives[0], folder, "/Modules/")
    return folder / f"Python-{version}" / "Modules"


def _unpack(archive: Path, folder: Path, part: str) -> None:
    with tarfile.open(archive) as opened:
        members = [member for member in opened if part in member.name]
        opened.extractall(folder, members, filter="data")
