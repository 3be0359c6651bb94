"""Captured connections between containerd and a plugin, decoded and encoded again."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message as NriMessage

from nri import ttrpc_pb2
from nri.limits import Limits
from nri.mux import Channel, Frame, Layout, lay_out
from nri.services import Method, Side, methods_of
from nri.session import CallFailed, Counters, ReplyReceived, RequestReceived, Session
from nri.ttrpc import Message, MessageReader, MessageType, Request, Response
from tests.unit.nri.wire import PIECE_OF_HEADER, events_of, feed_three_ways, sent_by

GOLDEN = Path(__file__).parents[2] / "golden"
LIMITS = Limits()
METHODS = {(m.service, m.name): m for side in Side for m in methods_of(side)}


@dataclass(frozen=True)
class Capture:
    """One recorded connection: what each side sent, and the versions."""

    name: str

    def bytes_from(self, side: Side) -> bytes:
        """Returns all that a side sent."""
        return (GOLDEN / f"{self.name}.{side.value}.bin").read_bytes()

    def facts(self) -> dict[str, Any]:
        """Returns what was noted when it was recorded."""
        facts: dict[str, Any] = json.loads((GOLDEN / f"{self.name}.json").read_text())
        return facts


CAPTURES = [Capture(path.stem) for path in sorted(GOLDEN.glob("*.json"))]
every_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
both_sides = pytest.mark.parametrize("sender", Side, ids=lambda side: side.value)


def frames_in(data: bytes) -> list[Frame]:
    """Cuts a trunk into frames; fails if anything is left over."""
    frames, rest = [], data
    while rest:
        parsed = Frame.parse(rest, LIMITS.max_frame_bytes)
        assert parsed is not None
        frame, rest = parsed
        frames.append(frame)
    return frames


def payloads_of(data: bytes, channel: Channel) -> list[bytes]:
    """Returns the payloads of the frames of one logical connection."""
    return [frame.payload for frame in frames_in(data) if frame.channel == channel]


def messages_in(data: bytes, channel: Channel) -> list[Message]:
    """Returns the ttrpc messages of one logical connection."""
    reader = MessageReader(LIMITS.max_message_bytes, LIMITS.max_skipped_bytes)
    stream = memoryview(b"".join(payloads_of(data, channel)))
    return list(reader.feed(stream))


def body_of(message: Message) -> bytes:
    """Returns the body; no captured message is too large."""
    assert message.body is not None
    return message.body


def calls_in(data: bytes, channel: Channel) -> dict[int, tuple[Method, Request]]:
    """Returns the requests of one logical connection by stream id."""
    calls = {}
    for message in messages_in(data, channel):
        if message.header.type == MessageType.REQUEST:
            request = Request.parse(body_of(message))
            assert request is not None
            method = METHODS[request.service, request.method]
            calls[message.header.stream_id] = (method, request)
    return calls


def channels(sender: Side) -> tuple[Channel, Channel]:
    """Returns the logical connections on which a side calls and serves."""
    calling, serving = Channel.RUNTIME_SERVICE, Channel.PLUGIN_SERVICE
    return (calling, serving) if sender is Side.PLUGIN else (serving, calling)


def other(side: Side) -> Side:
    """Returns the peer of a side."""
    return Side.RUNTIME if side is Side.PLUGIN else Side.PLUGIN


def nri_messages(capture: Capture, sender: Side) -> list[tuple[type[NriMessage], bytes]]:
    """Returns every NRI message that a side sent: its class and its bytes."""
    data, peer_data = capture.bytes_from(sender), capture.bytes_from(other(sender))
    calling, serving = channels(sender)
    found = [
        (method.request, request.payload) for method, request in calls_in(data, calling).values()
    ]
    asked = calls_in(peer_data, serving)
    for message in messages_in(data, serving):
        answer = Response.parse(body_of(message))
        assert answer is not None
        if answer.error is None:
            found.append((asked[message.header.stream_id][0].response, answer.payload))
    return found


def has_map_without_order(message: NriMessage) -> bool:
    """Tells whether some map in a message has more than one entry."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if len(value) > 1:
                return True
        elif any(map(has_map_without_order, value if field.is_repeated else [value])):
            return True
    return False


def test_there_are_captures_of_two_runtimes_at_least() -> None:
    """The captures are there; without them the other tests here would check nothing."""
    assert len({capture.facts()["nri_version"] for capture in CAPTURES}) >= 2


