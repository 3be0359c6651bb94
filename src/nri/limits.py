"""The limits that keep a peer from taking more memory or time than it deserves."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session accepts and sends. Sizes in bytes, the rest are counts."""

    max_frame_bytes: int = 64 * MIB
    """Payload of one received frame. Runtimes up to NRI 0.6 send up to 16 MiB per frame and
    their reader has no bound of its own; a larger header is nonsense, and ends the
    connection before any of the payload is kept."""

    max_message_bytes: int = 64 * MIB
    """Body of one received message. ttrpc says 4 MiB, but containerd 1.7 sends the state of a
    large node as one larger message. What is larger is skipped and answered with code 8."""

    max_skipped_bytes: int = 256 * MIB
    """A message that announces more than this is not even skipped: the connection ends."""

    max_sent_message_bytes: int = 4 * MIB
    """Body of one sent message: the ttrpc maximum. Going beyond kills that direction of a
    Go peer for good, so it is refused here instead."""

    max_pending_requests: int = 1024
    """Requests of the peer without an answer. A runtime has one, rarely a handful."""

    max_pending_calls: int = 64
    """Own calls without an answer."""

    max_unsent_bytes: int = 16 * MIB
    """What may wait in the write buffer of the transport. Four answers of maximum size:
    whoever leaves more unread has stopped reading."""

    max_sync_bytes: int = 256 * MIB
    """All chunks of one synchronisation together."""

    requests_per_turn: int = 64
    """Requests handled before the event loop gets a turn, when one read brought more."""
