"""Settings for all test tiers."""

import asyncio


def pytest_configure() -> None:
    """Start without an event loop in the main thread.

    Otherwise pytest-asyncio's first look for a loop makes one that nobody closes, and
    with warnings as errors the test that happens to collect it would fail.
    """
    asyncio.set_event_loop(None)
