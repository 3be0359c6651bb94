"""The bill of materials: what a release contains, in CycloneDX's JSON form.

Source: the CycloneDX specification, version 1.6. It is written from the metadata of the
packages that are built in, so it cannot differ from them.
"""

import hashlib
import json
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

from tools.release.interpreter import PYTHON, ask_python
from tools.release.modules import distributions

LINKED: Final = ("libexpat1-dev", "libc6-dev", "zlib1g-dev")
"""Debian's packages of the libraries that are linked into the executable beside CPython."""

_CHUNK: Final = 1 << 20


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    sha256 = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
    return sha256.hexdigest()


def write(target: Path, version: str, files: Iterable[Path]) -> None:
    """Write the bill of materials.

    Args:
        target: The file to write.
        version: The release's version.
        files: The files of the release, which are named with their digests.
    """
    found = sorted(files)
    libraries = [_library(one) for one in distributions().values()]
    components = [*libraries, *_debian(), *map(_file, found)]
    text = "".join(part["hashes"][0]["content"] for part in components if "hashes" in part)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same release gives the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{_NAME}@{version}/{text}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": _NAME,
                "name": _NAME,
                "version": version,
                "purl": f"pkg:pypi/{_NAME}@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": _NAME, "dependsOn": sorted(part["bom-ref"] for part in libraries)}
        ],
    }
    target.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n")


_NAME: Final = "weka-nri-cpuset"


def _library(found: Distribution) -> dict[str, Any]:
    name = found.metadata["Name"].lower()
    identity = f"pkg:pypi/{name}@{found.version}"
    return {
        "type": "library",
        "bom-ref": identity,
        "name": name,
        "version": found.version,
        "purl": identity,
        "licenses": [{"license": {"name": _licence(found)}}],
        "scope": "required",
    }


def _licence(found: Distribution) -> str:
    """Return what the metadata says of the licence; old packages write its whole text there."""
    stated = next(
        (
            text
            for field in ("License-Expression", "License")
            for text in found.metadata.get_all(field, [])
            if text
        ),
        "",
    )
    classified = [
        line.rpartition(" :: ")[2]
        for line in found.metadata.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    return stated.partition("\n")[0] or ", ".join(classified) or "see the package"


def _debian() -> Iterator[dict[str, Any]]:
    """Yield what of Debian is linked into the executable."""
    python = f"libpython{ask_python().version.rpartition('.')[0]}-dev"
    for package in (python, *LINKED):
        shown = subprocess.run(  # noqa: S603  # names of this file
            ["dpkg-query", "-W", "-f=${source:Package} ${Version}", package],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        source, version = shown.split()
        identity = f"pkg:deb/debian/{source}@{version}"
        yield {
            "type": "library",
            "bom-ref": identity,
            "name": source,
            "version": version,
            "purl": identity,
            "description": f"linked into the executable; built with {PYTHON}",
        }


def _file(path: Path) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": path.name,
        "name": path.name,
        "hashes": [{"alg": "SHA-256", "content": digest(path)}],
    }
