"""A lock for many readers or one writer, with the manners of Go's sync.RWMutex.

A writer that waits holds up all new readers, also one that already reads and wants to read
once more. The runtime's hangs come from exactly that, so it is not softened here.
"""

import asyncio
from collections import deque


class ReadWriteLock:
    """The lock."""

    def __init__(self) -> None:
        self._readers = 0
        self._writing = False
        self._queue: deque[tuple[bool, asyncio.Future[None]]] = deque()

    def reading(self) -> "_Holding":
        """Hold it with other readers."""
        return _Holding(self, write=False)

    def writing(self) -> "_Holding":
        """Hold it alone."""
        return _Holding(self, write=True)

    async def enter(self, *, write: bool) -> None:
        """Take it as soon as it is this caller's turn; for `_Holding`, which gives it back."""
        if not self._queue and self._fits(write=write):
            self._take(write=write)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((write, turn))
        try:
            await turn
        except asyncio.CancelledError:
            # It may have been admitted at the same moment, or passed over as cancelled.
            if not turn.cancelled():
                self._give_back(write=write)
            elif (write, turn) in self._queue:
                self._queue.remove((write, turn))
            self._admit()
            raise

    def leave(self, *, write: bool) -> None:
        """Give it back."""
        self._give_back(write=write)
        self._admit()

    def _fits(self, *, write: bool) -> bool:
        return not self._writing and not (write and self._readers)

    def _take(self, *, write: bool) -> None:
        if write:
            self._writing = True
        else:
            self._readers += 1

    def _give_back(self, *, write: bool) -> None:
        if write:
            self._writing = False
        else:
            self._readers -= 1

    def _admit(self) -> None:
        while self._queue and self._fits(write=self._queue[0][0]):
            write, turn = self._queue.popleft()
            if not turn.done():
                self._take(write=write)
                turn.set_result(None)


class _Holding:
    """Holds the lock while its block runs."""

    __slots__ = ("_lock", "_write")

    def __init__(self, lock: ReadWriteLock, *, write: bool) -> None:
        self._lock = lock
        self._write = write

    async def __aenter__(self) -> None:
        await self._lock.enter(write=self._write)

    async def __aexit__(self, *failure: object) -> None:
        self._lock.leave(write=self._write)
