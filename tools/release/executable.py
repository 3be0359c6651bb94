"""Puts the self-contained executable together: the interpreter, and behind it the modules.

An ELF file is read from its start and a zip archive from its end, so the two make one file.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from tools.release import interpreter, modules

MODE: Final = 0o755


def build(target: Path) -> None:
    """Build the executable.

    Args:
        target: The file to write; its folder exists.

    Raises:
        BuildFailed: A tool failed or is missing.
        SourcesMissing: Sources cannot be had.
        NotCompilable: A module is not valid Python.
    """
    python = interpreter.ask_python()
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python.version.rpartition(".")[0] != own:
        # Compiled modules are understood by the same minor version only.
        raise interpreter.BuildFailed(
            "the build", f"it runs on Python {own} and would link Python {python.version}"
        )
    linked = interpreter.build()
    with tempfile.TemporaryDirectory(prefix="modules-", dir=target.parent) as folder:
        archive = Path(folder) / "modules.zip"
        modules.pack(archive, python.standard)
        whole = Path(folder) / target.name
        whole.write_bytes(linked.read_bytes() + archive.read_bytes())
        whole.chmod(MODE)
        whole.replace(target)
