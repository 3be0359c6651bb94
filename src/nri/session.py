"""The whole protocol of one trunk, without any I/O.

A session turns received bytes into events, and answers and calls into bytes to send. Both
ends are this class; `Side` says which one. The shell around it does, after every verb:
take `events_received()`, act on them, and write `data_to_send()`.

A peer can never make a verb raise: if it breaks the protocol the session keeps the error,
reports it once as `ProtocolFailed`, and is over. Bytes that come later are ignored.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as NriMessage

from nri.errors import (
    ConnectionLost,
    NriError,
    OutgoingTooLarge,
    ProtocolError,
    RequestQueueOverflow,
    Status,
    StatusError,
    TooManyCalls,
    UnknownStream,
)
from nri.limits import Limits
from nri.mux import Channel, Layout, MuxReader, lay_out
from nri.services import Method, Side, methods_of
from nri.ttrpc import Header, Message, MessageReader, MessageType, Request, Response, StreamIds

_MAX_ECHO = 200
"""How many characters of a name that the peer made up are repeated in an answer."""


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """The peer calls. Answer with `reply` or `reply_error`."""

    stream_id: int
    method: Method
    message: NriMessage
    timeout_ns: int
    """What is left of the caller's time in nanoseconds; 0 if it told none."""


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The peer answered a call of ours well."""

    stream_id: int
    method: Method
    message: NriMessage


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call of ours failed, and the connection goes on."""

    stream_id: int
    method: Method
    error: StatusError


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer closed between two frames. No further event follows."""


@dataclass(frozen=True, slots=True)
class ProtocolFailed:
    """The peer broke the protocol. Close the connection; no further event follows."""

    error: ProtocolError


SessionEvent = RequestReceived | ReplyReceived | CallFailed | PeerClosed | ProtocolFailed


class State(Enum):
    """Where a session is in its life."""

    OPEN = "open"
    CLOSED = "closed"
    FAILED = "failed"


class Change(Enum):
    """What ends a session."""

    EOF = "eof"
    CLOSE = "close"
    VIOLATION = "violation"


TRANSITIONS: dict[State, dict[Change, State]] = {
    State.OPEN: {
        Change.EOF: State.CLOSED,
        Change.CLOSE: State.CLOSED,
        Change.VIOLATION: State.FAILED,
    },
    State.CLOSED: {Change.EOF: State.CLOSED, Change.CLOSE: State.CLOSED},
    State.FAILED: {Change.EOF: State.FAILED, Change.CLOSE: State.FAILED},
}
"""All there is. A pair that is missing cannot happen, since bytes are read only when open."""


@dataclass(slots=True)
class Counters:
    """What a session ignored or answered by itself."""

    dropped_pieces: int = 0
    """Pieces of frames for connections that do not exist."""
    ignored_messages: int = 0
    """Messages of a type that means nothing in that direction."""
    stray_responses: int = 0
    """Responses to calls that nobody waits for, mostly late ones."""
    rejected_requests: int = 0
    """Requests that were answered with an error before anyone saw them."""


class Session:
    """The protocol of one trunk, both directions.

    Args:
        side: Which end this is.
        limits: What is accepted and sent.
        layout: How sent messages are cut into frames; by default what suits the side.
        serves: The methods that are passed on as requests; by default all of the side. All
            others are answered with code 12.
    """

    def __init__(
        self,
        side: Side,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        *,
        layout: Layout | None = None,
        serves: Collection[Method] | None = None,
    ) -> None:
        is_plugin = side is Side.PLUGIN
        self.side = side
        self.limits = limits
        self.state = State.OPEN
        self.error: ProtocolError | None = None
        self.counters = Counters()
        self._layout = layout or (Layout.HEADER_AND_BODY if is_plugin else Layout.GO)
        methods = methods_of(side) if serves is None else serves
        self._serves = {(method.service, method.name): method for method in methods}
        self._services = {method.service for method in methods_of(side)}
        self._serving = Channel.PLUGIN_SERVICE if is_plugin else Channel.RUNTIME_SERVICE
        self._calling = Channel.RUNTIME_SERVICE if is_plugin else Channel.PLUGIN_SERVICE
        self._mux = MuxReader(limits.max_frame_bytes)
        self._readers = {
            channel: MessageReader(limits.max_message_bytes, limits.max_skipped_bytes)
            for channel in Channel
        }
        self._peer_ids = StreamIds()
        self._own_ids = StreamIds()
        self._requests: dict[int, Method] = {}
        self._calls: dict[int, Method] = {}
        self._events: list[SessionEvent] = []
        self._unsent: list[bytes] = []

    # ---- what comes from the trunk ----

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Takes bytes that were read. Next: `events_received`, then `data_to_send`.

        Args:
            data: The bytes, cut anywhere. Ignored unless the session is open.
        """
        if self.state is not State.OPEN:
            return
        try:
            for channel, piece in self._mux.feed(memoryview(data)):
                self._receive_piece(channel, piece)
        except ProtocolError as error:
            self._fail(error)

    def receive_eof(self) -> None:
        """Is told that the trunk ended. Next: `events_received`, then close the transport."""
        if self.state is not State.OPEN:
            return
        try:
            self._mux.feed_eof()
        except ProtocolError as error:
            self._fail(error)
        else:
            self._change(Change.EOF)
            self._events.append(PeerClosed())

    def events_received(self) -> list[SessionEvent]:
        """Returns the events since the last call, in order. Next: act on each, once."""
        events, self._events = self._events, []
        return events

    # ---- what goes to the trunk ----

    def call(self, method: Method, request: NriMessage, timeout_ns: int = 0) -> int:
        """Calls the peer. Next: write `data_to_send`, wait for the event with this stream id.

        Args:
            method: A method that the peer serves.
            request: Its request message.
            timeout_ns: What the peer is told of our deadline; 0 tells none.

        Returns:
            The stream id of the call.

        Raises:
            NriError: The session is over; nothing was sent.
            TooManyCalls: Too many calls wait already.
            OutgoingTooLarge: The request is larger than a peer accepts.
        """
        self._check_open()
        if len(self._calls) >= self.limits.max_pending_calls:
            raise TooManyCalls(self.limits.max_pending_calls)
        payload = request.SerializeToString()
        body = Request(method.service, method.name, payload, timeout_ns).serialize()
        self._check_size(body)
        stream_id = self._own_ids.next()
        self._send(self._calling, stream_id, MessageType.REQUEST, body)
        self._calls[stream_id] = method
        return stream_id

    def abandon(self, stream_id: int) -> None:
        """Gives up waiting for a call. A late answer is counted and ignored. Next: nothing."""
        self._calls.pop(stream_id, None)

    def reply(self, stream_id: int, response: NriMessage) -> None:
        """Answers a request. Next: write `data_to_send`.

        Args:
            stream_id: That of the RequestReceived.
            response: The response message of its method.

        Raises:
            NriError: The session is over; nothing was sent.
            UnknownStream: No such request waits.
            OutgoingTooLarge: The response is larger than a peer accepts; the request still waits.
        """
        self._check_waiting(stream_id)
        body = Response(response.SerializeToString()).serialize()
        self._check_size(body)
        self._respond(stream_id, body)

    def reply_error(self, stream_id: int, code: Status, text: str) -> None:
        """Answers a request with an error. Next: write `data_to_send`.

        Args:
            stream_id: That of the RequestReceived.
            code: The status code.
            text: For the people who read the runtime's log; cut if it is absurdly long.

        Raises:
            NriError: The session is over; nothing was sent.
            UnknownStream: No such request waits.
        """
        self._check_waiting(stream_id)
        clipped = text[: self.limits.max_sent_message_bytes // 8]
        self._respond(stream_id, Response(error=StatusError(code, clipped)).serialize())

    def data_to_send(self) -> list[bytes]:
        """Returns the frames since the last call, in order. Next: write all of them."""
        unsent, self._unsent = self._unsent, []
        return unsent

    def close(self) -> None:
        """Ends the session from this side. Next: write `data_to_send`, close the transport."""
        self._change(Change.CLOSE)

    # ---- receiving ----

    def _receive_piece(self, channel: int, piece: memoryview) -> None:
        match channel:
            case self._serving:
                for message in self._readers[self._serving].feed(piece):
                    self._receive_served(message)
            case self._calling:
                for message in self._readers[self._calling].feed(piece):
                    self._receive_called(message)
            case _:
                self.counters.dropped_pieces += 1

    def _receive_served(self, message: Message) -> None:
        if message.header.type != MessageType.REQUEST:
            self.counters.ignored_messages += 1
            return
        event = self._read_request(message)
        if isinstance(event, StatusError):
            self.counters.rejected_requests += 1
            self._send_response(message.header.stream_id, Response(error=event).serialize())
            return
        if len(self._requests) >= self.limits.max_pending_requests:
            raise RequestQueueOverflow(self.limits.max_pending_requests)
        self._requests[event.stream_id] = event.method
        self._events.append(event)

    def _read_request(self, message: Message) -> RequestReceived | StatusError:
        header = message.header
        misuse = self._peer_ids.accept(header.stream_id)
        if misuse is not None:
            return StatusError(Status.INVALID_ARGUMENT, misuse)
        if message.body is None:
            return self._too_large(header)
        request = Request.parse(message.body)
        if request is None:
            return StatusError(Status.INVALID_ARGUMENT, "unmarshal request error")
        method = self._serves.get((request.service, request.method))
        if method is None:
            return self._unimplemented(request)
        try:
            payload = method.request.FromString(request.payload)
        except DecodeError:
            return StatusError(Status.INTERNAL, "ttrpc: error unmarshalling payload")
        return RequestReceived(header.stream_id, method, payload, request.timeout_ns)

    def _unimplemented(self, request: Request) -> StatusError:
        if request.service in self._services:
            return StatusError(Status.UNIMPLEMENTED, f"method {request.method[:_MAX_ECHO]}")
        return StatusError(Status.UNIMPLEMENTED, f"service {request.service[:_MAX_ECHO]}")

    def _too_large(self, header: Header) -> StatusError:
        limit = self.limits.max_message_bytes
        text = f"message length {header.length} exceed maximum message size of {limit}"
        return StatusError(Status.RESOURCE_EXHAUSTED, text)

    def _receive_called(self, message: Message) -> None:
        if message.header.type != MessageType.RESPONSE:
            self.counters.ignored_messages += 1
            return
        stream_id = message.header.stream_id
        method = self._calls.pop(stream_id, None)
        if method is None:
            self.counters.stray_responses += 1
            return
        answer = self._read_response(message, method)
        if isinstance(answer, StatusError):
            self._events.append(CallFailed(stream_id, method, answer))
        else:
            self._events.append(ReplyReceived(stream_id, method, answer))

    def _read_response(self, message: Message, method: Method) -> NriMessage | StatusError:
        if message.body is None:
            return self._too_large(message.header)
        response = Response.parse(message.body)
        if response is None:
            return StatusError(Status.INTERNAL, "the response is no ttrpc response")
        if response.error is not None:
            return response.error
        try:
            return method.response.FromString(response.payload)
        except DecodeError:
            return StatusError(Status.INTERNAL, f"the payload is no response of {method.name}")

    # ---- sending ----

    def _respond(self, stream_id: int, body: bytes) -> None:
        del self._requests[stream_id]
        self._send_response(stream_id, body)

    def _send_response(self, stream_id: int, body: bytes) -> None:
        self._send(self._serving, stream_id, MessageType.RESPONSE, body)

    def _send(self, channel: Channel, stream_id: int, kind: MessageType, body: bytes) -> None:
        header = Header(len(body), stream_id, kind).serialize()
        frames = lay_out(channel, header, body, self._layout)
        self._unsent += [frame.serialize() for frame in frames]

    def _check_size(self, body: bytes) -> None:
        if len(body) > self.limits.max_sent_message_bytes:
            raise OutgoingTooLarge(len(body), self.limits.max_sent_message_bytes)

    def _check_waiting(self, stream_id: int) -> None:
        self._check_open()
        if stream_id not in self._requests:
            raise UnknownStream(stream_id)

    # ---- life ----

    def _check_open(self) -> None:
        if self.state is State.OPEN:
            return
        reason: NriError = self.error or ConnectionLost("the session is closed")
        raise reason

    def _fail(self, error: ProtocolError) -> None:
        self.error = error
        self._change(Change.VIOLATION)
        self._events.append(ProtocolFailed(error))

    def _change(self, change: Change) -> None:
        self.state = TRANSITIONS[self.state][change]
