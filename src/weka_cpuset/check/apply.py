"""Writing a change of a configuration file, with a copy of what was there."""

import shutil
from pathlib import Path

from weka_cpuset.check import files
from weka_cpuset.check.facts import NotReadable
from weka_cpuset.check.fix import Change


def read_text(path: Path) -> str | None:
    """Return a file's text, or None if there is no such file.

    Args:
        path: The file.

    Raises:
        OSError: It is there and cannot be read.
        NotReadable: It is too large, or no text.
    """
    data = files.read_bytes(path)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise NotReadable(path, "is no text") from error


def write(change: Change) -> Path | None:
    """Put a change in force, in one step.

    Args:
        change: The change.

    Returns:
        The copy of the file as it was; None if there was none.

    Raises:
        OSError: It cannot be written.
    """
    path = change.path
    path.parent.mkdir(parents=True, exist_ok=True)
    # Runtimes read all files of a folder of drop-ins, so nothing else may be put there.
    folder = path.parent.parent if path.parent.suffix == ".d" else path.parent
    new = folder / f".{path.name}.new"
    new.write_text(change.after)
    copy = None
    if change.before is not None:
        copy = _free_name(folder / f"{path.name}.bak")
        shutil.copy2(path, copy)
        shutil.copymode(path, new)
    new.replace(path)
    return copy


def _free_name(path: Path) -> Path:
    """Return a name that no earlier copy has."""
    number, free = 0, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}{number}")
    return free