@every_capture
@both_sides
def test_frames_encode_to_the_captured_bytes(capture: Capture, sender: Side) -> None:
    """The frames, put together again, are the trunk, with the same boundaries."""
    data = capture.bytes_from(sender)
    assert b"".join(frame.serialize() for frame in frames_in(data)) == data


@every_capture
@both_sides
@pytest.mark.parametrize("channel", Channel)
def test_messages_encode_to_the_captured_frames(
    capture: Capture, sender: Side, channel: Channel
) -> None:
    """Header and body of every message, laid out again, are the captured frames."""
    data = capture.bytes_from(sender)
    layout = Layout.HEADER_AND_BODY if sender is Side.PLUGIN else Layout.GO
    again = [
        frame.payload
        for message in messages_in(data, channel)
        for frame in lay_out(channel, message.header.serialize(), body_of(message), layout)
    ]
    assert again == payloads_of(data, channel)


@every_capture
@both_sides
def test_envelopes_encode_to_the_captured_bodies(capture: Capture, sender: Side) -> None:
    """The envelope of every request and response encodes to the captured body."""
    data = capture.bytes_from(sender)
    calling, serving = channels(sender)
    for message in messages_in(data, calling):
        wire = ttrpc_pb2.Request.FromString(body_of(message))
        assert wire.SerializeToString() == message.body
        wire.ClearField("metadata")  # containerd adds its namespace, which nobody needs
        request = Request.parse(body_of(message))
        assert request is not None
        assert request.serialize() == wire.SerializeToString()
    for message in messages_in(data, serving):
        response = Response.parse(body_of(message))
        assert response is not None
        assert response.serialize() == message.body


@every_capture
@both_sides
def test_nri_messages_encode_to_the_captured_payloads(capture: Capture, sender: Side) -> None:
    """Payloads encode to the same bytes; the order of map entries alone is free."""
    for message_type, payload in nri_messages(capture, sender):
        message = message_type.FromString(payload)
        if has_map_without_order(message):
            canonical = message.SerializeToString(deterministic=True)
            again = message_type.FromString(canonical)
            assert again.SerializeToString(deterministic=True) == canonical
            assert again == message
            assert len(canonical) == len(payload)
        else:
            assert message.SerializeToString() == payload


@every_capture
def test_both_kinds_of_payload_are_captured(capture: Capture) -> None:
    """The runtime sends messages with free and with fixed order, so both rules are tested."""
    kinds = {
        has_map_without_order(message_type.FromString(payload))
        for message_type, payload in nri_messages(capture, Side.RUNTIME)
    }
    assert kinds == {True, False}


@every_capture
@both_sides
def test_a_session_understands_all_that_a_side_sent(capture: Capture, sender: Side) -> None:
    """Whole, byte by byte or with a tail: every request and every reply becomes one event."""
    data, peer_data = capture.bytes_from(sender), capture.bytes_from(other(sender))
    calling, serving = channels(sender)
    asked = calls_in(peer_data, serving)

    def read(pieces: Iterable[bytes]) -> tuple[list[tuple[object, ...]], bytes, Counters]:
        session = Session(other(sender))
        for stream_id, (method, request) in asked.items():
            content = method.request.FromString(request.payload)
            assert session.call(method, content, request.timeout_ns) == stream_id
        session.data_to_send()
        for piece in pieces:
            session.receive_data(piece)
        return events_of(session), sent_by(session), session.counters

    events, answers, counters = feed_three_ways(read, data, PIECE_OF_HEADER)
    kinds = Counter(event[0] for event in events)
    assert kinds == {
        RequestReceived: len(calls_in(data, calling)),
        ReplyReceived: len(asked) - 1,
        CallFailed: 1,  # each side of the recording refused once
    }
    assert answers == b""
    assert counters == Counters()


@every_capture
def test_the_calls_are_those_that_were_noted(capture: Capture) -> None:
    """The methods agree with the notes of the recording, in number and in order."""
    facts = capture.facts()
    of_runtime = calls_in(capture.bytes_from(Side.RUNTIME), Channel.PLUGIN_SERVICE).values()
    of_plugin = calls_in(capture.bytes_from(Side.PLUGIN), Channel.RUNTIME_SERVICE).values()
    assert Counter(method.name for method, _ in of_runtime) == facts["requests_to_plugin"]
    assert [method.name for method, _ in of_plugin] == facts["calls_of_plugin"]
