"""The initial file system of the virtual node: loads a few drivers and mounts the disk."""

import stat
from collections.abc import Sequence
from typing import Final

MAGIC: Final = "070701"
"""The "new" format of cpio (Linux: Documentation/driver-api/early-userspace/buffer-format.rst)."""

INIT: Final = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module; done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /opt/node/init
"""


def archive(busybox: bytes, modules: Sequence[tuple[str, bytes]]) -> bytes:
    """A cpio archive for the kernel.

    Args:
        busybox: A statically linked busybox.
        modules: Name and content of each kernel module, in the order of loading.
    """
    init = INIT.format(modules=" ".join(name for name, _ in modules)).encode()
    executable, folder, plain = stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644
    members = [
        *((name, folder, b"") for name in ("bin", "dev", "root")),
        ("bin/busybox", executable, busybox),
        ("init", executable, init),
        *((name, plain, content) for name, content in modules),
        ("TRAILER!!!", 0, b""),
    ]
    return b"".join(_member(number, *one) for number, one in enumerate(members, start=1))


def _member(number: int, name: str, mode: int, content: bytes) -> bytes:
    named = name.encode() + b"\0"
    # inode, mode, owner, group, links, time, size, device and special device, name, checksum
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(named), 0)
    header = MAGIC.encode() + b"".join(b"%08x" % field for field in fields)
    return _padded(header + named) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
