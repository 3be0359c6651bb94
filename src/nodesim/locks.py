"""A lock for many readers or one writer, with the manners of Go's sync.RWMutex.

A writer that waits holds up all new readers, also one that already reads and wants to read
once more. The runtime's hangs come from exactly that, so it is not softened here.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class ReadWriteLock:
    """The lock."""

    def __init__(self) -> None:
        self._readers = 0
        self._writing = False
        self._queue: deque[tuple[bool, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Hold it with other readers."""
        await self._enter(write=False)
        try:
            yield
        finally:
            self._readers -= 1
            self._admit()

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Hold it alone."""
        await self._enter(write=True)
        try:
            yield
        finally:
            self._writing = False
            self._admit()

    async def _enter(self, *, write: bool) -> None:
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
