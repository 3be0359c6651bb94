"""Bytes as a peer could send them, and the three ways in which every parser gets them."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TypeVar

from google.protobuf.message import Message as NriMessage

from nri.mux import Channel, Frame
from nri.services import Method
from nri.session import Session, SessionEvent
from nri.ttrpc import Header, MessageType, Request, Response

_T = TypeVar("_T")

PIECE_OF_HEADER = bytes.fromhex("00000001000000")
"""The start of a frame: a tail that completes nothing."""


def feed_three_ways(read: Callable[[Iterable[bytes]], _T], data: bytes, tail: bytes) -> _T:
    """Feeds a parser whole, byte by byte and with a tail.

    Args:
        read: Makes a fresh parser, feeds it the pieces and returns all that it recognised.
        data: Complete units.
        tail: The start of one more unit, which must not change what was recognised.

    Returns:
        What was recognised, the same in all three ways.
    """
    whole = read([data])
    assert read(data[at : at + 1] for at in range(len(data))) == whole
    assert read([data + tail]) == whole
    return whole


def frame(channel: int, payload: bytes) -> bytes:
    """Returns the bytes of one frame."""
    return Frame(channel, payload).serialize()


def message(stream_id: int, kind: int, body: bytes = b"") -> bytes:
    """Returns the bytes of one ttrpc message."""
    return Header(len(body), stream_id, kind).serialize() + body


def request(stream_id: int, method: Method, content: NriMessage, timeout_ns: int = 0) -> bytes:
    """Returns the bytes of a well-formed request in one frame."""
    payload = content.SerializeToString()
    body = Request(method.service, method.name, payload, timeout_ns).serialize()
    return frame(_channel_of(method), message(stream_id, MessageType.REQUEST, body))


def response(stream_id: int, method: Method, answer: Response) -> bytes:
    """Returns the bytes of a well-formed response in one frame."""
    kind = MessageType.RESPONSE
    return frame(_channel_of(method), message(stream_id, kind, answer.serialize()))


def _channel_of(method: Method) -> Channel:
    plugin_serves = method.service.endswith(".Plugin")
    return Channel.PLUGIN_SERVICE if plugin_serves else Channel.RUNTIME_SERVICE


def plain(event: SessionEvent) -> tuple[object, ...]:
    """Makes an event comparable: errors compare by identity, their type and fields do not."""
    values = (getattr(event, field.name) for field in fields(event))
    return type(event), *(
        (type(value), value.args) if isinstance(value, Exception) else value for value in values
    )


def events_of(session: Session) -> list[tuple[object, ...]]:
    """Takes the events of a session in comparable form."""
    return [plain(event) for event in session.events_received()]


def sent_by(session: Session) -> bytes:
    """Takes the bytes that a session wants to send."""
    return b"".join(session.data_to_send())
