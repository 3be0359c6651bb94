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

    def feed(self, data: memoryview) -> memoryview:
        """Keeps what belongs to the unit.

        Args:
            data: The next piece of the stream.

        Returns:
            The rest of the piece, empty if all of it was kept.
        """
        missing = self.missing
        self._held += data[:missing]
        return data[missing:]

    def take(self, next_size: int) -> bytes:
        """Takes the complete unit out and starts the next one.

        Args:
            next_size: Bytes of the next unit; the caller has compared it with its limit.

        Returns:
            The unit.
        """
        if self.missing:
            raise AssertionError("the unit is taken only when it is complete")
        unit = bytes(self._held)
        self._held = bytearray()
        self._size = next_size
        return unit

    def resize(self, size: int) -> None:
        """Changes the size of a unit of which nothing is kept yet."""
        if self._held:
            raise AssertionError("the size is known before the first byte is kept")
        self._size = size
