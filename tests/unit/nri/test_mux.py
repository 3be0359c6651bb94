"""The multiplexer separates the bytes of a trunk, and cuts messages into frames."""

from collections.abc import Iterable

import pytest

from nri.errors import FrameTooLarge, TrunkClosedMidFrame
from nri.mux import (
    GO_READ_BYTES,
    MAX_SENT_FRAME_BYTES,
    Channel,
    Frame,
    Layout,
    MuxReader,
    lay_out,
)
from tests.unit.nri.wire import PIECE_OF_HEADER, feed_three_ways, frame

HEADER = bytes(10)


def streams(pieces: Iterable[bytes]) -> dict[int, bytes]:
    """Reads a trunk and returns the stream of each connection."""
    reader = MuxReader(100)
    found: dict[int, bytes] = {}
    for piece in pieces:
        for channel, part in reader.feed(memoryview(piece)):
            assert part
            found[channel] = found.get(channel, b"") + bytes(part)
    return found


class TestFrame:
    """One frame as a value."""

    def test_a_frame_has_the_computed_bytes(self) -> None:
        """Connection id and length, both big-endian, then the payload."""
        data = bytes.fromhex("00000001 00000005 1203 10ff0f")
        parsed = Frame(1, bytes.fromhex("120310ff0f"))
        assert parsed.serialize() == data
        assert Frame.parse(data + b"tail", 5) == (parsed, b"tail")

    @pytest.mark.parametrize("kept", [0, 7, 8, 12])
    def test_an_incomplete_frame_is_not_parsed(self, kept: int) -> None:
        """Neither without its whole header nor without its whole payload."""
        assert Frame.parse(frame(1, b"12345")[:kept], 5) is None

    def test_a_frame_beyond_the_limit_is_refused_at_its_header(self) -> None:
        """The payload need not have arrived."""
        with pytest.raises(FrameTooLarge) as caught:
            Frame.parse(frame(1, b"123456")[:8], 5)
        assert (caught.value.size, caught.value.limit) == (6, 5)

    def test_a_frame_that_must_not_be_sent_is_caught(self) -> None:
        """Neither an empty frame nor one beyond what Go senders write."""
        Frame(1, bytes(MAX_SENT_FRAME_BYTES)).check()
        for payload in (b"", bytes(MAX_SENT_FRAME_BYTES + 1)):
            with pytest.raises(AssertionError):
                Frame(1, payload).check()

    def test_a_frame_is_shown_in_short(self) -> None:
        """A log line holds the head of a payload, however long it is."""
        assert str(Frame(2, b"\x01\xff")) == "frame channel=2 bytes=2 01ff"
        assert str(Frame(2, bytes(17))) == f"frame channel=2 bytes=17 {'00' * 16}..."


class TestLayout:
    """Where a message is cut."""

    @pytest.mark.parametrize("body_bytes", [1, 4086, 4087, 4096, 1 << 22])
    def test_header_and_body_are_apart(self, body_bytes: int) -> None:
        """The layout of plugins: two frames at any length."""
        body = bytes(body_bytes)
        frames = lay_out(Channel.RUNTIME_SERVICE, HEADER, body, Layout.HEADER_AND_BODY)
        assert frames == [Frame(2, HEADER), Frame(2, body)]

    @pytest.mark.parametrize(
        ("body_bytes", "sizes"),
        [(0, [10]), (4086, [4096]), (4087, [4096, 1]), (1 << 22, [4096, (1 << 22) - 4086])],
    )
    def test_go_sends_what_its_reader_can_take(self, body_bytes: int, sizes: list[int]) -> None:
        """The layout of runtimes: one frame up to 4096 bytes, else 4096 and the rest."""
        body = bytes(body_bytes)
        frames = lay_out(Channel.PLUGIN_SERVICE, HEADER, body, Layout.GO)
        assert [len(frame.payload) for frame in frames] == sizes
        assert b"".join(frame.payload for frame in frames) == HEADER + body
        assert sizes[0] <= GO_READ_BYTES

    @pytest.mark.parametrize("layout", Layout)
    def test_an_empty_body_has_no_frame(self, layout: Layout) -> None:
        """An empty frame would cost the peer a place in its queue."""
        assert lay_out(Channel.PLUGIN_SERVICE, HEADER, b"", layout) == [Frame(1, HEADER)]


class TestMuxReader:
    """What comes off the trunk."""

    def test_the_streams_of_the_connections_are_separated(self) -> None:
        """In order within each, also those that nobody knows; empty frames are nothing."""
        data = frame(1, b"ab") + frame(2, b"c") + frame(0, b"d") + frame(1, b"") + frame(1, b"e")
        expected = {1: b"abe", 2: b"c", 0: b"d"}
        assert feed_three_ways(streams, data, PIECE_OF_HEADER) == expected

    def test_pieces_go_on_as_they_arrive(self) -> None:
        """A frame is not held until it is complete."""
        reader = MuxReader(100)
        parts = [bytes(part) for _, part in reader.feed(memoryview(frame(1, b"abc")[:9]))]
        assert parts == [b"a"]

    def test_a_frame_beyond_the_limit_is_refused_at_its_header(self) -> None:
        """The limit itself is allowed, and what came before was yielded."""

        def read(pieces: Iterable[bytes]) -> tuple[int, tuple[int, int]]:
            reader, count = MuxReader(100), 0
            with pytest.raises(FrameTooLarge) as caught:  # noqa: PT012  # one statement, any piece
                for piece in pieces:
                    count += sum(len(part) for _, part in reader.feed(memoryview(piece)))
            return count, (caught.value.size, caught.value.limit)

        header = bytes.fromhex("00000001 00000065")
        assert feed_three_ways(read, header, b"x") == (0, (101, 100))
        assert streams([frame(1, bytes(100))]) == {1: bytes(100)}

    @pytest.mark.parametrize(("kept", "missing"), [(1, 7), (7, 1), (8, 2), (9, 1)])
    def test_eof_inside_a_frame_is_an_error(self, kept: int, missing: int) -> None:
        """The error tells how much is missing at least."""
        reader = MuxReader(100)
        list(reader.feed(memoryview(frame(1, b"ab")[:kept])))
        with pytest.raises(TrunkClosedMidFrame) as caught:
            reader.feed_eof()
        assert caught.value.missing == missing

    @pytest.mark.parametrize("data", [b"", frame(1, b"ab"), frame(1, b"")])
    def test_eof_between_frames_is_none(self, data: bytes) -> None:
        """A trunk may end before, between and after frames."""
        reader = MuxReader(100)
        list(reader.feed(memoryview(data)))
        reader.feed_eof()
        assert reader._left == 0
