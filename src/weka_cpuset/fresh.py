"""A value that takes some steps to make, shared by all who ask for it within a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """Makes a value when somebody asks, and gives it out again for a while.

    However many ask, its cost is bounded: it is made once at a time, and so often a second.

    Args:
        make: Makes the value.
        for_s: For how long it is given out again, in seconds, from when it was begun.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], for_s: float) -> None:
        self._make = make
        self._for_s = for_s
        self._made: asyncio.Task[T] | None = None
        self._until_s = 0.0

    async def get(self) -> T:
        """Return a value that is no older than that.

        Raises:
            Exception: What making it raised; the next one who asks tries again.
        """
        now_s = asyncio.get_running_loop().time()
        made = self._made
        if made is None or (made.done() and (now_s >= self._until_s or made.exception())):
            made = self._made = asyncio.create_task(self._begin(), name="fresh")
            self._until_s = now_s + self._for_s
        # Whoever goes away does not take the value from the others who wait for it.
        return await asyncio.shield(made)

    async def _begin(self) -> T:
        return await self._make()
