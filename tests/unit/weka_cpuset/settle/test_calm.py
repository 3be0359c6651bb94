"""Bursts: when shared containers may grow again."""

import asyncio

import pytest

from tests.requests import keeper_of
from weka_cpuset.settle.calm import BURST_LATEST_S, CALM_S, Calm
from weka_cpuset.settle.in_flight import APPLY_S, InFlight


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_burst_is_over_some_time_after_its_last_creation() -> None:
    """Each creation puts the end off; at the end somebody is told."""
    keeper = keeper_of()
    calls: list[None] = []
    calm = Calm(InFlight(keeper), lambda: calls.append(None))
    assert calm.may_grow
    for _ in range(3):
        calm.note_burst()
        await asyncio.sleep(CALM_S / 2)
        assert not calm.is_calm
        assert not calm.may_grow
    await asyncio.sleep(CALM_S)
    assert calm.is_calm
    assert len(calls) == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_shared_containers_grow_in_a_burst_that_does_not_end() -> None:
    """They wait some seconds at most."""
    keeper = keeper_of()
    calm = Calm(InFlight(keeper), lambda: None)
    for _ in range(int(BURST_LATEST_S / CALM_S * 2) + 2):
        calm.note_burst()
        await asyncio.sleep(CALM_S / 2)
    assert calm.may_grow
    assert not calm.is_calm
    calm.cancel()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_burst_lasts_while_the_runtime_applies_the_last_reply() -> None:
    """The next creation cannot come before."""
    keeper = keeper_of()
    in_flight = InFlight(keeper)
    calm = Calm(in_flight, lambda: None)
    calm.note_burst()
    in_flight.note_told(["web"], keeper.ledger)
    await asyncio.sleep(APPLY_S)
    assert not calm.is_calm
    await asyncio.sleep(CALM_S)
    assert calm.is_calm
