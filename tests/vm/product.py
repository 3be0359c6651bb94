"""The product as it is put into a virtual node: the packages of this checkout, compiled."""

import io
import shutil
import tarfile
import tomllib
from pathlib import Path
from typing import Final

from tests.vm import image
from tests.vm.image import ROOT, Image

WHERE: Final = "opt/agent"
PROGRAM: Final = "usr/bin/weka-cpuset"
SCRIPT: Final = f"""#!/usr/bin/python3
import sys

sys.path.insert(0, "/{WHERE}")
from weka_cpuset.cli import main

main()
"""


def archive(built: Image, folder: Path) -> bytes:
    """A tar file for the machine's root: the packages that the wheel has, and the program.

    Args:
        built: Has the Python that they are compiled with.
        folder: An empty folder to work in.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / WHERE / Path(package).name, ignore=leave_out)
    image.compile_python(built, folder / WHERE, f"/{WHERE}")
    program = folder / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(SCRIPT)
    program.chmod(0o755)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder / WHERE, WHERE)
        # Alone: usr/bin itself is there, and stays as it is.
        tar.add(program, PROGRAM)
    return buffer.getvalue()
