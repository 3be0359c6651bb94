"""What waits is posted, seldom enough, whatever the API server does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api_server import CLOSE, HANG, ApiServerDouble, answer
from tests.unit.weka_cpuset.kubernetes.decisions import moved, refused
from tests.unit.weka_cpuset.kubernetes.test_api import Trusting
from weka_cpuset.kubernetes.api import ApiServer
from weka_cpuset.kubernetes.backlog import CAPACITY, REPEAT_S, Backlog
from weka_cpuset.kubernetes.fate import Fate
from weka_cpuset.kubernetes.poster import (
    AGE_MAX_S,
    ANSWERS_MAX,
    BURST,
    EVERY_S,
    LINGER_S,
    PAUSE_MAX_S,
    POST_S,
    RETRY_MAX_S,
    Poster,
)
from weka_cpuset.offload import at_once

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


@dataclass
class Posting:
    """What is posted, and who takes it."""

    backlog: Backlog
    double: ApiServerDouble
    folder: Path

    @property
    def fates(self) -> dict[Fate, int]:
        """The fates that there are."""
        return {fate: count for fate, count in self.backlog.fates.items() if count}

    @property
    def names(self) -> list[str]:
        """The pods that were told something, in the order of the attempts."""
        return [one["regarding"]["name"] for one in self.double.events]


@contextlib.asynccontextmanager
async def posting(tmp_path: Path) -> AsyncIterator[Posting]:
    """Post for the length of a `with` block."""
    (tmp_path / "token").write_text("token")
    clock = asyncio.get_running_loop().time
    backlog, double = Backlog(clock), ApiServerDouble()
    server = ApiServer(Trusting("10.0.0.1", 443, tmp_path), at_once, double.connect)
    poster = Poster(backlog, server, "agent-x", clock, lambda: 0.5)
    task = asyncio.create_task(poster.run())
    await asyncio.sleep(0)
    try:
        yield Posting(backlog, double, tmp_path)
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert double.connections == double.closed


async def test_refusal_and_move_are_posted_at_once_to_their_namespaces(tmp_path: Path) -> None:
    async with posting(tmp_path) as run:
        run.backlog.decided(refused("large"))
        run.backlog.decided(moved("own"))
        await asyncio.sleep(0.1)
        assert ["large", "own"] == run.names
        for post in run.double.posts:
            assert "/apis/events.k8s.io/v1/namespaces/default/events" == post.path
            assert "agent-x" == post.body["reportingInstance"]
        assert {Fate.POSTED: 2} == run.fates
        assert 1 == run.double.connections


async def test_storm_is_posted_at_the_rate_that_is_allowed(tmp_path: Path) -> None:
    """A burst at once, and the others one after the other; none of them is lost."""
    async with posting(tmp_path) as run:
        for number in range(BURST + 10):
            run.backlog.decided(refused(f"a{number}"))
        await asyncio.sleep(EVERY_S / 2)
        assert BURST == len(run.names)
        await asyncio.sleep(EVERY_S * 5)
        assert BURST + 5 == len(run.names)
        await asyncio.sleep(EVERY_S * 10)
        assert [f"a{number}" for number in range(BURST + 10)] == run.names
        assert {Fate.POSTED: BURST + 10} == run.fates
        assert 1 == run.double.connections


async def test_pod_that_is_refused_again_and_again_has_two_events(tmp_path: Path) -> None:
    """One at once, and one more after some minutes with the number of the others."""
    async with posting(tmp_path) as run:
        for _ in range(50):
            run.backlog.decided(refused("large"))
            await asyncio.sleep(5)
        assert 1 == len(run.names)
        await asyncio.sleep(REPEAT_S)
        first, second = run.double.events
        assert "series" not in first
        assert 49 == second["series"]["count"]
        assert first["metadata"]["name"] != second["metadata"]["name"]
        assert {Fate.POSTED: 2, Fate.REPEATED: 48} == run.fates


async def test_idle_connection_is_closed(tmp_path: Path) -> None:
    """And nothing is left that would have to be looked after."""
    async with posting(tmp_path) as run:
        run.backlog.decided(refused("a"))
        await asyncio.sleep(LINGER_S / 2)
        run.backlog.decided(refused("b"))
        await asyncio.sleep(LINGER_S / 2)
        assert (1, 0) == (run.double.connections, run.double.closed)
        await asyncio.sleep(LINGER_S)
        assert (1, 1) == (run.double.connections, run.double.closed)
        run.backlog.decided(refused("c"))
        await asyncio.sleep(0.1)
        assert 2 == run.double.connections


async def test_connection_is_closed_also_while_something_waits_for_its_time(
    tmp_path: Path,
) -> None:
    async with posting(tmp_path) as run:
        run.backlog.decided(refused("a"))
        await asyncio.sleep(0.1)
        run.backlog.decided(refused("a"))
        await asyncio.sleep(LINGER_S * 2)
        assert (1, 1) == (run.double.connections, run.double.closed)
        await asyncio.sleep(REPEAT_S)
        assert ["a", "a"] == run.names


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionRefusedError("refused"),
        OSError("certificate verify failed"),
        HANG,
        CLOSE,
        b"garbage\r\n\r\n",
        answer(401, "Unauthorized"),
        answer(429, "too many"),
        answer(500, "internal"),
        answer(503),
    ],
)
async def test_trouble_that_may_pass_is_tried_again_with_the_same_event(
    tmp_path: Path, trouble: bytes | OSError
) -> None:
    """By its name the API server knows what it has taken already."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([trouble, trouble])
        run.backlog.decided(refused("a"))
        await asyncio.sleep(POST_S * 2 + 10)
        assert {Fate.POSTED: 1} == run.fates
        assert 1 == len({one["metadata"]["name"] for one in run.double.events})


