"""Collects units of known size from pieces of any size.

A unit is a header or the body of a message. The size is told first, and compared with the
limit before a byte is kept; what a piece holds beyond the unit is handed back. So a buffer
never holds more than one unit, and each byte is copied in once and out once.
"""


class Buffer:
    """Collects one unit at a time.

    Args:
        size: Bytes of the first unit.
    """

    __slots__ = ("_held", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = bytearray()

    @property
    def missing(self) -> int:
        """Bytes that the unit still needs."""
        return self._size - len(self._held)

    @property
    def held(self) -> int:
        """Bytes kept so far."""
        return len(self._held)

    def collect(self, data: memoryview) -> tuple[bytes | None, memoryview]:
        """Keeps what belongs to the unit; a complete one is taken out, and the next one begins.

        Args:
            data: The next piece of the stream.

        Returns:
            The unit, or None as long as it is not complete; and the rest of the piece.
        """
        size = self._size
        if not self._held and len(data) >= size:
            return bytes(data[:size]), data[size:]
        missing = self.missing
        self._held += data[:missing]
        if len(data) < missing:
            return None, data[missing:]
        unit, self._held = bytes(self._held), bytearray()
        return unit, data[missing:]

    def expect(self, size: int) -> None:
        """Says how large the next unit is.

        Args:
            size: Its bytes; the caller has compared it with its limit.
        """
        if self._held:
            raise AssertionError("the size is known before the first byte is kept")
        self._size = size
