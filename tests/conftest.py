"""Settings for all test tiers."""

import asyncio
import os

from hypothesis import settings

# How long an example takes says something about the machine, and nothing about the project.
settings.register_profile("local", deadline=None)
# Elsewhere each run looks at other examples; where a change is judged, all see the same.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("nightly", max_examples=20_000, deadline=None)
settings.load_profile("local")
if os.environ.get("CI") == "true":
    settings.load_profile("ci")
if profile := os.environ.get("HYPOTHESIS_PROFILE"):
    settings.load_profile(profile)


def pytest_configure() -> None:
    """Start without an event loop in the main thread.

    Otherwise pytest-asyncio's first look for a loop makes one that nobody closes, and
    with warnings as errors the test that happens to collect it would fail.
    """
    asyncio.set_event_loop(None)
