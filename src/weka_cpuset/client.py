"""Asking an agent over HTTP, as the command line does it."""

import http.client
import socket
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from weka_cpuset.address import Address

TIMEOUT_S = 5.0
"""How long each step of an exchange may take, in seconds."""

BODY_MAX = 64 << 20
"""A longer answer is no status: that of the largest machine has less than 1 MiB."""


class NoAnswer(Exception):
    """The agent cannot be asked.

    Attributes:
        where: Where it was looked for.
        problem: Why there is no answer.
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"no answer from the agent at {self.where}: {self.problem}"


class BadUrl(ValueError):
    """A text is neither a URL of an agent nor an address.

    Attributes:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"{self.text!r}: use http://host:port, host:port or the path of a socket"


class Client:
    """Asks one agent.

    Args:
        where: `http://host:port`, `https://host:port`, `host:port`, or the path of a socket.

    Raises:
        BadUrl: It is none of these.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._connect = _way_to(where)

    def get(self, path: str) -> bytes:
        """Return what the agent has at a path.

        Raises:
            NoAnswer: It cannot be reached, is too slow, or has nothing there.
        """
        connection = self._connect()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(BODY_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NoAnswer(self._where, problem) from error
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise NoAnswer(self._where, f"{answer.status} {answer.reason} for {path}")
        if len(body) > BODY_MAX:
            raise NoAnswer(self._where, f"more than {BODY_MAX} bytes")
        return body


class _SocketConnection(http.client.HTTPConnection):
    """A connection to the path of a socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))


def _way_to(where: str) -> Callable[[], http.client.HTTPConnection]:
    """Return what makes a connection."""
    try:
        if "://" not in where:
            address = Address.parse(where)
            if address.path:
                return lambda: _SocketConnection(Path(address.path))
            return lambda: http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
        parts = urllib.parse.urlsplit(where)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadUrl(where) from error
    if not host or parts.path not in ("", "/") or parts.query:
        raise BadUrl(where)
    match parts.scheme:
        case "http":
            return lambda: http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        case "https":
            return lambda: http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S)
        case _:
            raise BadUrl(where)
