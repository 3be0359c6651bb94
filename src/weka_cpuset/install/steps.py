"""The steps that an installation consists of: each can be told, and done.

A file is written beside its place and moved there, so nobody ever sees half of one.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, assert_never


@dataclass(frozen=True, slots=True)
class Write:
    """Make a file with this text.

    Attributes:
        path: The file.
        text: What it will say.
    """

    path: Path
    text: str

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True, slots=True)
class Copy:
    """Make a program of a copy of a file.

    Attributes:
        source: What is copied.
        path: The program.
        beside: The folder in which the copy is made before it is moved to its place.
    """

    source: Path
    path: Path
    beside: Path

    def __str__(self) -> str:
        return f"copy {self.source} to {self.path}"


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file, which may be gone already."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program of the host.

    Attributes:
        command: The program and its arguments.
    """

    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"run {' '.join(self.command)}"


Step: TypeAlias = Write | Copy | Remove | Run


class StepFailed(Exception):
    """A step could not be done; those before it are done.

    Args:
        step: The step.
        reason: Why, in one line.
    """

    def __init__(self, step: Step, reason: str) -> None:
        super().__init__(step, reason)
        self.step = step
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot {self.step}: {self.reason}"


def do(step: Step) -> None:
    """Do one step.

    Raises:
        StepFailed: It could not be done.
    """
    try:
        match step:
            case Write(path, text):
                path.parent.mkdir(parents=True, exist_ok=True)
                new = path.with_name(f".{path.name}.new")
                new.write_text(text)
                _move(new, path, 0o644)
            case Copy(source, path, beside):
                path.parent.mkdir(parents=True, exist_ok=True)
                new = beside / f".{path.name}.new"
                shutil.copyfile(source, new)
                _move(new, path, 0o755)
            case Remove(path):
                path.unlink(missing_ok=True)
            case Run(command):
                subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # commands of the plan
            case _ as never:
                assert_never(never)
    except subprocess.CalledProcessError as error:
        raise StepFailed(step, error.stderr.strip() or str(error)) from error
    except OSError as error:
        raise StepFailed(step, error.strerror or str(error)) from error


def _move(new: Path, path: Path, mode: int) -> None:
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
    new.chmod(mode)
    new.replace(path)
