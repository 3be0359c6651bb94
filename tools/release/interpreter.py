"""Builds the executable's interpreter: CPython and the extension modules, in one static file.

Linked are Debian's static CPython library, zlib, expat and libc, and the extension modules which
that library leaves out. So the executable needs nothing of the host but its kernel. It is
position independent, as other programs are.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.release import sources

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = sources.ROOT / ".cache" / "release"
PYTHON: Final = Path("/usr/bin/python3")
"""Debian's Python, whose static library is linked and whose modules are packed."""

STANDARD: Final = {
    "_asyncio": "_asynciomodule.c",
    "_contextvars": "_contextvarsmodule.c",
    "_json": "_json.c",
    "_queue": "_queuemodule.c",
    "_typing": "_typingmodule.c",
    "mmap": "mmapmodule.c",
    "resource": "resource.c",
    "termios": "termios.c",
}
"""Extension modules of the standard library that are needed, by file below `Modules`. Those
that are in the static library already are left out."""

LINKED: Final = {"msgspec._core": "PyInit__core", "google._upb._message": "PyInit__message"}
"""Extension modules of libraries, by their initialization function."""

_COMPILE: Final = ("-O2", "-fPIE", "-DNDEBUG", "-g0", "-w", "-fvisibility=hidden")
_ASK: Final = (
    "import json, sys, sysconfig; print(json.dumps([sysconfig.get_python_version(),"
    " sys.version.split()[0], sys.builtin_module_names, sysconfig.get_path('include'),"
    " sysconfig.get_config_var('LIBPL'), sysconfig.get_path('stdlib')]))"
)


class BuildFailed(sources.BuildError):
    """A tool that the executable is built with failed, or is missing.

    Args:
        tool: The tool.
        reason: What it said.
    """

    def __init__(self, tool: str, reason: str) -> None:
        super().__init__(tool, reason)
        self.tool = tool
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.tool} failed: {self.reason}"


@dataclass(frozen=True, slots=True)
class Python:
    """The Python that is linked.

    Attributes:
        version: Such as `3.11.2`.
        builtin: The modules that its static library has.
        headers: Where its headers are.
        library: Its static library, position independent.
        standard: The folder of its standard library.
    """

    version: str
    builtin: frozenset[str]
    headers: Path
    library: Path
    standard: Path


def ask_python() -> Python:
    """Ask Debian's Python about itself.

    Raises:
        BuildFailed: It, or its static library, is not installed.
    """
    short, version, builtin, headers, folder, standard = json.loads(_run([str(PYTHON), "-c", _ASK]))
    library = Path(folder) / f"libpython{short}-pic.a"
    if not library.exists():
        raise BuildFailed(str(PYTHON), f"{library} is missing; install libpython3-dev")
    return Python(version, frozenset(builtin), Path(headers), library, Path(standard))


def build() -> Path:
    """Build the interpreter, or return the one in the cache that was built from the same.

    Raises:
        BuildFailed: A tool failed or is missing.
        SourcesMissing: Sources cannot be had.
    """
    python = ask_python()
    target = CACHE / f"interpreter-{_fingerprint(python)}"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as folder:
        built = _build(python, Path(folder))
        built.rename(target)
    return target


def _fingerprint(python: Python) -> str:
    """All that decides what is built: versions, and the text of the files of this folder."""
    words = [python.version, _run(["gcc", "-dumpfullversion"]), str(python.library.stat().st_mtime)]
    words += [f"{name}=={sources.pinned(name)}" for name in sources.LIBRARIES]
    words += [(HERE / name).read_text() for name in ("launcher.c", "interpreter.py")]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def _build(python: Python, folder: Path) -> Path:
    found = sources.fetch(folder, python.version)
    standard = {name: file for name, file in STANDARD.items() if name not in python.builtin}
    functions = LINKED | {name: f"PyInit_{name}" for name in standard}
    table = " ".join(f'EXTENSION("{name}", {call})' for name, call in functions.items())
    commands = list(_compilations(python, found, standard.values()))
    commands.append([str(HERE / "launcher.c"), f"-DEXTENSIONS={table}", f"-I{python.headers}"])
    objects = [str(folder / f"{number}.o") for number in range(len(commands))]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        work = [
            pool.submit(_run, ["gcc", *_COMPILE, "-c", *command, "-o", target])
            for command, target in zip(commands, objects, strict=True)
        ]
        for job in work:
            job.result()
    built = folder / "interpreter"
    libraries = [str(python.library), "-lexpat", "-lz", "-lm"]
    # ld warns of functions (getpwnam and the like) that would need the host's own libc; none
    # of them is called.
    _run(["gcc", "-static-pie", "-s", *objects, *libraries, "-o", str(built)])
    return built


def _compilations(
    python: Python, found: sources.Sources, standard: Iterable[str]
) -> Iterator[list[str]]:
    """Yield the file and the options of each compilation."""
    headers = f"-I{python.headers}"
    for file in standard:
        inside = ["-DPy_BUILD_CORE_BUILTIN", f"-I{python.headers / 'internal'}"]
        yield [str(found.python / file), headers, *inside]
    msgspec = found.libraries["msgspec"]
    yield [str(msgspec / "src" / "msgspec" / "_core.c"), headers]
    protobuf = found.libraries["protobuf"]
    for part in ("google/protobuf", "python", "upb", "utf8_range"):
        for path in sorted((protobuf / part).rglob("*.c")):
            # As protobuf's own build does: its fast decoder is not ready for use.
            if "decode_fast" not in path.name:
                yield [str(path), headers, f"-I{protobuf}", f"-I{protobuf / 'utf8_range'}"]


def _run(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        raise BuildFailed(command[0], "it is not on this machine")
    try:
        return subprocess.run(  # noqa: S603  # argument lists of this file
            command, capture_output=True, text=True, check=True
        ).stdout
    except subprocess.CalledProcessError as error:
        raise BuildFailed(command[0], error.stderr) from error