async def test_event_that_was_taken_at_an_attempt_before_is_told_once(tmp_path: Path) -> None:
    """The answer was lost, and the second attempt meets what the first one has made."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([CLOSE, answer(409, "already exists")])
        run.backlog.decided(refused("a"))
        await asyncio.sleep(5)
        assert {Fate.POSTED: 1} == run.fates
        assert 2 == len(run.names)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 413, 422])
async def test_event_that_is_rejected_is_not_posted_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """The log says so once, and the next ones are posted all the same."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([answer(status, "not so")] * 2)
        for name in "abc":
            run.backlog.decided(refused(name))
        await asyncio.sleep(1)
        assert ["a", "b", "c"] == run.names
        assert {Fate.REJECTED: 2, Fate.POSTED: 1} == run.fates
        assert [f"Kubernetes does not take an Event: {status} not so"] == caplog.messages


async def test_server_that_says_when_is_asked_then(tmp_path: Path) -> None:
    """And no later than is bearable."""
    async with posting(tmp_path) as run:
        run.double.answers.append(answer(429, "later", "Retry-After: 30\r\n"))
        run.backlog.decided(refused("a"))
        await asyncio.sleep(29)
        assert 1 == len(run.names)
        await asyncio.sleep(2)
        assert {Fate.POSTED: 1} == run.fates
        run.double.answers.append(answer(429, "later", "Retry-After: 999999\r\n"))
        run.backlog.decided(refused("b"))
        await asyncio.sleep(RETRY_MAX_S + 1)
        assert {Fate.POSTED: 2} == run.fates


async def test_server_that_stays_away_is_asked_more_and_more_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """For an hour: then nobody wants to know any more. The log says it once."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([ConnectionRefusedError("refused")] * 1000)
        run.backlog.decided(refused("a"))
        await asyncio.sleep(AGE_MAX_S + PAUSE_MAX_S)
        assert {Fate.EXPIRED: 1} == run.fates
        attempts = 1000 - len(run.double.answers)
        assert AGE_MAX_S / PAUSE_MAX_S <= attempts <= 2 * AGE_MAX_S / PAUSE_MAX_S
        assert 1 == len(caplog.messages)


async def test_what_waits_for_a_server_that_is_away_is_bounded(tmp_path: Path) -> None:
    """Each one has its fate in the end: what the server takes when it is back, and the others."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([ConnectionRefusedError("refused")] * 10)
        for number in range(CAPACITY * 2):
            run.backlog.decided(refused(f"a{number}"))
            await asyncio.sleep(0.01)
        assert run.backlog.waiting <= CAPACITY
        await asyncio.sleep(CAPACITY * EVERY_S + 600)
        assert 0 == run.backlog.waiting
        assert CAPACITY * 2 == sum(run.fates.values())
        assert run.fates[Fate.POSTED] >= CAPACITY
        assert run.fates[Fate.LOST]


async def test_event_that_no_attempt_gets_through_lets_others_have_their_turn(
    tmp_path: Path,
) -> None:
    """Such as one in a namespace whose webhook is broken."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([answer(500, "webhook")] * ANSWERS_MAX)
        run.backlog.decided(refused("broken"))
        run.backlog.decided(refused("well"))
        await asyncio.sleep(120)
        assert ["broken"] * ANSWERS_MAX + ["well"] == run.names
        assert {Fate.REJECTED: 1, Fate.POSTED: 1} == run.fates


async def test_server_in_trouble_is_not_pressed_by_the_next_events(tmp_path: Path) -> None:
    """The pauses go on growing over several Events, up to their bound."""
    async with posting(tmp_path) as run:
        run.double.answers.extend([answer(503)] * 1000)
        for number in range(20):
            run.backlog.decided(refused(f"a{number}"))
        await asyncio.sleep(600)
        before = len(run.names)
        await asyncio.sleep(600)
        assert len(run.names) - before <= 2 * 600 / PAUSE_MAX_S


async def test_token_that_was_replaced_is_used(tmp_path: Path) -> None:
    """The old one is rejected, and the next attempt has the new one."""
    async with posting(tmp_path) as run:
        run.backlog.decided(refused("a"))
        await asyncio.sleep(0.1)
        (run.folder / "token").write_text("new")
        run.double.answers.append(answer(401, "Unauthorized"))
        run.backlog.decided(refused("b"))
        await asyncio.sleep(5)
        tokens = [one.headers["authorization"] for one in run.double.posts]
        assert ["Bearer token", "Bearer token", "Bearer new"] == tokens
        assert {Fate.POSTED: 2} == run.fates


async def test_end_of_the_agent_waits_for_nothing(tmp_path: Path) -> None:
    """A server that hangs does not hold it up, and the connection is closed."""
    async with posting(tmp_path) as run:
        run.double.answers.append(HANG)
        run.backlog.decided(refused("a"))
        await asyncio.sleep(0.1)
        started_s = asyncio.get_running_loop().time()
    assert started_s == asyncio.get_running_loop().time()
