"""Packs the modules of the executable: compiled, in one archive that is read in place.

The same sources give the same bytes: entries are sorted, carry no time, and no path of the
machine that built them.
"""

import py_compile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import Requirement

from tools.release.sources import ROOT, BuildError

OURS: Final = ("nodesim", "nodestress", "nri", "weka_cpuset")
DATA: Final = (".yaml", ".json", ".html", ".css", ".js", ".svg", ".service")
"""Files of our packages that are read at run time, by suffix."""

NOT_NEEDED: Final = frozenset(
    {
        "dist-packages",
        "distutils",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "sqlite3",
        "test",
        "tests",
        "tkinter",
        "turtle.py",
        "turtledemo",
        "unittest",
        "venv",
        "xmlrpc",
        "curses",
        "dbm",
        "multiprocessing",
        "__pycache__",
    }
)
"""Folders and files of the standard library that no command uses, or whose extension modules are
not linked in."""

UNUSED: Final = frozenset({"markdown-it-py", "mdurl", "pygments"})
"""Dependencies of rich for what is not used here: Markdown and coloured source text."""


class NotCompilable(BuildError):
    """A module is not valid Python.

    Args:
        path: The module.
        reason: Why.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def distributions() -> dict[str, Distribution]:
    """Return the installed distributions that the program needs at run time.

    Its own dependencies are read from pyproject.toml: what is installed of it can be older.

    Returns:
        By normalized name, sorted.

    Raises:
        PackageNotFoundError: One is not installed.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, Distribution] = {}
    pending = list(project["dependencies"])
    while pending:
        requirement = Requirement(pending.pop())
        name = requirement.name.lower().replace("_", "-")
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found and name not in UNUSED:
            found[name] = distribution(name)
            pending += found[name].requires or ()
    return dict(sorted(found.items()))


def pack(target: Path, standard: Path) -> int:
    """Write the archive.

    Args:
        target: The file to write.
        standard: The folder of the standard library to pack.

    Returns:
        How many modules are in it.

    Raises:
        NotCompilable: A module is not valid Python.
        PackageNotFoundError: A dependency is not installed.
    """
    files = dict(_files(standard))
    folders = {parent for name in files for parent in PurePosixPath(name).parents}
    with zipfile.ZipFile(target, "w") as archive:
        # A package without an __init__ is found by the entry of its folder only.
        for folder in sorted(map(str, folders - {PurePosixPath(".")})):
            _write(archive, f"{folder}/", b"")
        for name, path in sorted(files.items()):
            data = _compiled(name, path) if path.suffix == ".py" else path.read_bytes()
            _write(archive, str(PurePosixPath(name).with_suffix(_suffix(path))), data)
    return len(files)


def _files(standard: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file's name in the archive, and where it is."""
    for path in standard.rglob("*.py"):
        part = path.relative_to(standard)
        if NOT_NEEDED.isdisjoint(part.parts):
            yield part.as_posix(), path
    for found in distributions().values():
        yield from _library_files(found)
    for package in OURS:
        for path in (ROOT / "src" / package).rglob("*"):
            if path.suffix == ".py" or path.suffix in DATA:
                yield path.relative_to(ROOT / "src").as_posix(), path
    here = Path(__file__).parent
    yield "entry.py", here / "entry.py"
    yield "ssl.py", here / "no_tls.py"  # the last of a name counts


def _library_files(found: Distribution) -> Iterator[tuple[str, Path]]:
    for file in found.files or ():
        licence = ".dist-info" in file.parts[0] and "licen" in file.as_posix().lower()
        if file.suffix == ".py" or licence or file.name == "METADATA":
            yield file.as_posix(), Path(str(found.locate_file(file)))


def _compiled(name: str, path: Path) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".pyc") as compiled:
        try:
            # Not checked against a source by its time: there is none beside it.
            py_compile.compile(
                str(path),
                compiled.name,
                dfile=name,
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError as error:
            raise NotCompilable(path, error.msg) from error
        return Path(compiled.name).read_bytes()


def _suffix(path: Path) -> str:
    return ".pyc" if path.suffix == ".py" else path.suffix


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
