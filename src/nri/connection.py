"""Moves bytes between a session and a transport, and requests to the service behind it.

Feed, take events, dispatch, write; nothing else. Requests are handled strictly in order,
one at a time, inside the callback that read them: the service works in memory only, so
there is no task per request, and nothing that grows. When one read brings many requests
the event loop gets a turn between batches, and the trunk is not read meanwhile.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from typing import Protocol, TypeVar, cast

from google.protobuf.message import Message

from nri.errors import (
    BacklogExceeded,
    ConnectionLost,
    NriError,
    OutgoingTooLarge,
    ProtocolError,
    Refusal,
    Status,
)
from nri.services import Method, Side
from nri.session import (
    CallFailed,
    PeerClosed,
    ProtocolFailed,
    ReplyReceived,
    RequestReceived,
    Session,
    SessionEvent,
)

_T = TypeVar("_T")

RECEIVE_BYTES = 16 * 1024
"""The most that is read from the socket at once. For each read asyncio makes a buffer of its
transport's `max_size`, 256 KiB unless told otherwise. Where the allocator has no free piece of
that size it maps one and gives it back, which costs more than the read itself. 16 KiB holds
nearly every event."""


class Service(Protocol):
    """What answers the requests of the peer. Synchronous, and in memory only."""

    def handle(self, request: RequestReceived) -> "Message | asyncio.Future[Message]":
        """Answers one request, or promises an answer; requests behind it do not wait for that.

        Raises:
            Refusal: The answer is no. Counts as a fault where a method may not refuse.
            ProtocolError: The peer broke the protocol; the connection ends.
        """

    def fault(self, method: Method, error: Exception) -> None:
        """Is told once of every exception that `handle` should not have raised."""

    def answered(self, method: Method, took_s: float) -> None:
        """Is told how long a request took, in seconds, from the read that brought it to its answer.

        Not called where `handle` has promised an answer.
        """


class Connection(asyncio.Protocol):
    """One trunk. Create it inside the running event loop, then give it to a transport.

    Args:
        session: A fresh session.
        service: What answers the requests of the peer.
    """

    def __init__(self, session: Session, service: Service) -> None:
        self._session = session
        self._service = service
        self._limits = session.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._queue: deque[tuple[RequestReceived, float]] = deque()
        self._turn: asyncio.Handle | None = None
        self._calls: dict[int, asyncio.Future[Message]] = {}
        self._read_s = 0.0
        self._handling = False
        self._ended = False
        self._reason: NriError | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()

    # ---- for the owner ----

    async def call(
        self, method: Method, request: Message, timeout_s: float | None = None
    ) -> Message:
        """Calls the peer and waits for the answer.

        Args:
            method: A method that the peer serves.
            request: Its request message.
            timeout_s: How long to wait; None waits until the connection ends. A runtime also
                tells it to the plugin. A plugin does not: the runtime would apply it as the
                deadline of the whole operation.

        Returns:
            The response message of the method.

        Raises:
            StatusError: The peer answered with an error.
            TimeoutError: It did not answer in time; a late answer is ignored.
            NriError: The connection is or was ended; see `wait_closed` for the reasons.
        """
        if self._ended:
            raise self._lost()
        told_s = timeout_s if self._session.side is Side.RUNTIME and timeout_s else 0
        stream_id = self._session.call(method, request, int(told_s * 1e9))
        answer: asyncio.Future[Message] = self._loop.create_future()
        self._calls[stream_id] = answer
        self._flush()
        late = None
        if timeout_s is not None:
            late = self._loop.call_later(timeout_s, _time_out, answer)
        try:
            return await answer
        finally:
            if late is not None:
                late.cancel()
            self._calls.pop(stream_id, None)
            self._session.abandon(stream_id)

    async def until(self, event: asyncio.Future[_T]) -> _T:
        """Waits for something that only this connection can bring.

        Raises:
            NriError: The connection ended first.
        """
        waits: set[Awaitable[object]] = {event, self._closed}
        await asyncio.wait(
            cast("set[asyncio.Future[object]]", waits), return_when="FIRST_COMPLETED"
        )
        if not event.done():
            raise self._lost()
        return event.result()

    async def wait_closed(self) -> NriError | None:
        """Waits until the connection is closed.

        Returns:
            Why: None if it was closed from this side, else a ConnectionLost, a ProtocolError,
            a BacklogExceeded, or the reason given to `abort`.
        """
        await asyncio.shield(self._closed)
        return self._reason

    def close(self) -> None:
        """Closes after what is waiting has been written. May be called at any time, repeatedly.

        Inside a handler it takes effect right after the answer to that request; requests
        that wait behind it are not handled.
        """
        if self._handling:
            self._queue.clear()
            self._loop.call_soon(self.close)
            return
        self._flush()
        self._end(None)

    def abort(self, reason: NriError | None = None) -> None:
        """Closes at once. May be called at any time, repeatedly; the first reason counts."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def hold(self) -> None:
        """Reads nothing more from the peer until the connection ends."""
        if self._transport is not None and not self._ended:
            self._transport.pause_reading()

    # ---- for the transport ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Is told of the transport."""
        self._transport = cast("asyncio.Transport", transport)
        if hasattr(transport, "max_size"):  # asyncio's own transports; no other has to
            transport.max_size = RECEIVE_BYTES
        if self._ended:
            self._transport.abort()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Feeds the session, and handles what came of it."""
        self._read_s = time.perf_counter()
        self._session.receive_data(data)
        self._take_events()
        if self._turn is None:
            self._work()
        else:
            self._flush()

    def eof_received(self) -> bool | None:
        """Ends the session; the transport closes itself."""
        self._session.receive_eof()
        self._take_events()
        self._flush()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Reports the end. EOF, a reset and a broken pipe mean the same thing."""
        self._end(ConnectionLost(str(exc) if exc else "the transport was closed"))
        self._transport = None  # in Python 3.11 its abort fails from now on
        if not self._closed.done():
            self._closed.set_result(None)

    # ---- inside ----

    def _take_events(self) -> None:
        for event in self._session.events_received():
            self._dispatch(event)

    def _dispatch(self, event: SessionEvent) -> None:
        match event:
            case RequestReceived():
                self._queue.append((event, self._read_s))
            case ReplyReceived(stream_id, _, message):
                answer = self._calls.pop(stream_id)
                if not answer.done():  # else it timed out in this very turn of the loop
                    answer.set_result(message)
            case CallFailed(stream_id, _, error):
                answer = self._calls.pop(stream_id)
                if not answer.done():
                    answer.set_exception(error)
            case PeerClosed():
                self._end(ConnectionLost("closed by the peer"))
            case ProtocolFailed(failure):
                self.abort(failure)

    def _work(self) -> None:
        self._turn = None
        for _ in range(self._limits.requests_per_turn):
            if not self._queue:
                break
            self._answer(*self._queue.popleft())
        self._flush()
        if self._ended or self._transport is None:
            return
        if self._queue:
            self._transport.pause_reading()
            self._turn = self._loop.call_soon(self._work)
        elif not self._transport.is_reading():
            self._transport.resume_reading()

    def _answer(self, request: RequestReceived, read_s: float) -> None:
        self._handling = True
        try:
            response = self._service.handle(request)
        except ProtocolError as violation:
            self.abort(violation)
        except Exception as error:  # noqa: BLE001  # a bug of a handler costs one answer, no more
            self._answer_failed(request, error)
            self._service.answered(request.method, time.perf_counter() - read_s)
        else:
            if isinstance(response, asyncio.Future):
                response.add_done_callback(lambda promise: self._keep_promise(request, promise))
            else:
                self._reply(request, response)
                self._service.answered(request.method, time.perf_counter() - read_s)
        finally:
            self._handling = False

    def _keep_promise(self, request: RequestReceived, promise: "asyncio.Future[Message]") -> None:
        error = None if promise.cancelled() else promise.exception()
        if promise.cancelled() or self._ended:
            return
        if isinstance(error, Exception):
            self._answer_failed(request, error)
        else:
            self._reply(request, promise.result())
        self._flush()

    def _answer_failed(self, request: RequestReceived, error: Exception) -> None:
        may_refuse = request.method.may_refuse
        if not (may_refuse and isinstance(error, Refusal)):
            self._service.fault(request.method, error)
        if may_refuse:
            self._reply_error(request, Status.UNKNOWN, str(error))
        else:
            self._reply(request, request.method.response())

    def _reply(self, request: RequestReceived, response: Message) -> None:
        if self._ended:
            return
        try:
            self._session.reply(request.stream_id, response)
        except OutgoingTooLarge as error:
            self._service.fault(request.method, error)
            self._reply_error(request, Status.RESOURCE_EXHAUSTED, str(error))

    def _reply_error(self, request: RequestReceived, code: Status, text: str) -> None:
        if not self._ended:
            self._session.reply_error(request.stream_id, code, text)

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        data = b"".join(self._session.data_to_send())
        if not data:
            return
        self._transport.write(data)
        unsent = self._transport.get_write_buffer_size()
        if unsent > self._limits.max_unsent_bytes:
            self.abort(BacklogExceeded(unsent, self._limits.max_unsent_bytes))

    def _end(self, reason: NriError | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._reason = reason
        self._session.close()
        self._queue.clear()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(self._lost())
        self._calls.clear()
        if self._transport is not None:
            self._transport.close()

    def _lost(self) -> NriError:
        return self._reason or ConnectionLost("closed from this side")


def _time_out(answer: asyncio.Future[Message]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
