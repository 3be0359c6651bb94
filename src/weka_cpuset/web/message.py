"""Requests and responses as values."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Request:
    """A request; it has no body.

    Attributes:
        method: Such as GET.
        path: The path without the query.
        host: The host's name as the client wrote it, without the port; empty if there is none.
    """

    method: str
    path: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes:
        status: The status.
        body: The body.
        kind: Its media type.
        stream: What follows the body, piece by piece; None: nothing.
        headers: Further headers.
    """

    status: HTTPStatus
    body: bytes
    kind: str = TEXT
    stream: AsyncGenerator[bytes, None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def plain(status: HTTPStatus, text: str = "") -> Response:
    """Return a short answer in words; without words those of the status."""
    return Response(status, f"{text or status.phrase}\n".encode())
