"""The images of the tests, made in memory: there is no image registry to pull from.

One layer (busybox with a link for each command the tests use) serves two images: the one the
containers run, and the pause image of the pod sandboxes.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

BUSYBOX_IMAGE: Final = "docker.io/local/busybox:1"
PAUSE_IMAGE: Final = "docker.io/local/pause:1"
COMMANDS: Final = ("sh", "sleep", "cat", "grep", "echo", "true", "false", "nproc")
FOLDERS: Final = ("bin", "proc", "sys", "dev", "tmp", "etc")
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
OCI: Final = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Image:
    """An image.

    Attributes:
        name: Its whole name, with registry and tag.
        layers: Uncompressed tar files, the lowest first.
        config: What its containers run by default, as in OCI's image configuration.
    """

    name: str
    layers: tuple[bytes, ...]
    config: Mapping[str, Any]


def archive(busybox: Path) -> bytes:
    """An OCI image layout with both images, as a tar file for `ctr images import`.

    Args:
        busybox: a statically linked busybox.
    """
    layers = (_layer(busybox.read_bytes()),)
    config = {"Env": ["PATH=/bin"]}
    return pack(
        [
            Image(PAUSE_IMAGE, layers, config | {"Entrypoint": ["/bin/sleep", "1000000"]}),
            Image(BUSYBOX_IMAGE, layers, config | {"Entrypoint": ["/bin/sh"]}),
        ]
    )


def pack(images: Sequence[Image]) -> bytes:
    """An OCI image layout with images, as a tar file for `ctr images import`."""
    blobs: dict[str, bytes] = {}
    manifests = [_add_image(blobs, image) for image in images]
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": manifests}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}
    files |= {f"blobs/sha256/{digest}": data for digest, data in blobs.items()}
    return _tar([(_file(name), data) for name, data in files.items()])


def _layer(busybox: bytes) -> bytes:
    """The root file system as an uncompressed tar file."""
    members = [(_folder(name), b"") for name in FOLDERS]
    members.append((_file("bin/busybox", mode=0o755), busybox))
    members += [(_link(f"bin/{command}", "busybox"), b"") for command in COMMANDS]
    return _tar(members)


def _add_image(blobs: dict[str, bytes], image: Image) -> dict[str, Any]:
    """Adds layers, configuration and manifest of an image to `blobs`; returns its index entry."""
    digests = [_digest(layer) for layer in image.layers]
    blobs |= dict(zip(digests, image.layers, strict=True))
    config = _json(
        {
            "architecture": MACHINES[platform.machine()],
            "os": "linux",
            "config": image.config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{one}" for one in digests]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": _descriptor("config.v1+json", config),
            "layers": [_descriptor("layer.v1.tar", layer) for layer in image.layers],
        }
    )
    blobs |= {_digest(config): config, _digest(manifest): manifest}
    # The annotation is where `ctr images import` takes the name from.
    annotations = {"io.containerd.image.name": image.name}
    return _descriptor("manifest.v1+json", manifest) | {"annotations": annotations}


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{_digest(data)}", "size": len(data)}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _file(name: str, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member


def _folder(name: str) -> tarfile.TarInfo:
    member = _file(name, mode=0o755)
    member.type = tarfile.DIRTYPE
    return member


def _link(name: str, target: str) -> tarfile.TarInfo:
    member = _file(name, mode=0o777)
    member.type = tarfile.SYMTYPE
    member.linkname = target
    return member
