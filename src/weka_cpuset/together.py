"""Tasks that end together."""

import asyncio
from collections.abc import Collection
from typing import Any


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> list[Exception]:
    """End tasks, and wait until they have ended.

    Args:
        tasks: The tasks; some may have ended already.

    Returns:
        What they have raised, in their order. To be cancelled is no failure.
    """
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return [end for end in ends if isinstance(end, Exception)]
