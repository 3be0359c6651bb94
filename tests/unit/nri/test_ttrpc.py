"""ttrpc messages: header, envelope and stream ids."""

from collections.abc import Iterable

import pytest

from nri.errors import MessageTooLarge, Status, StatusError
from nri.ttrpc import (
    Header,
    Message,
    MessageReader,
    MessageType,
    Request,
    Response,
    StreamIds,
)
from tests.unit.nri.wire import feed_three_ways, message

MAX_MESSAGE, MAX_SKIPPED = 20, 50


def messages(pieces: Iterable[bytes]) -> list[Message]:
    """Reads the stream of one logical connection."""
    reader = MessageReader(MAX_MESSAGE, MAX_SKIPPED)
    found: list[Message] = []
    for piece in pieces:
        found += reader.feed(memoryview(piece))
    return found


def expected(stream_id: int, body: bytes, kind: int = MessageType.REQUEST) -> Message:
    """Returns a message as the reader yields it."""
    return Message(Header(len(body), stream_id, kind), body)


class TestHeader:
    """The 10 bytes before each body."""

    def test_a_header_has_the_computed_bytes(self) -> None:
        """Length and stream id are big-endian, type and flags one byte each."""
        data = bytes.fromhex("00000037 00000001 01 00")
        assert Header(55, 1, MessageType.REQUEST).serialize() == data
        assert Header.parse(data) == Header(55, 1, MessageType.REQUEST, 0)

    def test_any_header_survives_both_ways(self) -> None:
        """Types and flags that mean nothing to us are kept as they are."""
        data = bytes.fromhex("ffffffff fffffffe fd fc")
        assert Header.parse(data) == Header(0xFFFFFFFF, 0xFFFFFFFE, 0xFD, 0xFC)
        assert Header.parse(data).serialize() == data


class TestMessageReader:
    """From a stream to messages."""

    def test_messages_are_cut_out_of_the_stream(self) -> None:
        """Also empty ones, and one of exactly the limit."""
        data = message(1, 1, b"abc") + message(1, 2) + message(3, 9, bytes(MAX_MESSAGE))
        assert feed_three_ways(messages, data, message(5, 1, b"x")[:10]) == [
            expected(1, b"abc"),
            expected(1, b"", MessageType.RESPONSE),
            expected(3, bytes(MAX_MESSAGE), 9),
        ]

    @pytest.mark.parametrize("size", [MAX_MESSAGE + 1, MAX_SKIPPED])
    def test_a_message_beyond_the_limit_is_skipped(self, size: int) -> None:
        """It comes without a body once all of it has passed; the next one is well."""
        data = message(1, 1, b"x" * size) + message(3, 1, b"abc")
        assert feed_three_ways(messages, data, b"\0") == [
            Message(Header(size, 1, MessageType.REQUEST), None),
            expected(3, b"abc"),
        ]
        assert messages([data[: 10 + size - 1]]) == []

    def test_a_message_too_large_to_skip_ends_the_reading(self) -> None:
        """At its header already."""

        def read(pieces: Iterable[bytes]) -> tuple[object, ...]:
            with pytest.raises(MessageTooLarge) as caught:
                messages(pieces)
            return caught.value.args

        header = Header(MAX_SKIPPED + 1, 1, MessageType.REQUEST).serialize()
        sizes = (MAX_SKIPPED + 1, MAX_SKIPPED)
        assert feed_three_ways(read, message(1, 1, b"abc") + header, b"x") == sizes


class TestRequest:
    """The envelope of a call."""

    def test_a_request_has_the_computed_bytes(self) -> None:
        """Service, method and payload are fields 1, 2 and 3; no deadline, no field 4."""
        body = bytes.fromhex("0a0173 12016d 1a0170")
        assert Request("s", "m", b"p").serialize() == body
        assert Request.parse(body) == Request("s", "m", b"p", 0)

    def test_the_deadline_is_field_4(self) -> None:
        """In nanoseconds."""
        body = bytes.fromhex("0a0173 12016d 2080a8d6b907")
        assert Request("s", "m", b"", 2_000_000_000).serialize() == body
        assert Request.parse(body) == Request("s", "m", b"", 2_000_000_000)

    def test_metadata_and_unknown_fields_are_ignored(self) -> None:
        """The runtime adds its namespace, tracing adds more, and a newer ttrpc who knows what."""
        body = bytes.fromhex("0a0173 12016d 2a06 0a0161 120162 7a0178")
        assert Request.parse(body) == Request("s", "m", b"")

    @pytest.mark.parametrize("body", ["0aff", "0a01ff", "ff", "0a057368"])
    def test_what_is_no_request_is_none(self, body: str) -> None:
        """Cut fields and text that is no UTF-8 are the peer's fault, not an exception."""
        assert Request.parse(bytes.fromhex(body)) is None


