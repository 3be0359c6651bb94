"""What the runtime still has to apply: until when, and for whom."""

import asyncio

import pytest

from tests.requests import create, handlers_of, keeper_of, start
from weka_cpuset.settle.in_flight import APPLY_EACH_S, APPLY_S, InFlight


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_reply_is_in_flight_until_the_next_request() -> None:
    """The runtime asks one thing at a time: with the next request the last reply is applied."""
    handlers = handlers_of()
    in_flight = InFlight(handlers.keeper)
    start(handlers, create("web", 100))
    handlers.create_container(create("owner", 2000))
    assert in_flight.has("web")
    assert [one for one, _ in in_flight.told()] == ["owner", "web"]
    start(handlers, create("named", 100, {"weka.io/cores-ids": "7"}))
    handlers.create_container(create("other", 100))
    assert not in_flight.has("web")


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_runtime_that_asks_nothing_has_applied_a_reply_after_its_deadline() -> None:
    """A node on which nothing happens is not taken for one that is still at work."""
    keeper = keeper_of()
    in_flight = InFlight(keeper)
    in_flight.note_told(["web"], keeper.ledger)
    loop = asyncio.get_running_loop()
    assert in_flight.until_s > loop.time() + APPLY_S
    await asyncio.sleep(APPLY_S + APPLY_EACH_S)
    assert not in_flight.has("web")
    assert not list(in_flight.told())


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_update_that_the_runtime_was_asked_for_is_in_flight_until_its_answer() -> None:
    """It waits for events that are under way, which does not mean that it is done."""
    handlers = handlers_of()
    in_flight = InFlight(handlers.keeper)
    in_flight.note_asked(["web"])
    start(handlers, create("owner", 2000))
    await asyncio.sleep(10 * APPLY_S)
    assert in_flight.has("web")
    in_flight.note_asked(())
    assert not in_flight.has("web")
