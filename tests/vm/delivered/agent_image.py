"""The agent's image, made as the Dockerfile makes it, without an engine and without a registry.

The lower layer is Debian's Python instead of the image that the Dockerfile names; the upper one is
the Dockerfile's `/opt/weka-cpuset`: a virtual environment with the built wheel in it. What its
containers start is read from the Dockerfile.
"""

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.e2e import images
from tests.vm import image
from tests.vm.image import ROOT, Image
from weka_cpuset import __version__

REPOSITORY: Final = "docker.io/local/weka-nri-cpuset"
PROGRAMS: Final = "opt/weka-cpuset"
SITE: Final = f"{PROGRAMS}/lib/python{image.PYTHON_VERSION}/site-packages"
WHERE: Final = "/node/agent-image.tar"
"""Where the archive puts the image in the virtual machine."""


def archive(built: Image, folder: Path) -> bytes:
    """A tar file for the machine's root, with the image in it.

    Args:
        built: Has the lower layer, and the Python that the modules are compiled with.
        folder: An empty folder to work in.
    """
    _install(folder, _wheel(folder / "wheels"))
    image.compile_python(built, folder / SITE, f"/{SITE}")
    layers = (built.agent_base.read_bytes(), _tar([(folder / PROGRAMS, PROGRAMS)]))
    packed = images.pack([images.Image(f"{REPOSITORY}:{__version__}", layers, config())])
    file = folder / "image.tar"
    file.write_bytes(packed)
    return _tar([(file, WHERE.lstrip("/"))])


def config() -> dict[str, Any]:
    """What containers of the image start, and as whom, according to the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)
    (command,) = re.findall(r"^CMD (.+)$", text, re.MULTILINE)
    return {"User": user, "Entrypoint": json.loads(entrypoint), "Cmd": json.loads(command)}


def _wheel(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target=wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = folder.iterdir()
    return wheel


def _install(folder: Path, wheel: Path) -> None:
    """Makes the virtual environment by hand: the image's Python cannot run on every machine."""
    image.install(folder / SITE, [str(wheel)])
    (folder / PROGRAMS / "pyvenv.cfg").write_text("home = /usr/bin\n")
    scripts = folder / PROGRAMS / "bin"
    (folder / SITE / "bin").rename(scripts)
    python = scripts / "python"
    python.symlink_to(f"/{image.PYTHON}")
    program = scripts / "weka-cpuset"
    # The first line names the Python that pip ran with.
    _, _, rest = program.read_text().partition("\n")
    program.write_text(f"#!/{python.relative_to(folder)}\n{rest}")


def _tar(members: Iterable[tuple[Path, str]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, name in members:
            tar.add(path, name)
    return buffer.getvalue()