class TestResponse:
    """The envelope of an answer."""

    def test_success_without_content_is_an_empty_body(self) -> None:
        """No byte at all."""
        assert Response().serialize() == b""
        assert Response.parse(b"") == Response()

    def test_success_carries_the_payload_in_field_2(self) -> None:
        """The reply to Configure with mask 0x7ff."""
        body = bytes.fromhex("1203 10ff0f")
        assert Response(bytes.fromhex("10ff0f")).serialize() == body
        assert Response.parse(body) == Response(bytes.fromhex("10ff0f"))

    def test_an_error_has_the_computed_bytes(self) -> None:
        """Code 12 with "method X"."""
        body = bytes.fromhex("0a0c 080c 1208 6d6574686f642058")
        assert Response(error=StatusError(Status.UNIMPLEMENTED, "method X")).serialize() == body
        assert self.error_in(body) == (Status.UNIMPLEMENTED, "method X")

    def test_an_error_drops_the_payload(self) -> None:
        """A call either has a result or has failed."""
        parsed = Response.parse(bytes.fromhex("0a02 0802 1203 10ff0f"))
        assert parsed is not None
        assert parsed.payload == b""
        both = Response(b"x", StatusError(Status.UNKNOWN, ""))
        assert both.serialize() == bytes.fromhex("0a02 0802")

    def test_status_ok_is_success(self) -> None:
        """A status that says OK is as good as none."""
        assert Response.parse(bytes.fromhex("0a00 120178")) == Response(b"x")

    @pytest.mark.parametrize("status", ["0811", "08ffffffffffffffffff01"])
    def test_a_code_that_nobody_knows_is_unknown(self, status: str) -> None:
        """17 is beyond the list, and -1 is before it."""
        data = bytes.fromhex(status)
        assert self.error_in(bytes([0x0A, len(data)]) + data) == (Status.UNKNOWN, "")

    def test_a_text_with_lone_surrogates_can_be_sent(self) -> None:
        """An error may quote a file name that is no unicode."""
        error = StatusError(Status.UNKNOWN, "caf\udce9 closed")
        assert self.error_in(Response(error=error).serialize()) == (Status.UNKNOWN, "caf? closed")

    @pytest.mark.parametrize("body", ["0aff", "0a03 1201ff", "12"])
    def test_what_is_no_response_is_none(self, body: str) -> None:
        """Cut fields and text that is no UTF-8 are the peer's fault, not an exception."""
        assert Response.parse(bytes.fromhex(body)) is None

    @staticmethod
    def error_in(body: bytes) -> tuple[Status, str]:
        """Returns code and text of an error response."""
        parsed = Response.parse(body)
        assert parsed is not None
        assert parsed.error is not None
        return parsed.error.code, parsed.error.message


class TestStreamIds:
    """The rule of stream ids."""

    def test_own_ids_are_accepted_by_the_peer(self) -> None:
        """Ours are 1, 3, 5, which is what the rule asks of the peer."""
        own, peer = StreamIds(), StreamIds()
        ids = [own.next() for _ in range(3)]
        assert ids == [1, 3, 5]
        assert [peer.accept(stream_id) for stream_id in ids] == [None] * 3

    def test_only_larger_odd_ids_are_accepted(self) -> None:
        """A refused id changes nothing."""
        ids = StreamIds()
        verdicts = [ids.accept(stream_id) is None for stream_id in (0, 3, 3, 1, 100, 5)]
        assert verdicts == [False, True, False, False, False, True]

    def test_the_refusals_have_the_words_of_ttrpc(self) -> None:
        """People search for the texts that the Go implementation writes."""
        ids = StreamIds()
        ids.accept(1)
        assert ids.accept(2) == "StreamID must be odd for client initiated streams"
        assert ids.accept(1) == "StreamID cannot be re-used and must increment"
