"""Feeds sessions with bytes that no peer should send. Any exception is a bug.

Each round makes a stream - noise, or good traffic that is then damaged - cuts it anywhere,
feeds it to a plugin's or a runtime's session, and answers whatever comes out. What must
hold after every piece is in `check`. A round that fails is repeated by its own seed:

    PYTHONPATH=src python fuzz/fuzz_session.py --rounds 10000 --seed 1
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator

from nri import (
    CallFailed,
    Limits,
    PeerClosed,
    ProtocolFailed,
    ReplyReceived,
    RequestReceived,
    Session,
    Side,
    Status,
)
from nri.mux import Frame
from nri.services import methods_of
from nri.session import SessionEvent, State

LIMITS = Limits(
    max_frame_bytes=1 << 16,
    max_message_bytes=1 << 14,
    max_skipped_bytes=1 << 18,
    max_sent_message_bytes=1 << 14,
    max_pending_requests=16,
    max_pending_calls=8,
)
"""Small, so that noise reaches every one of them."""

PEER_OF = {Side.PLUGIN: Side.RUNTIME, Side.RUNTIME: Side.PLUGIN}


def good_traffic(rng: random.Random, side: Side) -> bytearray:
    """Makes requests as a peer of this side sends them, and answers to our own calls."""
    peer = Session(PEER_OF[side], Limits(max_pending_calls=64))
    methods = sorted(methods_of(side), key=str)
    caller = Session(side, LIMITS)
    for method in sorted(methods_of(peer.side), key=str)[: LIMITS.max_pending_calls]:
        caller.call(method, method.request())
    peer.receive_data(b"".join(caller.data_to_send()))
    for event in peer.events_received():
        if isinstance(event, RequestReceived):
            peer.reply(event.stream_id, event.method.response())
    for _ in range(rng.randrange(1, 12)):
        method = rng.choice(methods)
        peer.call(method, method.request(), rng.choice([0, 10**9]))
    return bytearray(b"".join(peer.data_to_send()))


def damage(rng: random.Random, stream: bytearray) -> None:
    """Changes, removes, repeats or inserts a few bytes, or leaves the stream as it is."""
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        start = rng.randrange(len(stream) + 1)
        end = min(len(stream), start + rng.randrange(1, 24))
        match rng.randrange(4):
            case 0:
                stream[start : start + 1] = rng.randbytes(1)
            case 1:
                del stream[start:end]
            case 2:
                stream[start:start] = stream[start:end]
            case _:
                stream[start:start] = rng.choice([b"\xff" * 4, b"\0" * 8, rng.randbytes(10)])


def pieces(rng: random.Random, stream: bytes) -> Iterator[bytes]:
    """Cuts a stream anywhere."""
    longest = rng.choice([1, 7, 64, 4096])
    while stream:
        size = rng.randrange(1, longest + 1)
        yield stream[:size]
        stream = stream[size:]


def act(rng: random.Random, session: Session, events: list[SessionEvent]) -> None:
    """Does what a shell does with the events of a session."""
    for event in events:
        match event:
            case RequestReceived() if session.state is State.OPEN:
                answer(rng, session, event)
            case RequestReceived() | ReplyReceived() | CallFailed():
                pass
            case PeerClosed() | ProtocolFailed():
                check_that(event is events[-1], "nothing follows the end")


def answer(rng: random.Random, session: Session, request: RequestReceived) -> None:
    """Answers a request, refuses it, or leaves it."""
    match rng.randrange(4):
        case 0:
            session.reply_error(request.stream_id, Status.UNKNOWN, "no")
        case 1:
            pass
        case _:
            session.reply(request.stream_id, request.method.response())


def check(session: Session, ends: int) -> None:
    """Checks what holds after every piece."""
    check_that(ends == (session.state is not State.OPEN), "the end is told exactly once")
    check_that((session.error is not None) == (session.state is State.FAILED), "error is kept")
    check_that(len(session._requests) <= LIMITS.max_pending_requests, "requests are bounded")
    sent = b"".join(session.data_to_send())
    while sent:
        parsed = Frame.parse(sent, LIMITS.max_frame_bytes)
        if parsed is None:
            raise AssertionError("only whole frames are sent")
        frame, sent = parsed
        frame.check()


def check_that(holds: bool, rule: str) -> None:  # noqa: FBT001  # it is an assert
    """An assert that stays when Python optimises."""
    if not holds:
        raise AssertionError(rule)


def play(seed: str) -> State:
    """Plays one round. Returns how the session ended."""
    rng = random.Random(seed)  # noqa: S311  # a repeatable fuzzer
    side = rng.choice(list(Side))
    stream = good_traffic(rng, side)
    if rng.random() < 0.3:
        stream = bytearray(rng.randbytes(rng.randrange(1, 2000)))
    else:
        damage(rng, stream)
    session = Session(side, LIMITS)
    for method in sorted(methods_of(PEER_OF[side]), key=str)[: LIMITS.max_pending_calls]:
        session.call(method, method.request())
    ends = 0
    for piece in pieces(rng, bytes(stream)):
        session.receive_data(piece)
        events = session.events_received()
        ends += sum(isinstance(event, PeerClosed | ProtocolFailed) for event in events)
        act(rng, session, events)
        check(session, ends)
    session.receive_eof()
    events = session.events_received()
    ends += sum(isinstance(event, PeerClosed | ProtocolFailed) for event in events)
    act(rng, session, events)
    check(session, ends)
    check_that(session.state is not State.OPEN, "EOF ends every session")
    return session.state


def main() -> int:
    """Plays the rounds, and tells how they ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ends: Counter[State] = Counter()
    for number in range(options.rounds):
        seed = f"{options.seed}/{number}"
        try:
            ends[play(seed)] += 1
        except Exception:
            sys.stderr.write(f"round {seed} failed\n")
            raise
    told = ", ".join(f"{state.value}: {count}" for state, count in sorted(ends.items(), key=str))
    sys.stdout.write(f"{options.rounds} rounds, {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
