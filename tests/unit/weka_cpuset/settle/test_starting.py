"""For which containers that do not run nobody waits any more."""

import asyncio

import pytest

from nri import Event
from tests.requests import EIGHT, handlers_of
from tests.unit.weka_cpuset.settle.test_settler import Kernel, shared
from weka_cpuset.settle.starting import START_S, Starting


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_nobody_waits_for_ever_for_a_container_whose_start_has_failed() -> None:
    """It is waited for as long as a start takes."""
    handlers = handlers_of()
    starting = Starting(handlers.keeper, Kernel())
    assert not starting.is_awaited
    handlers.create_container(shared("web"))
    assert starting.stalled() == frozenset()
    assert starting.is_awaited
    await asyncio.sleep(START_S)
    assert starting.stalled() == {"web"}
    assert not starting.is_awaited


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_container_that_has_a_cgroup_is_about_to_start_however_long_it_takes() -> None:
    """It has the cpus of the runtime's record already."""
    handlers = handlers_of()
    starting = Starting(handlers.keeper, Kernel(enforced={"/kubepods/web": EIGHT.online}))
    request = shared("web")
    handlers.create_container(request)
    starting.stalled()
    await asyncio.sleep(10 * START_S)
    assert starting.stalled() == frozenset()
    handlers.state_change(Event.POST_START_CONTAINER, request.pod, request.container)
    assert starting.stalled() == frozenset()
    assert not starting.is_awaited
