"""Asks a running agent for its ledger and journal, over its HTTP."""

import http.client
import socket
from http import HTTPStatus

import msgspec

from weka_cpuset.address import Address
from weka_cpuset.explain.view import View, view_of
from weka_cpuset.journal.entry import Line

TIMEOUT_S = 10.0
"""How long an answer may take, in seconds."""


class Unanswered(Exception):
    """An agent does not answer as it shall.

    Attributes:
        address: Where it was asked.
        problem: What is wrong.
    """

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(address, problem)
        self.address = address
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"no answer of an agent at {self.address}: {self.problem}; "
            "name the address of the agent's setting http.listen with --agent"
        )


class _Journal(msgspec.Struct):
    decisions: tuple[Line, ...]


def ask_agent(address: Address) -> View:
    """Return what an agent knows.

    Args:
        address: Where it listens.

    Raises:
        Unanswered: Nobody answers there, or no agent.
        WrongPage: It is of another version.
    """
    # The journal is asked for second: it may go on after the ledger, but not end before it.
    ledger, journal = (_get(address, path) for path in ("/ledger.json", "/journal.json"))
    try:
        lines = msgspec.json.decode(journal, type=_Journal).decisions
    except msgspec.DecodeError as error:
        raise Unanswered(str(address), f"its journal cannot be read: {error}") from error
    return view_of(ledger, lines)


def _get(address: Address, path: str) -> bytes:
    """Return a page.

    Raises:
        Unanswered: There is none.
    """
    connection = _Connection(address)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(str(address), getattr(error, "strerror", None) or str(error)) from error
    finally:
        connection.close()
    if response.status != HTTPStatus.OK:
        raise Unanswered(str(address), f"{path}: {response.status} {response.reason}")
    return body


class _Connection(http.client.HTTPConnection):
    """A connection to a host, or to the path of a socket."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.host or "localhost", address.port or None, timeout=TIMEOUT_S)
        self._path = address.path

    def connect(self) -> None:
        """Connect."""
        if not self._path:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)
