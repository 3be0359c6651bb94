"""Who the plugin is, and where its runtime is.

A plugin either connects to the socket of the runtime, or was started by the runtime and
inherits one end of a socket pair. The environment tells (NRI 0.12 stub): NRI_PLUGIN_SOCKET
is the inherited descriptor, NRI_PLUGIN_NAME and NRI_PLUGIN_IDX are the identity; a file
name such as `10-weka` tells it too.
"""

import asyncio
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from nri.errors import BadEndpoint, BadIdentity, ConnectFailed

DEFAULT_SOCKET = "/var/run/nri/nri.sock"
"""Where containerd and CRI-O listen unless told otherwise."""

INDEX_FORM = re.compile(r"[0-9]{2}")
"""What every runtime accepts as the index of a plugin."""

NAME_FORM = re.compile(r"[A-Za-z0-9_.+-]+")
"""What runtimes since NRI 0.12 accept as the name of a plugin; older ones take any text."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Name and index of a plugin. Plugins are called in ascending order of index.

    Args:
        name: Letters, digits and `_.+-`, which is what runtimes since NRI 0.12 accept.
        index: Two ASCII digits.

    Raises:
        BadIdentity: Name or index is not of that form.
    """

    name: str
    index: str

    def __post_init__(self) -> None:
        """Checks the form."""
        if NAME_FORM.fullmatch(self.name) is None:
            raise BadIdentity("name", self.name)
        if INDEX_FORM.fullmatch(self.index) is None:
            raise BadIdentity("index", self.index)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], argv0: str, default: "Identity"
    ) -> "Identity":
        """Finds out who we are; name and index separately.

        Args:
            environ: The environment: NRI_PLUGIN_NAME, NRI_PLUGIN_IDX.
            argv0: How the program was called; a file name `NN-name` counts next.
            default: What counts last.

        Returns:
            The identity.

        Raises:
            BadIdentity: A value in the environment is not of the right form.
        """
        index, dash, name = argv0.rpartition("/")[2].partition("-")
        named = bool(dash and INDEX_FORM.fullmatch(index) and NAME_FORM.fullmatch(name))
        file = cls(name, index) if named else default
        return cls(
            environ.get("NRI_PLUGIN_NAME") or file.name,
            environ.get("NRI_PLUGIN_IDX") or file.index,
        )


@dataclass(frozen=True, slots=True)
class SocketEndpoint:
    """The socket on which a runtime listens."""

    path: str


@dataclass(frozen=True, slots=True)
class InheritedEndpoint:
    """One end of a socket pair, inherited from the runtime that started this process."""

    fd: int


Endpoint = SocketEndpoint | InheritedEndpoint


def endpoint_from_environment(
    environ: Mapping[str, str], default_path: str = DEFAULT_SOCKET
) -> Endpoint:
    """Finds out where the runtime is.

    Args:
        environ: The environment: NRI_PLUGIN_SOCKET.
        default_path: The socket to connect to if nothing was inherited.

    Returns:
        The endpoint.

    Raises:
        BadEndpoint: NRI_PLUGIN_SOCKET is not a descriptor number.
    """
    descriptor = environ.get("NRI_PLUGIN_SOCKET", "")
    if not descriptor:
        return SocketEndpoint(default_path)
    if not (descriptor.isascii() and descriptor.isdecimal() and len(descriptor) <= 9):
        raise BadEndpoint(descriptor, "not a number")
    return InheritedEndpoint(int(descriptor))


async def open_endpoint(
    endpoint: Endpoint, protocol: asyncio.BaseProtocol, timeout_s: float
) -> None:
    """Opens the trunk and gives it to a protocol.

    Args:
        endpoint: Where the runtime is.
        protocol: What moves the bytes.
        timeout_s: Deadline.

    Raises:
        ConnectFailed: No runtime listens there.
        BadEndpoint: The inherited descriptor is no connection.
    """
    loop = asyncio.get_running_loop()
    match endpoint:
        case SocketEndpoint(path):
            try:
                async with asyncio.timeout(timeout_s):
                    await loop.create_unix_connection(lambda: protocol, path)
            except TimeoutError:
                raise ConnectFailed(path, f"not accepted within {timeout_s:g} s") from None
            except (OSError, ValueError) as error:
                raise ConnectFailed(path, getattr(error, "strerror", None) or str(error)) from error
        case InheritedEndpoint(fd):
            await loop.create_unix_connection(lambda: protocol, sock=_inherited(fd))


def _inherited(fd: int) -> socket.socket:
    """Takes over a descriptor; our own children must not inherit it again."""
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise BadEndpoint(str(fd), error.strerror or str(error)) from error
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        sock.detach()
        raise BadEndpoint(str(fd), "not a unix stream socket")
    os.set_inheritable(fd, False)  # noqa: FBT003  # takes no keywords
    sock.settimeout(0)  # non-blocking
    return sock
